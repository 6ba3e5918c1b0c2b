"""``--tensorboard``: a run's figures and samples as TensorBoard's event files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ganctl.card_rules import is_number
from ganctl.errors import MissingDependency, explain
from ganctl.notify import Notify
from ganctl.runs.history import last_metrics
from ganctl.runs.run_dir import RunDir

if TYPE_CHECKING:
    from ganctl.training.progress import Progress

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
"""What TensorBoard calls the figures."""


def writer_class() -> Any:
    """Return what writes event files.

    Raises:
        MissingDependency: there is no tensorboard.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"--tensorboard needs {error.name}, which is not installed",
            'pip install "ganctl[tensorboard]"',
        ) from error
    return SummaryWriter


@contextmanager
def event_files(run: RunDir, step: int, notify: Notify) -> Iterator[Callable[[Progress], None]]:
    """Write event files into the run's folder ``tensorboard`` for the block.

    Args:
        run: whose metrics and samples are written, by steps.
        step: that it goes on from: what is there of later ones counts no more.
        notify: told what could not be written; the training goes on without.

    Yields:
        What is to be called with the progress, and writes at each epoch's end.

    Raises:
        MissingDependency: there is no tensorboard.
    """
    board = _Board(run, step, notify, writer_class())
    try:
        yield board.show
    finally:
        board.close()


class _Board:
    def __init__(self, run: RunDir, step: int, notify: Notify, kind: Any) -> None:
        self._run, self._notify, self._kind = run, notify, kind
        self._step = step
        self._writer: Any = None
        self._broken = False

    def show(self, progress: Progress) -> None:
        if progress.step < progress.steps or self._broken:
            return
        try:
            self._write(progress.epoch)
        except OSError as error:
            self._broken = True
            reason = explain(error)
            self._notify(f"cannot write TensorBoard's files: {reason}; training goes on without")

    def _write(self, epoch: int) -> None:
        figures = last_metrics(self._run)
        step = figures.get("step")
        if figures.get("epoch") != epoch or not isinstance(step, int):
            return  # it could not be written
        if self._writer is None or step <= self._step:  # begun, or rolled back
            self.close()
            first = min(step, self._step + 1)
            self._writer = self._kind(str(self._run.folder / "tensorboard"), purge_step=first)
        self._step = step
        for name, value in figures.items():
            if name in TAGS and is_number(value):
                self._writer.add_scalar(TAGS[name], value, step)
        grid = self._run.sample(epoch)
        if grid.is_file():
            with Image.open(grid) as image:
                pixels = np.asarray(image)
            self._writer.add_image("samples", pixels, step, dataformats="HWC"[: pixels.ndim])
        self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            with suppress(OSError):  # it was told when it was written
                self._writer.close()
