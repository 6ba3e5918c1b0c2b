"""The options that several commands share, so that they are spelt and checked alike."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ganctl.config import MAX_SEED

Count = Annotated[
    int, typer.Option("-n", "--count", metavar="N", min=1, help="How many images to draw.")
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
Checkpoint = Annotated[
    Path | None,
    typer.Option(
        metavar="RUN|FILE",
        readable=False,
        help="A .safetensors file, a run's folder or its name.",
        show_default="the newest run",
    ),
]

OUT_HELP = "A grid (.png), a uint8 array of N×C×H×W (.npy), or a folder (one PNG an image)."


def refuse_same(out: Path, source: Path, message: str) -> None:
    """Refuse to write over what is being read, by whatever path.

    Raises:
        typer.BadParameter: ``out`` is the file ``source``.
    """
    if os.path.exists(out) and os.path.samefile(out, source):
        raise typer.BadParameter(message, param_hint="OUT")
