"""All that changes while training: what a checkpoint must hold for the run to go on."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganctl.config import TrainConfig
from ganctl.errors import BadInput
from ganctl.models.networks import Discriminator, Generator, seeded_networks
from ganctl.training.adam import Adam
from ganctl.training.ema import STATISTICS_BATCHES, recompute_statistics, update_average
from ganctl.training.flat import flatten, unflatten


@dataclass
class TrainState:
    """Both players, their optimiser, the generator's average and where the run stands."""

    generator: Generator
    discriminator: Discriminator
    generator_ema: Generator | None  # None: the recipe keeps no average
    vectors: dict[str, nn.Parameter]  # each network's parameters in one piece, by its name above
    adam: Adam  # of the vectors "generator" and "discriminator"
    latent_rng: torch.Generator  # of the training latents, on the run's device
    epoch_totals: Tensor  # (4,) sums over this epoch's steps of what adversarial_step returns
    step: int = 0  # finished, over all epochs
    rollbacks: int = 0  # to an earlier checkpoint, because training diverged
    best_distance: float = math.inf  # the smallest Fréchet distance measured so far
    statistics_step: int = -1  # whose average generator_ema's BatchNorm statistics belong to

    @property
    def device(self) -> torch.device:
        """Return where the networks live."""
        return self.epoch_totals.device

    def drawing_generator(self) -> Generator:
        """Return the generator to sample from, in eval mode: the average, else the live one.

        The average's BatchNorm statistics are recomputed for its weights.
        """
        if self.generator_ema is None:
            return copy.deepcopy(self.generator).eval()
        if self.statistics_step != self.step:
            batches = STATISTICS_BATCHES if self.step else 1  # nothing is learnt yet
            recompute_statistics(self.generator_ema, batches)
            self.statistics_step = self.step
        return self.generator_ema

    def preview_generator(self) -> Generator:
        """Return a copy of what `drawing_generator` would, and leave everything as it is.

        Its statistics are those of one batch of latents: as good to look at, and cheap.
        """
        copied = copy.deepcopy(self.generator_ema or self.generator).eval()
        if self.generator_ema is not None:
            recompute_statistics(copied, batches=1)
        return copied


def new_state(config: TrainConfig, device: torch.device) -> TrainState:
    """Return the state before the first step: a pure function of the configuration."""
    return state_of(*seeded_networks(config.model, config.seed), config, device)


def state_of(
    generator: Generator, discriminator: Discriminator, config: TrainConfig, device: torch.device
) -> TrainState:
    """Return the state before the first step of these two networks, which it takes over."""
    networks: dict[str, nn.Module] = {
        "generator": generator.to(device).train(),
        "discriminator": discriminator.to(device).train(),
    }
    average = copy.deepcopy(generator).eval() if config.ema_decay else None
    vectors = {name: flatten(network) for name, network in networks.items()}
    adam = Adam(vectors.values(), config.lr, (config.b1, config.b2))
    if average is not None:
        vectors["generator_ema"] = flatten(average)
    return TrainState(
        generator=generator,
        discriminator=discriminator,
        generator_ema=average,
        vectors=vectors,
        adam=adam,
        latent_rng=torch.Generator(device).manual_seed(config.seed),
        epoch_totals=torch.zeros(4, device=device),
    )


def average_weights(state: TrainState, config: TrainConfig) -> None:
    """Let the average follow the live generator, once every ``ema_every`` steps.

    A pass over all weights at every step would take a twentieth of the training time.
    """
    if state.generator_ema is not None and state.step % config.ema_every == 0:
        decay, updates = config.ema_decay**config.ema_every, state.step // config.ema_every
        average, live = state.vectors["generator_ema"], state.vectors["generator"]
        update_average(average, live, decay, updates)


def state_tensors(state: TrainState) -> dict[str, Tensor]:
    """Return every tensor of ``state`` by name, for a checkpoint.

    Adam's moments go by ``generator_adam.INDEX.NAME``, a parameter each, as torch numbers them.
    """
    tensors = {
        "latent_rng": state.latent_rng.get_state(),
        "epoch_totals": state.epoch_totals,
    }
    if state.rollbacks:
        tensors["rollbacks"] = torch.tensor(state.rollbacks)
    if math.isfinite(state.best_distance):
        tensors["best_distance"] = torch.tensor(state.best_distance, dtype=torch.float64)
    for name, network in _networks(state).items():
        tensors |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
    for (name, network), moments in zip(_players(state).items(), state.adam.moments, strict=True):
        for key, value in moments.items():
            count = len(list(network.parameters()))
            pieces = [value] * count if key == "step" else unflatten(network, value)
            tensors |= {f"{name}_adam.{index}.{key}": piece for index, piece in enumerate(pieces)}
    return {name: tensor.clone() for name, tensor in tensors.items()}


def drawing_tensors(state: TrainState) -> dict[str, Tensor]:
    """Return the tensors of the generator to sample from, under their names in `state_tensors`."""
    name = "generator_ema" if state.generator_ema else "generator"
    tensors = state.drawing_generator().state_dict()
    return {f"{name}.{key}": tensor.clone() for key, tensor in tensors.items()}


def restore_state(state: TrainState, tensors: Mapping[str, Tensor], step: int) -> None:
    """Put what `state_tensors` returned into a new state of the same configuration.

    On another kind of device the latents' random state does not fit: it is then seeded anew from
    the seed and the step.

    Raises:
        BadInput: a tensor is missing, unknown or of another shape.
    """
    try:
        for name, network in _networks(state).items():
            network.load_state_dict(under(name, tensors))
        for (name, network), moments in zip(
            _players(state).items(), state.adam.moments, strict=True
        ):
            _restore_moments(moments, network, under(f"{name}_adam", tensors))
        state.epoch_totals.copy_(tensors["epoch_totals"])
        state.rollbacks = int(tensors.get("rollbacks", 0))
        state.best_distance = float(tensors.get("best_distance", math.inf))
        rng_state = tensors["latent_rng"]
    except (RuntimeError, KeyError, ValueError) as error:
        raise BadInput(
            f"the checkpoint does not fit its own configuration: {error}", "use another checkpoint"
        ) from error
    if rng_state.shape == state.latent_rng.get_state().shape:
        state.latent_rng.set_state(rng_state)
    else:
        state.latent_rng.manual_seed(state.latent_rng.initial_seed() + step)
    state.step = step
    state.statistics_step = -1


def _restore_moments(
    moments: Mapping[str, Tensor], network: nn.Module, tensors: Mapping[str, Tensor]
) -> None:
    """Fill Adam's moments of ``network``'s vector with those of its parameters."""
    parameters = list(network.parameters())
    moments["step"].copy_(tensors["0.step"])
    for key in ("exp_avg", "exp_avg_sq"):
        pieces = [tensors[f"{index}.{key}"] for index in range(len(parameters))]
        if [piece.shape for piece in pieces] != [parameter.shape for parameter in parameters]:
            raise ValueError(f"{key} has other shapes than the parameters")
        moments[key].copy_(torch.cat([piece.flatten() for piece in pieces]))


def _networks(state: TrainState) -> dict[str, nn.Module]:
    average = {"generator_ema": state.generator_ema} if state.generator_ema else {}
    return _players(state) | average


def _players(state: TrainState) -> dict[str, nn.Module]:
    return {"generator": state.generator, "discriminator": state.discriminator}


def under(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with ``name.``, by the rest of their names."""
    prefix = name + "."
    return {key[len(prefix) :]: tensors[key] for key in tensors if key.startswith(prefix)}
