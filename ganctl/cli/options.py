"""The options that several commands share, so that they are spelt and checked alike."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ganctl.cli import screen
from ganctl.config import MAX_SEED

UNTRUSTED = "Limits for files that are not trusted"

Count = Annotated[
    int | None,
    typer.Option(
        "-n",
        "--count",
        metavar="N",
        min=1,
        help="How many images: of each digit, where there are several; or how many numbers.",
        show_default="64, with --show alone a screenful; 10 of each digit; 1 number; to "
        "interpolate between, 8",
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        metavar="N", min=0, max=MAX_SEED, help="Image i of a seed is always the same image."
    ),
]
Start = Annotated[
    int, typer.Option(metavar="N", min=0, help="Index of the first image under the seed.")
]
Cols = Annotated[
    int, typer.Option(metavar="N", min=0, help="Images a row of the grid; 0 for a square.")
]
Digit = Annotated[
    str | None,
    typer.Option(
        metavar="D",
        help="Which to draw: 7; or 0-9 or 1,3,5-7, a row each, in the same styles. For a "
        "generator trained with --conditional. Classes that are no digits go by number, from 0.",
    ),
]
Digits = Annotated[
    str | None,
    typer.Option(metavar="NUMBER", help="Write a number, such as 20261123, an image a digit."),
]
Truncation = Annotated[
    float,
    typer.Option(metavar="PSI", help="Above 0, up to 1. Below 1: clearer images, less varied."),
]
Interpolate = Annotated[
    int | None,
    typer.Option(
        metavar="K",
        min=1,
        max=100_000,
        help="Walk from image to image, K frames each: a .gif that comes back to the first, or "
        "a .png with a row from each to the next.",
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
        help="A .safetensors file, a run's folder or its name.",
        show_default="the newest run; else the one that comes with ganctl",
    ),
]

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

OUT_HELP = (
    "A grid (.png), an animation (.gif, with --interpolate), a uint8 array of N×C×H×W (.npy), or "
    "a folder (one PNG an image)."
)


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
