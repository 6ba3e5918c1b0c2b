"""What a command prints: results on stdout; notes and errors on stderr."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ganctl.cli.streams import write_stdout
from ganctl.text import printable

LONGEST = 2000  # characters of an error

LOGGER = logging.getLogger("ganctl")


def result(*lines: str) -> None:
    """Print the result of a command on stdout."""
    styled("\n".join(map(printable, lines)))


def styled(text: str) -> None:
    """Print styled text on stdout. Make its parts `printable` before they are styled."""
    write_stdout(f"{text}\n")


def note(text: str) -> None:
    """Print a note on stderr."""
    line(f"note: {printable(text)}")


def line(text: str) -> None:
    """Print a line of progress on stderr."""
    print(text, file=sys.stderr, flush=True)


def error(message: str, hint: str = "") -> None:
    """Print ``error: ...`` and ``hint: ...`` on stderr, in colour on a terminal."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(Text.assemble(("error:", "bold red"), f" {_short(message)}"))
    if hint:
        console.print(Text.assemble(("hint:", "bold cyan"), f" {_short(hint)}"))


def _short(text: str) -> str:
    """Return ``text`` without its middle if it is too long, such as a very long file name."""
    shown = printable(text)
    half = LONGEST // 2
    return shown if len(shown) <= LONGEST else f"{shown[:half]} … {shown[-half:]}"


class _NoteHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        note(record.getMessage())


@contextmanager
def log_as_notes() -> Iterator[None]:
    """Print the messages of the logger "ganctl" as notes during the block."""
    handler, level = _NoteHandler(), LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(level)


def hide_log() -> None:
    """Print no more messages of the logger until the block of `log_as_notes` ends."""
    LOGGER.setLevel(logging.CRITICAL)
