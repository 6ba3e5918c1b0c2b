"""The options that several commands share, so that they are spelt and checked alike."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from ganctl.cli import complete, screen
from ganctl.cli.streams import STDOUT
from ganctl.config import MAX_SEED
from ganctl.environment import THREADS_VARIABLE

DRAWN = "What is drawn"
UNTRUSTED = "Limits for files that are not trusted"

Count = Annotated[
    int | None,
    typer.Option(
        "-n",
        "--count",
        metavar="N",
        min=1,
        help="How many images; of each digit where --digit names several; with --digits, how often "
        "the number is written.",
        show_default="64; with --show alone a screenful; 10 of each digit; 1 number; 8 with "
        "--interpolate",
        rich_help_panel=DRAWN,
    ),
]


def _seed(panel: str | None) -> Any:
    return typer.Option(
        metavar="N",
        min=0,
        max=MAX_SEED,
        help="Image i of a seed is always the same image.",
        rich_help_panel=panel,
    )


Seed = Annotated[int, _seed(DRAWN)]
SeedOfAll = Annotated[int, _seed(None)]
"""For a command with few options, which stand in one panel."""

Start = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=0,
        help="Index of the first image under the seed.",
        rich_help_panel=DRAWN,
    ),
]
Cols = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=0,
        help="Images in a row of the grid; 0: a square grid.",
        rich_help_panel=DRAWN,
    ),
]
Digit = Annotated[
    str | None,
    typer.Option(
        metavar="D",
        help="Which to draw: 7; or 0-9 or 1,3,5-7, a row each, in the same styles. For a "
        "generator trained with --conditional. Other classes go by name, or number from 0.",
        rich_help_panel=DRAWN,
    ),
]
Digits = Annotated[
    str | None,
    typer.Option(
        metavar="NUMBER",
        help="Write a number, such as 20261123, an image a digit.",
        rich_help_panel=DRAWN,
    ),
]
Truncation = Annotated[
    float,
    typer.Option(
        metavar="PSI",
        help="Above 0, up to 1. Below 1: clearer images, less varied.",
        rich_help_panel=DRAWN,
    ),
]
Interpolate = Annotated[
    int | None,
    typer.Option(
        metavar="K",
        min=1,
        max=100_000,
        help="Walk from image to image, K frames each: a .gif that comes back to the first, or "
        "a .png with a row from each to the next.",
        rich_help_panel=DRAWN,
    ),
]
Show = Annotated[
    bool,
    typer.Option(
        "--show",
        help="Draw in the terminal; a file is written only where OUT is named.",
    ),
]
Checkpoint = Annotated[
    Path | None,
    typer.Option(
        metavar="RUN|FILE",
        readable=False,
        autocompletion=complete.runs(".safetensors"),
        help="A .safetensors file, a run's folder or its name.",
        show_default="the newest run; where there is none, checkpoints/mnist-conv-conditional of "
        "ganctl's clone",
    ),
]
Threads = Annotated[
    int,
    typer.Option(
        metavar="N", min=0, max=1024, envvar=THREADS_VARIABLE, help="CPU threads; 0 for all cores."
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        readable=False,
        autocompletion=complete.files(),
        help="Folder of downloaded data sets.",
        show_default="$GANCTL_DATA, else the user's cache",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

MaxModel = Annotated[
    int,
    typer.Option(
        metavar="MB",
        min=1,
        max=1_000_000,
        help="Size of an ONNX file, in 10⁶ bytes.",
        rich_help_panel=UNTRUSTED,
    ),
]


def out_argument(default: str) -> Any:
    """Return what OUT is, for the help and the shell; ``default``: what stands for it."""
    return typer.Argument(
        metavar="OUT",
        parser=path,  # --help shows its name
        autocompletion=complete.files(".png", ".gif", ".npy"),
        help="A grid (.png), an animation (.gif, with --interpolate), a uint8 array of N×C×H×W "
        "(.npy), or a folder (one PNG an image); - for a grid to stdout.",
        show_default=default,
    )


def path(typed: str) -> Path:
    """Return the path that is typed, of which ``./-``, unlike ``-``, is not `STDOUT`."""
    out = Path(typed)
    return Path(os.path.abspath(out)) if out == STDOUT and typed != str(STDOUT) else out


@contextmanager
def nothing_written() -> Iterator[None]:
    """Say what Ctrl-C has left of the block, which writes its file whole at its end: nothing."""
    try:
        yield
    except KeyboardInterrupt:
        screen.note("stopped; nothing was written")
        raise


def tell_kept(out: Path) -> None:
    """Say that what is in the folder ``out``, if it is one, stays beside the new pictures."""
    if os.path.isdir(out) and os.listdir(out):
        screen.note(f"{out} is not empty: only pictures of the same numbers are replaced")


def refuse_same(out: Path, source: Path, message: str) -> None:
    """Refuse to write over what is being read, by whatever path.

    Raises:
        typer.BadParameter: ``out`` is the file ``source``.
    """
    if os.path.exists(out) and os.path.samefile(out, source):
        raise typer.BadParameter(message, param_hint="OUT")
