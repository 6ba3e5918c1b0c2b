"""Lines at the foot of a terminal that are written over; all else that is printed goes above."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import IO

from rich.console import Console
from rich.text import Text

from ganctl.cli.terminal_pictures import rendered

ERASE_LINE, ERASE_BELOW = "\x1b[K", "\x1b[J"


class LiveLines:
    """Shows lines on stderr, a terminal, and writes those that have changed alone.

    A picture has thousands of escape sequences: rich's own live display would write them all anew
    each time. While it is open, what is written to ``sys.stderr`` goes above the lines.

    Args:
        console: of stderr; it settles the size and the colours.
    """

    def __init__(self, console: Console) -> None:
        self._console, self._file = console, console.file
        self._shown: list[Text] = []
        self._width = console.width

    def __enter__(self) -> LiveLines:
        self._stderr, sys.stderr = sys.stderr, _Above(self._file, self.above)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        sys.stderr.close()  # which prints a line that has not ended
        sys.stderr, self._shown = self._stderr, []

    def show(self, lines: Sequence[Text]) -> None:
        """Show these lines in the place of those before; none may be wider than the terminal."""
        same_place = len(lines) == len(self._shown) and self._width == self._console.width
        before: Sequence[Text | None] = self._shown if same_place else [None] * len(lines)
        text = self._up() + ("" if same_place else ERASE_BELOW)
        for old, new in zip(before, lines, strict=True):
            changed = old is not new and old != new
            text += f"{ERASE_LINE}{rendered([new], self._console)}\n" if changed else "\n"
        self._write(text)
        self._shown, self._width = list(lines), self._console.width

    def above(self, text: str) -> None:
        """Print ``text``, whole lines, above those that are shown."""
        again = "".join(f"{rendered([line], self._console)}\n" for line in self._shown)
        self._write(f"{self._up()}{ERASE_BELOW}{text}{again}")

    def _up(self) -> str:
        """Return what moves the cursor to the first line, wherever a narrower window has put it."""
        width = max(self._console.width, 1)
        height = sum(max(1, -(-line.cell_len // width)) for line in self._shown)
        return f"\x1b[{height}A\r" if height else "\r"

    def _write(self, text: str) -> None:
        try:
            self._file.write(text)
            self._file.flush()
        except OSError:  # the terminal has gone away, which must not stop the work
            pass


class _Above(io.TextIOBase):
    """A stream whose whole lines go above the live ones."""

    def __init__(self, file: IO[str], above: Callable[[str], None]) -> None:
        self._terminal, self._above, self._line = file, above, ""

    def write(self, text: str) -> int:
        *lines, self._line = f"{self._line}{text}".split("\n")
        if lines:
            self._above("".join(f"{line}\n" for line in lines))
        return len(text)

    def flush(self) -> None:
        """Leave a line that has not ended where it is: it goes above when it has."""

    def close(self) -> None:
        if self._line:
            self.write("\n")

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._terminal.fileno()
