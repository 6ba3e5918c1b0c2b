"""The training loop: epochs of steps. All other work is done by callbacks."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ganctl.checkpoint_file import read_checkpoint
from ganctl.config import TrainConfig
from ganctl.data import ImageData
from ganctl.errors import CheckFailed
from ganctl.images import Pixels
from ganctl.latents import Inputs, Stream, draw, random_generator, seeded
from ganctl.models.networks import Generator
from ganctl.runs.run_dir import RunDir
from ganctl.text import counted
from ganctl.training.checkpoint import as_function, decode
from ganctl.training.device import DTYPES
from ganctl.training.distributed import ALONE, World
from ganctl.training.losses import OBJECTIVES
from ganctl.training.progress import Progress
from ganctl.training.state import TrainState, new_state
from ganctl.training.step import add_lipschitz_penalty, add_r1_penalty, adversarial_step

log = logging.getLogger("ganctl")

LIPSCHITZ_WEIGHT = 10.0  # of the Wasserstein objective's penalty (Gulrajani et al. 2017)
LIPSCHITZ_EVERY = 4  # steps between its penalties, each weighted as many times
STOP_EVERY = 10  # steps between agreements on stopping, if there are several processes
REPORT_SECONDS = 0.5  # between two reports of the progress
DRAW_BATCH = 64


class Stopped(Exception):
    """Raised by `Callback.on_evaluate` if training is to stop before the evaluation has ended."""


class Diverged(CheckFailed):
    """A loss, a gradient or a weight is NaN or infinite."""


@dataclass
class Epoch:
    """A finished epoch. `Callback.on_evaluate` fills ``quality``."""

    progress: Progress
    seconds: float
    is_last: bool
    quality: dict[str, float] = dataclasses.field(default_factory=dict)

    def is_due(self, every: int) -> bool:
        """Tell whether work is due that is done every so many epochs and at the end; 0: never."""
        return every > 0 and (self.is_last or self.progress.epoch % every == 0)


class Callback:
    """Work around the training step. Only the main process has callbacks.

    They are called in the order in which they were passed; ``on_end`` in reverse order, and of all
    of them, even if one raises an exception. Each method may be left out.
    """

    def on_start(self, training: Training) -> None:
        """Training begins; the run is locked."""

    def on_progress(self, training: Training, progress: Progress) -> None:
        """Several steps have been taken: called a few times a second."""

    def on_evaluate(self, training: Training, epoch: Epoch) -> None:
        """Measure the generator, if due. May raise `Stopped`: then the epoch is not finished."""

    def on_epoch_end(self, training: Training, epoch: Epoch) -> None:
        """The epoch is finished and evaluated."""

    def on_samples(self, training: Training, images: Pixels, epoch: int | None) -> None:
        """Images (N, C, H, W) were drawn: the sample grid after ``epoch``; None for a preview."""

    def on_diverged(self, training: Training) -> None:
        """A value is NaN or infinite, and training will go back or end."""

    def on_rollback(self, training: Training) -> None:
        """Training has gone back to an earlier step."""

    def on_stop(self, training: Training) -> None:
        """Training was stopped before the last epoch's end."""

    def on_end(self, training: Training) -> None:
        """Training has ended, finished or stopped."""


class Training:
    """One run: its state and everything it needs to continue.

    Args:
        state: new, or restored from a checkpoint; it is changed.
        data: the training images.
        config: of the run.
        run: its folder.
        callbacks: of the main process.
        should_stop: asked before each step; with several processes, every `STOP_EVERY` steps.
        world: the processes of the run.
        quality: what was measured of the generator in ``state``.
    """

    def __init__(
        self,
        state: TrainState,
        data: ImageData,
        config: TrainConfig,
        run: RunDir,
        callbacks: Sequence[Callback] = (),
        should_stop: Callable[[], bool] = lambda: False,
        world: World = ALONE,
        quality: dict[str, float] | None = None,
    ) -> None:
        self.state, self.data, self.config, self.run = state, data, config, run
        self.should_stop, self.world, self.quality = should_stop, world, quality or {}
        self._callbacks = list(callbacks) if world.is_main else []
        self._inputs: Inputs = seeded(
            config.seed, config.latent_dim, data.class_shares if config.classes else ()
        )
        players = (state.vectors["generator"], state.vectors["discriminator"])
        self._grads = [vector.grad for vector in players if vector.grad is not None]
        self._distance: float | None = None

    def run_epochs(self) -> bool:
        """Train to the configured number of epochs.

        Returns:
            True if all epochs are finished; False if the run was stopped, and saved, before.

        Raises:
            CheckFailed: a loss, a gradient or a weight is NaN or infinite, more often than
                ``config.max_rollbacks`` allows.
        """
        self.emit("on_start")
        while True:
            try:
                finished = self._train()
                break
            except Diverged as error:
                self.emit("on_diverged")
                if self.state.rollbacks >= self.config.max_rollbacks:
                    raise self._with_way_out(error) from None
                self._roll_back(error)
        with ExitStack() as stack:
            for callback in self._callbacks:
                stack.callback(callback.on_end, self)
        return finished

    def emit(self, event: str, *arguments: object) -> None:
        """Call a method of all callbacks."""
        for callback in self._callbacks:
            getattr(callback, event)(self, *arguments)

    def draw(self, start: int, count: int, generator: Generator | None = None) -> Iterator[Pixels]:
        """Draw images as ``ganctl sample`` would with the run's seed, in batches of 64."""
        function = as_function(generator or self.state.drawing_generator())
        return draw(function, self._inputs, start=start, count=count, batch_size=DRAW_BATCH)

    def labels(self, start: int, count: int) -> np.ndarray | None:
        """Return the classes of the images that `draw` returns; None if unconditional."""
        return self._inputs(start, count)[1]

    @property
    def steps(self) -> int:
        """Return the steps in an epoch."""
        return epoch_steps(len(self.data.images), self.config.batch_size)

    @property
    def is_finished(self) -> bool:
        """Tell whether all epochs are trained and recorded."""
        return self._position[0] >= self.config.epochs

    @property
    def recorded_step(self) -> int:
        """Return the last step that metrics and samples may belong to."""
        return self.state.step - (self._position[1] == self.steps)

    @property
    def _position(self) -> tuple[int, int]:
        """Return the current epoch, from 0, and the steps finished in it.

        After an epoch's last step its totals stay until it is evaluated and recorded.
        """
        epoch, done = divmod(self.state.step, self.steps)
        if not done and bool(self.state.epoch_totals.any()):
            return epoch - 1, self.steps
        return epoch, done

    def _train(self) -> bool:
        state, config, device = self.state, self.config, self.state.device
        images = _place(torch.from_numpy(self.data.images), device)  # (N, C, H, W) uint8
        labels = None
        if config.classes and self.data.labels is not None:
            labels = _place(torch.from_numpy(self.data.labels), device)  # (N,)
        while not self.is_finished:
            epoch, done = self._position
            batches = epoch_batches(
                config.seed, epoch, len(images), config.batch_size, state.rollbacks
            )
            began, reported, seen = time.perf_counter(), time.perf_counter(), 0
            for indices in batches[done:]:
                if self._stop_is_agreed():
                    return self._stop()
                if seen and time.perf_counter() - reported >= REPORT_SECONDS:
                    reported = time.perf_counter()
                    self.emit("on_progress", self._progress(epoch, seen, reported - began))
                mine = self.world.share(indices).to(images.device)
                real = scale(images.index_select(0, mine).to(device))  # (B, C, H, W)
                chosen = None if labels is None else labels.index_select(0, mine).to(device)
                self._step(real, self._latents(len(indices)), chosen)
                seen += len(indices)
            seconds = time.perf_counter() - began
            if not self._finish_epoch(self._progress(epoch, seen, seconds), seconds):
                return self._stop()
        return True

    def _step(self, real: Tensor, z: Tensor, labels: Tensor | None) -> None:
        state, config = self.state, self.config
        networks = state.generator, state.discriminator
        objective, dtype = OBJECTIVES[config.objective], DTYPES[config.precision]
        metrics = adversarial_step(*networks, real, z, labels, objective, dtype)
        self._add_penalty(real, z, labels)
        self.world.average([*self._grads, metrics])
        self._check_grads(metrics)
        state.adam.lr = config.lr * self._lr_share()
        state.adam.step()
        state.update_average(config)
        state.epoch_totals += metrics
        state.step += 1
        self.quality = {}

    def _add_penalty(self, real: Tensor, z: Tensor, labels: Tensor | None) -> None:
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
            add_r1_penalty(state.discriminator, real, weight, labels)

    def _lr_share(self) -> float:
        step, after = self.state.step, self.config.decay_after
        if not after or step <= after:
            return 1.0
        total = self.steps * self.config.epochs
        return max(self.config.decay_floor, (total - step) / (total - after))

    def _latents(self, count: int) -> Tensor:
        shape, state = (count, self.config.latent_dim), self.state
        return self.world.share(torch.randn(shape, generator=state.latent_rng, device=state.device))

    def _progress(self, epoch: int, seen: int, seconds: float) -> Progress:
        step = self.state.step - epoch * self.steps
        g_loss, d_loss, d_real, d_fake = (self.state.epoch_totals / step).tolist()
        position = epoch + 1, self.config.epochs, step, self.steps
        return Progress(*position, g_loss, d_loss, d_real, d_fake, seen / seconds, self._distance)

    def _finish_epoch(self, progress: Progress, seconds: float) -> bool:
        """Evaluate and record the epoch; return False if a stop interrupts the evaluation.

        Then nothing is recorded and the epoch's totals stay, so that a resumed run evaluates it.
        """
        self._check_weights()
        epoch, stopped = Epoch(progress, seconds, progress.epoch == self.config.epochs), False
        try:
            self.emit("on_evaluate", epoch)
        except Stopped:
            stopped = True
        if self.world.any(stopped, self.state.device):
            return False
        self.quality = epoch.quality
        self._distance = epoch.quality.get("frechet_distance", self._distance)
        epoch.progress = dataclasses.replace(progress, frechet_distance=self._distance)
        self.state.epoch_totals.zero_()
        self.emit("on_epoch_end", epoch)
        return True

    def _stop(self) -> bool:
        self._check_weights()
        self.emit("on_stop")
        self.world.any(False, self.state.device)  # torchrun ends all when the first one ends
        return False

    def _stop_is_agreed(self) -> bool:
        if self.world.size > 1 and self.state.step % STOP_EVERY:
            return False
        return self.world.any(self.should_stop(), self.state.device)

    def _check_grads(self, metrics: Tensor) -> None:
        """Stop before NaN or infinite gradients reach the weights: one transfer per step."""
        squares = [grad.dot(grad) for grad in self._grads]
        if not bool(torch.isfinite(torch.stack([*squares, metrics[:2].sum()])).all()):
            finite = bool(torch.isfinite(metrics).all())
            raise self._diverged("a gradient" if finite else "a loss")

    def _check_weights(self) -> None:
        """Keep NaN or infinite weights of any process out of samples and checkpoints."""
        tensors = self.state.tensors().values()
        here = not all(bool(torch.isfinite(tensor).all()) for tensor in tensors)
        if self.world.any(here, self.state.device):
            raise self._diverged("a weight")

    def _diverged(self, what: str) -> Diverged:
        steps = counted(self.state.step, "step")
        return Diverged(
            f"training diverged: {what} is NaN or infinite after {steps}",
            "try a lower --lr, or --max-rollbacks 3",
        )

    def _with_way_out(self, error: Diverged) -> Diverged:
        if self.world.is_main:
            for path, what in (
                (self.run.diverged, "its state is in"),
                (self.run.checkpoint, "the last good checkpoint is"),
            ):
                if path.exists():
                    error.set_hint(f"{error.hint}; {what} {path}")
        return error

    def _roll_back(self, error: Diverged) -> None:
        """Go back to the newest checkpoint, or to the beginning, with another order of the data.

        The main process reads it for all, so that all go back to the same state.
        """
        state, again, path = self.state, self.state.rollbacks + 1, self.run.checkpoint
        exists = self.world.is_main and path.exists()  # unless it could never be written
        data = self.world.broadcast_bytes(read_checkpoint(path) if exists else b"")
        if data:
            saved = decode(data, str(path))
            if saved.step > state.step:  # of an older run that could not be overwritten
                raise error
            tensors, step, self.quality = saved.tensors, saved.step, saved.card.quality
        else:
            tensors, step, self.quality = new_state(self.config, state.device).tensors(), 0, {}
        state.restore(tensors, step)
        state.rollbacks = again
        state.latent_rng.manual_seed(self.config.seed + 2**32 * again + step)
        self.emit("on_rollback")
        if self.world.is_main:
            log.warning(
                f"{error.message}; going back to step {step:,} and on in another order "
                f"({again} of {self.config.max_rollbacks})"
            )


def epoch_steps(count: int, batch_size: int) -> int:
    """Return the steps in an epoch of ``count`` images.

    The last, partial batch is kept unless it is a single image: batch statistics need two.
    """
    return count // batch_size + (count % batch_size > 1)


def epoch_batches(
    seed: int, epoch: int, count: int, batch_size: int, rollbacks: int = 0
) -> tuple[Tensor, ...]:
    """Return each step's image indices: a new order every epoch.

    It is a pure function of the arguments.
    """
    order = random_generator(seed, Stream.ORDER, epoch + 2**32 * rollbacks).permutation(count)
    return torch.split(torch.from_numpy(order), batch_size)[: epoch_steps(count, batch_size)]


def scale(images: Tensor) -> Tensor:
    """Return grey levels 0 to 255 as float32 in [-1, 1], with the bits of torchvision's transforms.

    ToTensor divides by 255; Normalize subtracts 0.5 and divides by 0.5.
    """
    return images.float().div_(255).sub_(0.5).div_(0.5)


def _place(tensor: Tensor, device: torch.device) -> Tensor:
    """Return ``tensor`` on ``device``, unless it would fill half of its memory."""
    if device.type == "cuda" and tensor.nbytes > torch.cuda.mem_get_info(device)[0] / 2:
        return tensor
    return tensor.to(device)
