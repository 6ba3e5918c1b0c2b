"""The training loop: epochs of steps, figures, samples and checkpoints; it knows no terminal."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ganctl import __version__
from ganctl.card import Card
from ganctl.config import TrainConfig, to_dict
from ganctl.data import ImageData
from ganctl.drawing import draw
from ganctl.errors import CheckFailed
from ganctl.images import Pixels, write_images
from ganctl.inputs import Inputs, seeded
from ganctl.latents import Labels, Stream, random_generator
from ganctl.training.checkpoint import Checkpoint, save_checkpoint
from ganctl.training.distributed import ALONE, World
from ganctl.training.generate import as_function
from ganctl.training.losses import OBJECTIVES
from ganctl.training.precision import DTYPES, LowPrecision
from ganctl.training.run import Run
from ganctl.training.state import TrainState, average_weights, drawing_tensors, state_tensors
from ganctl.training.step import (
    add_gradient_penalty,
    add_lipschitz_penalty,
    adversarial_step,
)

REPORT_SECONDS = 0.5
SAMPLES = 64

MEASURED = 2000
"""Images that are drawn to be measured, at indices that nobody asks for: from `MEASURED_START`."""

MEASURED_START = 2**40

Measure = Callable[[Pixels, Labels | None], dict[str, float]]
"""Images (N, C, H, W) and the classes asked for, if any → figures, with a ``frechet_distance``."""

LIPSCHITZ_WEIGHT = 10.0
"""Of the Wasserstein objective's penalty, which takes R1's place (Gulrajani et al. 2017)."""

LIPSCHITZ_EVERY = 4
"""Steps between its penalties, each weighted so many times as much."""

STOP_EVERY = 10
"""Steps between the questions whether to stop, where several processes must agree on it."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands; losses and D's outputs are means over the epoch so far."""

    epoch: int  # the current one, from 1
    epochs: int
    step: int  # finished in this epoch
    steps: int  # in an epoch
    g_loss: float
    d_loss: float
    d_real: float  # D(x): 1 where the discriminator believes in real images
    d_fake: float  # D(G(z)): 0 where it sees through the generated ones
    images_per_second: float
    frechet_distance: float | None = None  # as last measured


@dataclass
class Training:
    """One run: its state, and all that it needs to move on.

    Attributes:
        state: new, or restored from a checkpoint; it is changed.
        data: the training images.
        config: of the run.
        run: its folder, which exists.
        world: the processes that the run is spread over; the leading one alone writes.
        measure: says how good the images are, every ``config.eval_every`` epochs.
    """

    state: TrainState
    data: ImageData
    config: TrainConfig
    run: Run
    world: World = ALONE
    measure: Measure | None = None

    def __post_init__(self) -> None:
        state, dtype = self.state, DTYPES[self.config.precision]
        self._gradients = (
            partial(adversarial_step, state.generator, state.discriminator)
            if dtype == torch.float32
            else LowPrecision(state.generator, state.discriminator, dtype).adversarial_step
        )
        players = (state.vectors["generator"], state.vectors["discriminator"])
        self._vector_gradients = [vector.grad for vector in players if vector.grad is not None]
        self._distance: float | None = None

    def train(self, report: Callable[[Progress], None], should_stop: Callable[[], bool]) -> bool:
        """Train to the configured number of epochs, saving on the way and at the end.

        Args:
            report: told several times a second, and at each epoch's end (``step == steps``).
            should_stop: asked before each step; where several processes must agree to stop,
                before every `STOP_EVERY`-th.

        Returns:
            True when all epochs are finished; False when the run was stopped, and saved, before.

        Raises:
            CheckFailed: a loss or a weight is no finite number; the last good checkpoint stays.
            BadInput, OutOfResources: the run's folder cannot be written.
        """
        device = self.state.device
        images = place(torch.from_numpy(self.data.images).flatten(1), device)
        labels = self._labels(device)
        count, batch_size = len(images), self.config.batch_size
        while self.state.step < self.steps * self.config.epochs:
            epoch, done = divmod(self.state.step, self.steps)
            batches = epoch_batches(self.config.seed, epoch, count, batch_size)
            clock = _Clock()
            for indices in batches[done:]:
                if self._agree(should_stop):
                    self._check_weights()
                    self._save({})
                    return False
                if clock.images and clock.is_due():
                    report(self._progress(epoch, clock))
                mine = self.world.share(indices).to(images.device)
                real = scale(images.index_select(0, mine).to(device))
                chosen = None if labels is None else labels.index_select(0, mine).to(device)
                self._step(real, self._latents(len(indices)), chosen)
                clock.images += len(indices)
            progress = self._progress(epoch, clock)
            self._finish_epoch(progress, clock.seconds())
            report(dataclasses.replace(progress, frechet_distance=self._distance))
        return True

    @property
    def steps(self) -> int:
        """Return the steps in an epoch."""
        return epoch_steps(len(self.data.images), self.config.batch_size)

    @property
    def _rate(self) -> float:
        """Return the share of the learning rate that the next step is taken at."""
        step, after = self.state.step, self.config.decay_after
        if not after or step <= after:
            return 1.0
        total = self.steps * self.config.epochs
        return max(self.config.decay_floor, (total - step) / (total - after))

    def _agree(self, should_stop: Callable[[], bool]) -> bool:
        if self.world.size > 1 and self.state.step % STOP_EVERY:
            return False
        return self.world.any(should_stop(), self.state.device)

    def _latents(self, count: int) -> Tensor:
        """Return this process's share of the latents of the next ``count`` images."""
        shape, state = (count, self.config.model.latent_dim), self.state
        return self.world.share(torch.randn(shape, generator=state.latent_rng, device=state.device))

    def _labels(self, device: torch.device) -> Tensor | None:
        """Return the labels of a conditional run's images."""
        if not self.config.model.classes or self.data.labels is None:
            return None
        return place(torch.from_numpy(self.data.labels), device)

    def _step(self, real: Tensor, z: Tensor, labels: Tensor | None) -> None:
        state = self.state
        figures = self._gradients(real, z, labels, OBJECTIVES[self.config.objective])
        self._penalise(real, z, labels)
        self.world.average([*self._vector_gradients, figures])
        state.adam.lr = self.config.lr * self._rate
        state.adam.step()
        average_weights(state, self.config)
        state.epoch_totals += figures
        state.step += 1

    def _penalise(self, real: Tensor, z: Tensor, labels: Tensor | None) -> None:
        """Add the gradient of the objective's penalty to the discriminator's, where one is due."""
        state, config = self.state, self.config
        if config.objective == "wasserstein":
            if state.step % LIPSCHITZ_EVERY == 0:
                with torch.no_grad():
                    fake = state.generator(z, labels)
                shape, device = (len(z) * self.world.size, 1), state.device
                mix = torch.rand(shape, generator=state.latent_rng, device=device)
                weight = LIPSCHITZ_WEIGHT * LIPSCHITZ_EVERY
                mine = self.world.share(mix)[: len(z)]
                add_lipschitz_penalty(state.discriminator, real, fake, mine, weight, labels)
        elif config.r1_weight and state.step % config.r1_every == 0:
            weight = config.r1_weight * config.r1_every
            add_gradient_penalty(state.discriminator, real, weight, labels)

    def _progress(self, epoch: int, clock: _Clock) -> Progress:
        step = self.state.step - epoch * self.steps
        means = (self.state.epoch_totals / step).tolist()  # the only wait for the device
        if not all(map(math.isfinite, means)):
            raise self._diverged("a loss")
        return Progress(
            epoch=epoch + 1,
            epochs=self.config.epochs,
            step=step,
            steps=self.steps,
            **dict(zip(("g_loss", "d_loss", "d_real", "d_fake"), means, strict=True)),
            images_per_second=clock.images / clock.seconds(),
            frechet_distance=self._distance,
        )

    def _finish_epoch(self, progress: Progress, seconds: float) -> None:
        self._check_weights()
        epoch, config = progress.epoch, self.config
        last = epoch == config.epochs
        self.state.epoch_totals.zero_()
        if not self.world.leads:
            return
        measured = self._measure() if last or _is_due(epoch, config.eval_every) else {}
        self.run.append_metrics(_figures(progress, self.state.step, seconds) | measured)
        if config.sample_every and (last or _is_due(epoch, config.sample_every)):
            self._draw_samples(epoch)
        if last or _is_due(epoch, config.checkpoint_every):
            self._save(measured)

    def _measure(self) -> dict[str, float]:
        """Return the figures of the generator as it stands, and keep it if it is the best so far.

        With no `measure`, or none wanted, there are no figures.
        """
        if self.measure is None or not self.config.eval_every:
            return {}
        images = np.concatenate(list(self._draw(MEASURED_START, MEASURED)))
        figures = self.measure(images, self._inputs(MEASURED_START, MEASURED)[1])
        self._distance = figures["frechet_distance"]
        if self._distance < self.state.best_distance:
            self.state.best_distance = self._distance
            tensors = drawing_tensors(self.state)
            save_checkpoint(self.run.best, self._checkpoint(tensors, figures))
        return figures

    def _draw_samples(self, epoch: int) -> None:
        """Draw the same latents each time: the pictures show them through the training."""
        write_images(self.run.sample(epoch), self._draw(0, SAMPLES), SAMPLES)

    def _draw(self, start: int, count: int) -> Iterator[Pixels]:
        generator = as_function(self.state.drawing_generator())
        return draw(generator, self._inputs, start=start, count=count, batch_size=SAMPLES)

    @property
    def _inputs(self) -> Inputs:
        """What the run's pictures are drawn from: as ``ganctl sample`` would with its seed."""
        model = self.config.model
        shares = class_shares(self.data) if model.classes else ()
        return seeded(self.config.seed, model.latent_dim, shares)

    def _check_weights(self) -> None:
        """Keep a weight that is not finite out of samples and checkpoints."""
        tensors = state_tensors(self.state).values()
        if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors):
            raise self._diverged("a weight")

    def _save(self, quality: dict[str, float]) -> None:
        if not self.world.leads:
            return
        self.state.drawing_generator()  # saved with BatchNorm statistics of its own
        save_checkpoint(self.run.checkpoint, self._checkpoint(state_tensors(self.state), quality))

    def _checkpoint(self, tensors: dict[str, Tensor], quality: dict[str, float]) -> Checkpoint:
        epochs = self.state.step // self.steps
        card = make_card(self.state, self.data, self.config, self.run.name, epochs)
        card = dataclasses.replace(card, quality=quality)
        return Checkpoint(self.config, card, self.state.step, tensors)

    def _diverged(self, what: str) -> CheckFailed:
        way_out = "try a lower --lr"
        if self.run.checkpoint.exists():
            way_out += f"; the last good checkpoint is {self.run.checkpoint}"
        step = self.state.step
        return CheckFailed(f"training diverged: {what} is not finite after {step} steps", way_out)


def epoch_steps(count: int, batch_size: int) -> int:
    """Return the steps in an epoch of ``count`` images.

    The last, partial batch is kept, unless it is a single image: batch statistics need two.
    """
    return count // batch_size + (count % batch_size > 1)


def epoch_batches(seed: int, epoch: int, count: int, batch_size: int) -> tuple[Tensor, ...]:
    """Return each step's image indices: a new order every epoch, a pure function of the seed."""
    order = random_generator(seed, Stream.ORDER, epoch).permutation(count)
    return torch.split(torch.from_numpy(order), batch_size)[: epoch_steps(count, batch_size)]


def place(images: Tensor, device: torch.device) -> Tensor:
    """Return ``images`` on ``device``, or as they are where they would fill half of its memory."""
    if device.type == "cuda" and images.nbytes > torch.cuda.mem_get_info(device)[0] / 2:
        return images
    return images.to(device)


def scale(images: Tensor) -> Tensor:
    """Return grey levels 0 … 255 as float32 in [-1, 1], bit for bit as the note's transforms do.

    ToTensor divides by 255; Normalize subtracts 0.5 and divides by 0.5.
    """
    return images.float().div_(255).sub_(0.5).div_(0.5)


class _Clock:
    """Counts an epoch's images and says when the next report is due."""

    def __init__(self) -> None:
        self.start = self.reported = time.perf_counter()
        self.images = 0

    def is_due(self) -> bool:
        now = time.perf_counter()
        if now - self.reported < REPORT_SECONDS:
            return False
        self.reported = now
        return True

    def seconds(self) -> float:
        return time.perf_counter() - self.start


def make_card(
    state: TrainState, data: ImageData, config: TrainConfig, name: str, epochs: int
) -> Card:
    """Return the card of the generator as it stands; paths of this machine stay out of it."""
    described = to_dict(config) | {"data": data.name}
    del described["data_dir"]
    return Card(
        name=name,
        architecture=config.model.arch,
        latent_dim=config.model.latent_dim,
        image_shape=config.model.image_shape,
        class_names=data.class_names,
        class_shares=class_shares(data) if config.model.classes else (),
        data_name=data.name,
        data_fingerprint=data.fingerprint,
        data_count=len(data.images),
        data_note=data.note,
        weights="ema" if state.generator_ema else "live",
        epochs=epochs,
        steps=state.step,
        config=described,
        ganctl_version=__version__,
    )


def class_shares(data: ImageData) -> tuple[float, ...]:
    """Return how often each class occurs in ``data``, which has labels; they sum to 1."""
    counts = np.bincount(data.labels, minlength=len(data.class_names))  # type: ignore[arg-type]
    return tuple((counts / counts.sum()).tolist())


def _is_due(epoch: int, every: int) -> bool:
    """Tell whether something is due that happens every so many epochs; 0 for never."""
    return every > 0 and epoch % every == 0


def _figures(progress: Progress, step: int, seconds: float) -> dict[str, float]:
    """Return an epoch's line of metrics; ``step`` counts from the run's start."""
    figures = dataclasses.asdict(progress)
    del figures["epochs"], figures["steps"], figures["frechet_distance"]
    return figures | {"step": step, "seconds": round(seconds, 3)}
