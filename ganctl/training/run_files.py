"""The callback that writes a run's files.

A failed write is logged and repeated when the next one is due; training continues.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from ganctl import __version__
from ganctl.checkpoint_file import Header, read_checkpoint, read_header
from ganctl.config import to_dict
from ganctl.errors import BadInput, GanctlError, OutOfResources
from ganctl.files import write_atomic, write_error
from ganctl.images import Pixels, write_images
from ganctl.locks import LockFile
from ganctl.model_card import Card
from ganctl.training.checkpoint import Checkpoint, encode
from ganctl.training.loop import Callback, Epoch, Training, log


class RunFiles(Callback):
    """Writes checkpoints, metrics, sample grids and the configuration.

    Args:
        lock: of the run, acquired again if its folder is made again.
    """

    def __init__(self, lock: LockFile) -> None:
        self._lock = lock
        self._pending: list[Mapping[str, float]] = []  # metrics that could not be written yet
        self._failure: GanctlError | None = None  # of the newest checkpoint
        self._newest: int | None = None  # its step; None if unknown
        self._keeps_newer = False  # whether the folder has a newer checkpoint, which stays

    def on_start(self, training: Training) -> None:
        """Bring the folder to where training starts, so that a kill loses nothing."""
        run, state = training.run, training.state
        if not self._lock.is_exclusive:
            log.warning(
                f"file locks do not work in {run.folder}: a second process could train this run "
                "at the same time"
            )
        newest = _header(run.checkpoint)
        self._newest = newest.step if newest else None
        goes_back = newest is not None and newest.step > state.step
        self._keeps_newer = training.is_finished and goes_back  # an older copy, already finished
        if self._keeps_newer:
            return
        run.write_config(to_dict(training.config))
        if newest is None or (newest.step, newest.config) != (state.step, training.config):
            self._save(training)
            if goes_back:
                self._raise_failure()  # or the metrics would go and the checkpoint stay
        else:
            self._try(training, lambda: self._copy(training, read_checkpoint(run.checkpoint)))
        self._truncate(training)

    def on_samples(self, training: Training, images: Pixels, epoch: int | None) -> None:
        """Write the sample grid."""
        if epoch is not None:
            path = training.run.sample(epoch)
            self._try(training, lambda: write_images(path, [images], len(images)))

    def on_epoch_end(self, training: Training, epoch: Epoch) -> None:
        """Write the metrics, the best generator and the checkpoint, as far as they are due."""
        self._pending.append(epoch_metrics(training, epoch))
        self._try(training, lambda: self._write_metrics(training))
        if "frechet_distance" in epoch.quality:
            self._save_best(training, epoch.quality["frechet_distance"])
        if epoch.is_last or epoch.is_due(training.config.checkpoint_every):
            self._save(training)

    def on_stop(self, training: Training) -> None:
        """Write the checkpoint."""
        self._save(training)

    def on_diverged(self, training: Training) -> None:
        """Write the state, for inspection."""
        data = encode(checkpoint(training, training.state.tensors(), {}))
        self._try(training, lambda: write_atomic(training.run.diverged, data))

    def on_rollback(self, training: Training) -> None:
        """Remove metrics and samples of later steps."""
        self._truncate(training)

    def on_end(self, training: Training) -> None:
        """Raise the error that kept the newest checkpoint, or any metrics, from being written.

        Raises:
            BadInput, OutOfResources: as `ganctl.files.write_atomic`.
        """
        if not self._keeps_newer:
            self._raise_failure()
            self._write_metrics(training)

    def _truncate(self, training: Training) -> None:
        step = training.recorded_step
        self._pending = [metrics for metrics in self._pending if metrics["step"] <= step]
        training.run.truncate_metrics(step)
        training.run.truncate_samples(step // training.steps)

    def _write_metrics(self, training: Training) -> None:
        while self._pending:
            training.run.append_metrics(self._pending[0])
            del self._pending[0]

    def _save_best(self, training: Training, distance: float) -> None:
        state = training.state
        if distance < self._best_distance(training):
            data = encode(checkpoint(training, state.drawing_tensors(), training.quality))
            self._try(training, lambda: write_atomic(training.run.best, data))
        state.best_distance = min(state.best_distance, distance)

    def _best_distance(self, training: Training) -> float:
        """Return the distance of the best file itself, which may be lost; infinite without one."""
        path, known = training.run.best, training.state.best_distance
        if best := _header(path):
            return best.card.quality.get("frechet_distance", math.inf)
        if math.isfinite(known):
            log.warning(
                f"{path} is missing or damaged: the best generator so far, at a Fréchet distance "
                f"of {known:.1f}, is lost; the present one replaces it"
            )
        return math.inf

    def _save(self, training: Training) -> None:
        """Write the newest checkpoint and, if some are kept, its copy.

        If the disk has room for one checkpoint only, that of step 0 gives way.
        """
        training.state.drawing_generator()  # to save BatchNorm statistics of the present weights
        path, step = training.run.checkpoint, training.state.step
        data = encode(checkpoint(training, training.state.tensors(), training.quality))

        def write() -> None:
            try:
                write_atomic(path, data)
            except OutOfResources:
                if self._newest != 0:
                    raise
                path.unlink(missing_ok=True)
                write_atomic(path, data)
            self._newest = step

        self._failure = self._try(training, write)
        if self._failure is None:
            self._try(training, lambda: self._copy(training, data))

    def _copy(self, training: Training, data: bytes) -> None:
        """Copy the newest checkpoint, and remove old copies, now that it is safe."""
        step, run = training.state.step, training.run
        keep, copy = training.config.keep if step else 0, run.snapshot(step)
        run.prune_snapshots(step, max(0, keep - 1))
        if keep and not (copy.exists() and read_checkpoint(copy) == data):
            write_atomic(copy, data)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _try(self, training: Training, write: Callable[[], None]) -> GanctlError | None:
        """Write; log the error and return it."""
        try:
            training.run.restore(to_dict(training.config), self._lock)
            write()
            return None
        except (BadInput, OutOfResources) as failure:
            error: GanctlError = failure
        except OSError as failure:
            error = write_error(training.run.folder, failure)
        log.warning(f"{error.message}; training continues, the next write is tried when it is due")
        return error


def _header(path: Path) -> Header | None:
    """Return the header of a checkpoint; None if it is missing or damaged."""
    try:
        return read_header(path)
    except GanctlError:
        return None


def epoch_metrics(training: Training, epoch: Epoch) -> dict[str, float]:
    """Return a finished epoch's line of metrics."""
    metrics = dataclasses.asdict(epoch.progress)
    for name in ("epochs", "steps", "frechet_distance"):
        del metrics[name]
    return {
        **metrics,
        "step": training.state.step,
        "seconds": round(epoch.seconds, 3),
        **epoch.quality,
    }


def checkpoint(
    training: Training, tensors: dict[str, Tensor], quality: dict[str, float]
) -> Checkpoint:
    """Return these tensors of the training as a checkpoint; its card holds no paths."""
    state, data, config = training.state, training.data, training.config
    described = to_dict(config) | {"data": data.name}
    del described["data_dir"]
    card = Card(
        name=training.run.name,
        architecture=config.arch,
        latent_dim=config.latent_dim,
        image_shape=config.image_shape,
        class_names=data.class_names,
        class_shares=data.class_shares if config.classes else (),
        data_name=data.name,
        data_fingerprint=data.fingerprint,
        data_count=len(data.images),
        data_note=data.note,
        weights="ema" if state.generator_ema else "live",
        epochs=state.step // training.steps,
        steps=state.step,
        config=described,
        ganctl_version=__version__,
        quality=quality,
    )
    return Checkpoint(config, card, state.step, tensors, torch.get_num_threads())
