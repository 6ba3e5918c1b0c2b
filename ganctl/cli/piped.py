"""``-`` in place of a file's name: the picture goes to stdout, and nothing else does."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import typer

from ganctl.cli import screen
from ganctl.errors import BadInput

STDOUT = Path("-")
PICTURE = "stdout.png"


def file_for(out: Path) -> Path:
    """Return ``out``, or the name of the PNG that stands for stdout."""
    return Path(PICTURE) if out == STDOUT else out


def check_place(out: Path, show: bool) -> None:
    """Fail before anything is loaded or drawn if ``out`` cannot be written.

    Args:
        out: where the pictures go.
        show: whether they are drawn in the terminal, on stdout, as well.

    Raises:
        typer.BadParameter: both would go to stdout.
        BadInput: stdout is a terminal; or as of `ganctl.images.check_output`.
    """
    from ganctl.images import check_output

    if out != STDOUT:
        check_output(out)
    elif show:
        raise typer.BadParameter("stdout takes the PNG: name a file", param_hint="--show")
    elif sys.stdout.isatty():
        raise BadInput("a terminal shows no PNG", "send it to a file or a program: - > out.png")


@contextmanager
def place_for(out: Path) -> Iterator[Path | BinaryIO]:
    """Yield where to write: ``out``, or for stdout memory whose bytes go there at the end.

    Raises:
        BadInput, OutOfResources: stdout cannot be written.
    """
    if out != STDOUT:
        yield out
        return
    picture = io.BytesIO()
    yield picture
    screen.send(picture.getvalue())
