"""What a run leaves in its folder. A write that fails is told, and tried again at the next."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from ganctl import __version__
from ganctl.checkpoint_file import Header, read_checkpoint, read_header
from ganctl.config import TrainConfig, to_dict
from ganctl.data import ImageData
from ganctl.errors import BadInput, GanctlError, OutOfResources
from ganctl.files import write_atomic, write_error
from ganctl.images import Pixels, write_images
from ganctl.locks import Claim
from ganctl.model_card import Card
from ganctl.notify import Notify
from ganctl.runs.run_dir import RunDir
from ganctl.training.checkpoint import Checkpoint, encode
from ganctl.training.state import TrainState


class Record:
    """Writes a run's files: its figures, its pictures and its checkpoints.

    Args:
        run: its folder, which exists; it is made again where somebody removes it.
        data: that it trains on.
        config: of the run.
        notify: told, in a line each, what could not be written.
    """

    def __init__(self, run: RunDir, data: ImageData, config: TrainConfig, notify: Notify) -> None:
        self._run, self._data, self._config, self._notify = run, data, config, notify
        self._pending: list[Mapping[str, float]] = []
        self._failure: GanctlError | None = None  # of the newest checkpoint
        self._newest: int | None = None  # its step; None: unknown
        self._claim: Claim

    def begin(self, claim: Claim) -> Header | None:
        """Return what the newest checkpoint says of itself; None without one that can be read.

        ``claim`` is the run's, which is renewed where the folder is made again.
        """
        self._claim = claim
        if not claim.is_sure:
            self._notify(
                f"there are no locks in {self._run.folder}: nothing keeps a second process from "
                "training this run at the same time"
            )
        path = self._run.checkpoint
        try:
            newest = read_header(read_checkpoint(path), str(path))
        except GanctlError:
            return None
        self._newest = newest.step
        return newest

    def write_config(self) -> None:
        """Write the run's configuration; errors as of `ganctl.files.write_atomic`."""
        self._run.write_config(to_dict(self._config))

    def keep_copy(self, step: int) -> None:
        """Make the copy of the newest checkpoint, that of ``step``, where a kill came before it."""
        self._try(lambda: self._copy(step, read_checkpoint(self._run.checkpoint)))

    def rewind(self, step: int, epoch: int) -> None:
        """Drop the figures of later steps than ``step``, and the pictures of later epochs."""
        self._pending = [figures for figures in self._pending if figures["step"] <= step]
        self._run.truncate_metrics(step)
        self._run.truncate_samples(epoch)

    def add_figures(self, figures: Mapping[str, float]) -> None:
        """Write an epoch's figures, and those before it that could not be written."""
        self._pending.append(figures)
        self._try(self._write_figures)

    def draw_samples(self, epoch: int, images: Pixels) -> None:
        """Write the grid of images (N, C, H, W) drawn after ``epoch`` epochs."""
        self._try(lambda: write_images(self._run.sample(epoch), [images], len(images)))

    def best_distance(self, known: float) -> float:
        """Return the Fréchet distance of the best generator that is there; infinite without one.

        The file itself is asked: whatever the run goes back to, no worse one takes its place. If
        it is lost, though a distance is ``known``, that is told.
        """
        try:
            best = read_header(read_checkpoint(self._run.best), str(self._run.best))
        except GanctlError:
            if math.isfinite(known):
                self._notify(
                    f"{self._run.best} is gone, or damaged: the best generator so far, at a "
                    f"Fréchet distance of {known:.1f}, is lost, and the present one stands in"
                )
            return math.inf
        return best.card.quality.get("frechet_distance", math.inf)

    def save_best(self, checkpoint: Checkpoint) -> None:
        """Write the generator that is the best so far."""
        self._try(lambda: write_atomic(self._run.best, encode(checkpoint)))

    def save(self, checkpoint: Checkpoint) -> None:
        """Write the newest checkpoint and, where some are kept, its copy.

        That of step 0 has none: it is there so that a run can go on wherever it is killed. Where
        the disk has room for one checkpoint alone, it gives way to the first that has learnt.
        """
        data = encode(checkpoint)

        def write() -> None:
            try:
                write_atomic(self._run.checkpoint, data)
            except OutOfResources:
                if self._newest != 0:
                    raise
                self._run.checkpoint.unlink(missing_ok=True)
                write_atomic(self._run.checkpoint, data)
            self._newest = checkpoint.step

        self._failure = self._try(write)
        if self._failure is None:
            self._try(lambda: self._copy(checkpoint.step, data))

    def _copy(self, step: int, data: bytes) -> None:
        """Make the copy of the newest checkpoint; others make room, now that it is safe."""
        keep, copy = self._config.keep if step else 0, self._run.snapshot(step)
        self._run.prune_snapshots(step, max(0, keep - 1))
        if keep and not (copy.exists() and read_checkpoint(copy) == data):
            write_atomic(copy, data)

    def dump(self, checkpoint: Checkpoint) -> bool:
        """Write the state of a training that has diverged; return whether that could be done."""
        return self._try(lambda: write_atomic(self._run.diverged, encode(checkpoint))) is None

    def finish(self) -> None:
        """Raise what kept the newest checkpoint, or any figures, from being written.

        Raises:
            BadInput, OutOfResources: as `ganctl.files.write_atomic`.
        """
        if self._failure is not None:
            raise self._failure
        self._write_figures()

    def _write_figures(self) -> None:
        while self._pending:
            self._run.append_metrics(self._pending[0])
            del self._pending[0]

    def checkpoint(
        self, state: TrainState, tensors: dict[str, Tensor], epochs: int, quality: dict[str, float]
    ) -> Checkpoint:
        """Return these tensors of ``state``, after so many epochs, as a checkpoint."""
        card = make_card(state, self._data, self._config, self._run.name, epochs)
        card = dataclasses.replace(card, quality=quality)
        return Checkpoint(self._config, card, state.step, tensors, torch.get_num_threads())

    def _try(self, write: Callable[[], None]) -> GanctlError | None:
        """Write, and return what kept it from being written, which is told."""
        try:
            self._run.restore(to_dict(self._config), self._claim)
            write()
            return None
        except (BadInput, OutOfResources) as failure:
            error: GanctlError = failure
        except OSError as failure:  # a folder that cannot be looked into, or emptied
            error = write_error(self._run.folder, failure)
        self._notify(f"{error.message}; training goes on, the next is tried when it is due")
        return error


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
