"""The standard callbacks of a run: evaluation, sample grids, health checks and TensorBoard.

`ganctl.training.run_files` has the one that writes the run's files.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import torch

from ganctl.config import MONITOR_IMAGES
from ganctl.errors import CheckFailed, MissingDependency, explain
from ganctl.images import Pixels, make_grid
from ganctl.training.health import discriminator_saturated, mode_collapse
from ganctl.training.loop import Callback, Epoch, Stopped, Training, log
from ganctl.training.progress import Progress, Throttle
from ganctl.training.run_files import epoch_metrics

SAMPLES = 64  # images of a sample grid
MONITOR_START = 2**40  # the first index of the images that are evaluated; users do not reach it
PREVIEW_SHARE, PREVIEW_SECONDS = 0.01, 2.0  # of the training time, and between two previews


class Evaluation(Callback):
    """Measures the generator every ``eval_every`` epochs and at the end."""

    def __init__(self) -> None:
        self._monitor: Callable[..., dict[str, float]] | None = None

    def on_evaluate(self, training: Training, epoch: Epoch) -> None:
        """Fill ``epoch.quality``; raise `Stopped` if training is to stop meanwhile."""
        if not epoch.is_due(training.config.eval_every):
            return

        def check_stop() -> None:
            if training.should_stop():
                raise Stopped

        batches = []
        for images in training.draw(MONITOR_START, MONITOR_IMAGES):
            check_stop()
            batches.append(images)
        images = np.concatenate(batches)
        if self._monitor is None:
            from ganctl.evaluation.monitor import Monitor  # with onnxruntime: not before it is used

            threads = torch.get_num_threads()
            self._monitor = Monitor(training.data, len(images), threads, check_stop)
        labels = training.labels(MONITOR_START, len(images))
        epoch.quality = self._monitor(images, labels)
        training.emit("on_samples", images[:SAMPLES], None)


class SampleGrids(Callback):
    """Draws a grid of the same 64 latents before training, every ``sample_every`` epochs and last.

    Args:
        previews: whether previews are drawn in between; they change nothing in the training.
    """

    def __init__(self, previews: bool) -> None:
        self._previews = previews
        self._throttle = Throttle(PREVIEW_SHARE, PREVIEW_SECONDS)

    def on_start(self, training: Training) -> None:
        """Draw the untrained generator."""
        if training.config.sample_every and not training.state.step:
            self._draw(training, 0)

    def on_progress(self, training: Training, progress: Progress) -> None:
        """Draw a preview, if one is due."""
        if not (self._previews and self._throttle.is_due()):
            return
        with self._throttle.timed(), suppress(CheckFailed):  # NaN: the next step reports it
            preview = training.state.preview_generator()
            images = np.concatenate(list(training.draw(0, SAMPLES, preview)))
            training.emit("on_samples", images, None)

    def on_epoch_end(self, training: Training, epoch: Epoch) -> None:
        """Draw the grid, if it is due; else a preview."""
        if epoch.is_due(training.config.sample_every):
            self._draw(training, epoch.progress.epoch)
        else:
            self.on_progress(training, epoch.progress)

    def _draw(self, training: Training, epoch: int) -> None:
        images = np.concatenate(list(training.draw(0, SAMPLES)))
        with self._throttle.timed():
            training.emit("on_samples", images, epoch)


class HealthChecks(Callback):
    """Warns of a saturated discriminator and of mode collapse, once until it is over."""

    def __init__(self) -> None:
        self._warnings: dict[str, str] = {}

    def on_epoch_end(self, training: Training, epoch: Epoch) -> None:
        """Check the discriminator's mean outputs."""
        if training.config.objective != "wasserstein":  # whose outputs are no probabilities
            progress = epoch.progress
            found = discriminator_saturated(progress.d_real, progress.d_fake)
            self._warn("discriminator saturated", found)

    def on_samples(self, training: Training, images: Pixels, epoch: int | None) -> None:
        """Check the variety of the images."""
        apart = max(1, len(training.data.images) // SAMPLES)  # over all classes
        real = training.data.images[::apart]
        self._warn("mode collapse", mode_collapse(images, real, training.state.step))

    def _warn(self, sign: str, found: str) -> None:
        if found and not self._warnings.get(sign):
            log.warning(found)
        self._warnings[sign] = found


TAGS = {
    "g_loss": "loss/generator",
    "d_loss": "loss/discriminator",
    "d_real": "discriminator/D(x)",
    "d_fake": "discriminator/D(G(z))",
    "frechet_distance": "quality/Fréchet distance",
    "confidence": "quality/confidence",
    "smallest_share": "quality/rarest class",
    "drawn_as_asked": "quality/drawn as asked",
    "images_per_second": "speed/images per second",
    "epoch": "epoch",
}


def summary_writer() -> Any:
    """Return TensorBoard's SummaryWriter class.

    Raises:
        MissingDependency: tensorboard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"--tensorboard needs {error.name}, which is not installed",
            'pip install "ganctl[tensorboard]"',
        ) from error
    return SummaryWriter


class TensorBoard(Callback):
    """Writes metrics and sample grids as event files into the run's folder ``tensorboard``."""

    def __init__(self) -> None:
        self._class = summary_writer()
        self._writer: Any = None
        self._first = 1  # the first step that this run may write
        self._grid: Pixels | None = None
        self._broken = False

    def on_start(self, training: Training) -> None:
        """Let the new files replace entries of later steps, from a run that was killed."""
        self._first = training.state.step + 1

    def on_samples(self, training: Training, images: Pixels, epoch: int | None) -> None:
        """Keep a sample grid for the epoch's end."""
        if epoch:
            self._grid = images

    def on_epoch_end(self, training: Training, epoch: Epoch) -> None:
        """Write the epoch's metrics and its grid."""
        if self._broken:
            return
        try:
            self._write(training, epoch)
        except OSError as error:
            self._broken = True
            log.warning(f"cannot write TensorBoard files: {explain(error)}; training continues")

    def _write(self, training: Training, epoch: Epoch) -> None:
        step = training.state.step
        if self._writer is None:
            folder = str(training.run.folder / "tensorboard")
            self._writer = self._class(folder, purge_step=min(self._first, step))
        for name, value in epoch_metrics(training, epoch).items():
            if name in TAGS:
                self._writer.add_scalar(TAGS[name], value, step)
        if self._grid is not None:
            pixels = make_grid(self._grid)
            self._writer.add_image("samples", pixels, step, dataformats="HWC"[: pixels.ndim])
            self._grid = None
        self._writer.flush()

    def on_rollback(self, training: Training) -> None:
        """Let new files replace the entries of later steps."""
        self.on_start(training)

    def on_diverged(self, training: Training) -> None:
        """Close the files: training may end here."""
        self.on_end(training)

    def on_end(self, training: Training) -> None:
        """Close the files."""
        if self._writer is not None:
            with suppress(OSError):
                self._writer.close()
            self._writer = None
