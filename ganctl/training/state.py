"""Everything that changes during training: what a checkpoint must hold to resume exactly."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganctl.config import TrainConfig
from ganctl.errors import BadInput
from ganctl.latents import Stream, latents
from ganctl.models.networks import Discriminator, Generator, seeded_networks
from ganctl.training.adam import Adam, flatten, unflatten

STATISTICS_BATCHES, STATISTICS_BATCH = 16, 256  # of latents, for BatchNorm's statistics


@dataclass
class TrainState:
    """Both networks, their optimiser, the generator's average and the position in the run."""

    generator: Generator
    discriminator: Discriminator
    generator_ema: Generator | None  # None if the recipe keeps no average
    vectors: dict[str, nn.Parameter]  # each network's parameters as one vector, by attribute name
    adam: Adam  # of the vectors "generator" and "discriminator"
    latent_rng: torch.Generator  # of the training latents, on the run's device
    epoch_totals: Tensor  # (4,) sums over this epoch's steps of what adversarial_step returns
    step: int = 0  # finished, over all epochs
    rollbacks: int = 0  # to an earlier checkpoint because training diverged
    best_distance: float = math.inf  # smallest Fréchet distance measured so far
    statistics_step: int = -1  # the step that generator_ema's BatchNorm statistics belong to

    @property
    def device(self) -> torch.device:
        """Return where the networks are."""
        return self.epoch_totals.device

    def drawing_generator(self) -> Generator:
        """Return the generator to draw with, in eval mode: the average if there is one.

        The average's BatchNorm statistics are recomputed for its present weights.
        """
        if self.generator_ema is None:
            return copy.deepcopy(self.generator).eval()
        if self.statistics_step != self.step:
            batches = STATISTICS_BATCHES if self.step else 1  # an untrained network needs no more
            recompute_statistics(self.generator_ema, batches)
            self.statistics_step = self.step
        return self.generator_ema

    def preview_generator(self) -> Generator:
        """Return a cheaper copy of `drawing_generator`, and leave the state unchanged.

        Its statistics are those of one batch of latents.
        """
        copied = copy.deepcopy(self.generator_ema or self.generator).eval()
        if self.generator_ema is not None:
            recompute_statistics(copied, batches=1)
        return copied

    def update_average(self, config: TrainConfig) -> None:
        """Let the average follow the live generator, every ``ema_every`` steps."""
        if self.generator_ema is not None and self.step % config.ema_every == 0:
            decay, updates = config.ema_decay**config.ema_every, self.step // config.ema_every
            average, live = self.vectors["generator_ema"], self.vectors["generator"]
            update_average(average, live, decay, updates)

    def tensors(self) -> dict[str, Tensor]:
        """Return copies of all tensors by name, for a checkpoint.

        Adam's moments are named ``generator_adam.INDEX.NAME``, per parameter, as torch numbers
        them.
        """
        tensors = {"latent_rng": self.latent_rng.get_state(), "epoch_totals": self.epoch_totals}
        if self.rollbacks:
            tensors["rollbacks"] = torch.tensor(self.rollbacks)
        if math.isfinite(self.best_distance):
            tensors["best_distance"] = torch.tensor(self.best_distance, dtype=torch.float64)
        for name, network in self._networks().items():
            tensors |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
        for name, moments in self._moments().items():
            network = self._networks()[name]
            for key, value in moments.items():
                count = len(list(network.parameters()))
                pieces = [value] * count if key == "step" else unflatten(network, value)
                tensors |= {f"{name}_adam.{i}.{key}": piece for i, piece in enumerate(pieces)}
        return {name: tensor.clone() for name, tensor in tensors.items()}

    def drawing_tensors(self) -> dict[str, Tensor]:
        """Return copies of the tensors of `drawing_generator`, under their names in `tensors`."""
        name = "generator_ema" if self.generator_ema else "generator"
        tensors = self.drawing_generator().state_dict()
        return {f"{name}.{key}": tensor.clone() for key, tensor in tensors.items()}

    def restore(self, tensors: Mapping[str, Tensor], step: int) -> None:
        """Load what `tensors` returned into a new state of the same configuration.

        On another kind of device the latents' random state does not fit: it is seeded anew from
        the seed and the step.

        Raises:
            BadInput: a tensor is missing, unknown or of another shape.
        """
        try:
            for name, network in self._networks().items():
                network.load_state_dict(under(name, tensors))
            for name, moments in self._moments().items():
                self._restore_moments(moments, name, under(f"{name}_adam", tensors))
            self.epoch_totals.copy_(tensors["epoch_totals"])
            self.rollbacks = int(tensors.get("rollbacks", 0))
            self.best_distance = float(tensors.get("best_distance", math.inf))
            rng_state = tensors["latent_rng"]
        except (RuntimeError, KeyError, ValueError) as error:
            raise BadInput(
                f"the checkpoint does not fit its own configuration: {error}",
                "use another checkpoint",
            ) from error
        if rng_state.shape == self.latent_rng.get_state().shape:
            self.latent_rng.set_state(rng_state)
        else:
            self.latent_rng.manual_seed(self.latent_rng.initial_seed() + step)
        self.step = step
        self.statistics_step = -1

    def _restore_moments(
        self, moments: Mapping[str, Tensor], name: str, tensors: Mapping[str, Tensor]
    ) -> None:
        parameters = list(self._networks()[name].parameters())
        moments["step"].copy_(tensors["0.step"])
        for key in ("exp_avg", "exp_avg_sq"):
            pieces = [tensors[f"{index}.{key}"] for index in range(len(parameters))]
            if [piece.shape for piece in pieces] != [parameter.shape for parameter in parameters]:
                raise ValueError(f"{key} has other shapes than the parameters")
            moments[key].copy_(torch.cat([piece.flatten() for piece in pieces]))

    def _moments(self) -> dict[str, dict[str, Tensor]]:
        return dict(zip(("generator", "discriminator"), self.adam.moments, strict=True))

    def _networks(self) -> dict[str, nn.Module]:
        return {name: getattr(self, name) for name in self.vectors}


def new_state(config: TrainConfig, device: torch.device) -> TrainState:
    """Return the state before the first step: a pure function of the configuration."""
    return state_of(*seeded_networks(config), config, device)


def state_of(
    generator: Generator, discriminator: Discriminator, config: TrainConfig, device: torch.device
) -> TrainState:
    """Return the state before the first step of these two networks, which it takes over."""
    generator, discriminator = generator.to(device).train(), discriminator.to(device).train()
    average = copy.deepcopy(generator).eval() if config.ema_decay else None
    vectors = {"generator": flatten(generator), "discriminator": flatten(discriminator)}
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


def under(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with ``name.``, by the rest of their names."""
    prefix = name + "."
    return {key[len(prefix) :]: tensors[key] for key in tensors if key.startswith(prefix)}


@torch.no_grad()
def update_average(average: Tensor, live: Tensor, decay: float, updates: int) -> None:
    """Move the weights ``average`` towards ``live``: average ← d · average + (1 - d) · live.

    d = min(decay, (1 + updates) / (10 + updates)), so that a young average forgets its random
    start (TensorFlow's ExponentialMovingAverage with ``num_updates``); ``updates`` counts earlier
    updates. BatchNorm's statistics are not averaged: see `recompute_statistics`.
    """
    decay = min(decay, (1 + updates) / (10 + updates))
    average.lerp_(live, 1 - decay)


@torch.no_grad()
def recompute_statistics(generator: Generator, batches: int = STATISTICS_BATCHES) -> None:
    """Replace BatchNorm's running statistics by those of the generator's present weights.

    The live network's statistics belong to other weights, and an average of statistics is not the
    statistics of an average. 4,096 fixed latents (256 per batch), over all classes in turn, pass
    through: the result is a pure function of the weights.
    """
    norms = [module for module in generator.modules() if isinstance(module, _BatchNorm)]
    device = next(generator.parameters()).device
    labels = None
    if generator.classes:
        labels = torch.arange(STATISTICS_BATCH, device=device) % generator.classes
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative average over the batches
    generator.train()
    for index in range(batches if norms else 0):
        first = index * STATISTICS_BATCH
        z = latents(0, first, STATISTICS_BATCH, generator.latent_dim, Stream.STATISTICS)
        generator(torch.from_numpy(z).to(device), labels)
    generator.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
