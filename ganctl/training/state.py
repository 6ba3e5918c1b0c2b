"""All that changes while training: what a checkpoint must hold for the run to go on."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Adam

from ganctl.config import TrainConfig
from ganctl.errors import BadInput
from ganctl.training.ema import recompute_statistics, update_average
from ganctl.training.networks import Discriminator, Generator, seeded_networks


@dataclass
class TrainState:
    """Both players, their optimisers, the generator's average and where the run stands."""

    generator: Generator
    discriminator: Discriminator
    generator_ema: Generator | None  # None: the recipe keeps no average
    generator_adam: Adam
    discriminator_adam: Adam
    latent_rng: torch.Generator  # of the training latents, on the run's device
    epoch_totals: Tensor  # (4,) sums over this epoch's steps of what adversarial_step returns
    step: int = 0  # finished, over all epochs
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
            recompute_statistics(self.generator_ema)
            self.statistics_step = self.step
        return self.generator_ema


def new_state(config: TrainConfig, device: torch.device) -> TrainState:
    """Return the state before the first step: a pure function of the configuration."""
    generator, discriminator = seeded_networks(config.model, config.seed)
    generator.to(device).train()
    discriminator.to(device).train()

    def adam(network: nn.Module) -> Adam:
        betas = (config.b1, config.b2)
        return Adam(network.parameters(), lr=config.lr, betas=betas, fused=True)

    return TrainState(
        generator=generator,
        discriminator=discriminator,
        generator_ema=copy.deepcopy(generator).eval() if config.ema_decay else None,
        generator_adam=adam(generator),
        discriminator_adam=adam(discriminator),
        latent_rng=torch.Generator(device).manual_seed(config.seed),
        epoch_totals=torch.zeros(4, device=device),
    )


def average_weights(state: TrainState, config: TrainConfig) -> None:
    """Let the average follow the live generator, once every ``ema_every`` steps.

    A pass over all weights at every step would take a tenth of the training time.
    """
    if state.generator_ema is not None and state.step % config.ema_every == 0:
        decay, updates = config.ema_decay**config.ema_every, state.step // config.ema_every
        update_average(state.generator_ema, state.generator, decay, updates)


def state_tensors(state: TrainState) -> dict[str, Tensor]:
    """Return every tensor of ``state`` by name, for a checkpoint."""
    tensors = {
        "latent_rng": state.latent_rng.get_state(),
        "epoch_totals": state.epoch_totals,
    }
    for name, network in _networks(state).items():
        tensors |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
    for name, adam in _optimisers(state).items():
        for index, slots in adam.state_dict()["state"].items():
            tensors |= {f"{name}.{index}.{key}": value for key, value in slots.items()}
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


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
        for name, adam in _optimisers(state).items():
            slots: dict[int, dict[str, Tensor]] = {}
            for key, value in under(name, tensors).items():
                index, _, slot = key.partition(".")
                slots.setdefault(int(index), {})[slot] = value
            groups = adam.state_dict()["param_groups"]
            adam.load_state_dict({"state": slots, "param_groups": groups})
        state.epoch_totals.copy_(tensors["epoch_totals"])
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


def _networks(state: TrainState) -> dict[str, nn.Module]:
    networks: dict[str, nn.Module] = {
        "generator": state.generator,
        "discriminator": state.discriminator,
    }
    return networks | ({"generator_ema": state.generator_ema} if state.generator_ema else {})


def _optimisers(state: TrainState) -> dict[str, Adam]:
    return {
        "generator_adam": state.generator_adam,
        "discriminator_adam": state.discriminator_adam,
    }


def under(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with ``name.``, by the rest of their names."""
    prefix = name + "."
    return {key[len(prefix) :]: tensors[key] for key in tensors if key.startswith(prefix)}
