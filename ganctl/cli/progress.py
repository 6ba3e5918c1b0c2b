"""Progress bars and status lines on stderr, if it is a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

AnyBar = TypeVar("AnyBar", bound="Bar")


class Bar:
    """A progress bar that appears when the work has taken longer than `DELAY`.

    Args:
        in_bytes: whether bytes are counted instead of items.
    """

    DELAY = 1.0  # seconds

    def __init__(self, in_bytes: bool = False) -> None:
        self._in_bytes = in_bytes
        self._bar: Any = None
        self._terminal = sys.stderr.isatty()

    def __enter__(self: AnyBar) -> AnyBar:
        self._start = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._start
        if self._bar:
            self._bar.stop()

    def show(self, what: str, done: int, total: int | None) -> None:
        """Show how much of ``what`` is done; ``total`` is None if it is not known."""
        if self._bar:
            self._bar.update(self._task, what=what, completed=done, total=total)
        elif self._terminal and time.perf_counter() - self._start > self.DELAY:
            self._open(what, done, total)

    def _open(self, what: str, done: int, total: int | None) -> None:
        from rich import progress
        from rich.console import Console

        counts = progress.DownloadColumn() if self._in_bytes else progress.MofNCompleteColumn()
        self._bar = progress.Progress(
            progress.TextColumn("{task.fields[what]}", markup=False),
            progress.BarColumn(bar_width=20),
            counts,
            progress.TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("", total=total, completed=done, what=what)
        self._bar.start()


class DrawingBar(Bar):
    """The progress of drawing ``count`` images, and its speed."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count

    def drawn(self, done: int) -> None:
        """Show that ``done`` images are drawn and written."""
        self.show("drawing", done, self._count)

    @property
    def speed(self) -> str:
        """The speed for the result line; empty if the block took too little time to measure it."""
        too_quick = self.seconds < self.DELAY
        return "" if too_quick else f", {self._count / self.seconds:,.0f} images/s"


@contextmanager
def status_line() -> Iterator[Callable[[str], None]]:
    """Yield a function that shows what is being done."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console

    with Console(stderr=True).status("") as status:
        yield status.update
