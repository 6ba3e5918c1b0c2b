"""All that is shown: results on stdout; progress, notes and errors on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TextIO

from ganctl.cli.bar import Bar
from ganctl.cli.lasting import has_lost_its_reader, silence
from ganctl.text import printable

LONGEST = 2000
"""Characters of an error's line."""


def result(*lines: str) -> None:
    """Print what a command has made, on stdout."""
    _say("\n".join(map(printable, lines)), sys.stdout)


def styled(text: str) -> None:
    """Print on stdout what has been made `printable` before it was given its style."""
    _say(text, sys.stdout)


def note(text: str) -> None:
    """Print a line that the user should know, on stderr."""
    _say(f"note: {printable(text)}", sys.stderr)


def line(text: str) -> None:
    """Print a line of progress, on stderr."""
    _say(text, sys.stderr)


def _say(text: str, stream: TextIO) -> None:
    """Print; whoever has stopped reading must not stop the work.

    Raises:
        BadInput, OutOfResources: stdout cannot be written, a file on a full disk perhaps.
    """
    try:
        print(text, file=stream, flush=True)
    except OSError as error:
        _turn_away(stream, error)


def send(data: bytes) -> None:
    """Write a file's bytes to stdout, with the errors of a result that cannot be written."""
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        _turn_away(sys.stdout, error)


def _turn_away(stream: TextIO, error: OSError) -> None:
    """Write nothing more to ``stream``; of a result that is lost, raise the error."""
    heard = not has_lost_its_reader(stream, error)
    silence(stream)
    if stream is sys.stdout and heard:
        from ganctl.files import write_error  # not at the start: --help needs none of it

        raise write_error(Path("the result"), error) from error


def error(message: str, hint: str = "") -> None:
    """Print ``error: …`` and ``hint: …`` on stderr, in colour on a terminal."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(Text.assemble(("error:", "bold red"), f" {_short(message)}"))
    if hint:
        console.print(Text.assemble(("hint:", "bold cyan"), f" {_short(hint)}"))


def _short(text: str) -> str:
    """Return ``text`` as a line that can be read: its middle gives way, a name without end."""
    shown = printable(text)
    half = LONGEST // 2
    return shown if len(shown) <= LONGEST else f"{shown[:half]} … {shown[-half:]}"


@contextmanager
def phases() -> Iterator[Callable[[str], None]]:
    """Show on a terminal what is being done; a pipe is told nothing."""
    if not sys.stderr.isatty():
        yield lambda phase: None
        return
    from rich.console import Console

    with Console(stderr=True).status("") as status:
        yield status.update


class DrawingScreen(Bar):
    """Times a drawing under a bar.

    Args:
        count: how many images are drawn.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count

    def __enter__(self) -> DrawingScreen:
        super().__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._seconds = time.perf_counter() - self._start
        super().__exit__(kind, value, traceback)

    def drawn(self, done: int) -> None:
        """Show that so many images are drawn and written."""
        self.show("drawing", done, self._count)

    @property
    def speed(self) -> str:
        """What the result line says of the speed: nothing, where it was too quick to say much."""
        if self._seconds < self.PATIENCE:
            return ""
        return f", {self._count / self._seconds:,.0f} images/s"
