"""A bar on a terminal for work that may take long; nothing in a pipe."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any


class Bar:
    """Shows how far the work is once it has taken longer than `PATIENCE`.

    Args:
        in_bytes: whether bytes are counted, not files.
    """

    PATIENCE = 1.0  # seconds

    def __init__(self, in_bytes: bool = False) -> None:
        self._in_bytes = in_bytes
        self._bar: Any = None
        self._terminal = sys.stderr.isatty()

    def __enter__(self) -> Bar:
        self._start = time.perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()

    def show(self, what: str, done: int, total: int | None) -> None:
        """Show that so much of ``what`` is done; ``total`` is None where it is not known."""
        if self._bar:
            self._bar.update(self._task, what=what, completed=done, total=total)
        elif self._terminal and time.perf_counter() - self._start > self.PATIENCE:
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
