"""``ganctl sample``: draw from a checkpoint."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from ganctl.cli import screen
from ganctl.cli.options import (
    OUT_HELP,
    PICTURES,
    Checkpoint,
    Cols,
    Count,
    Digit,
    Digits,
    Interpolate,
    Seed,
    Start,
    Truncation,
    nothing_written,
    tell_kept,
)

BATCH_SIZE = 64


class Weights(str, Enum):
    """Which of a checkpoint's generators draws."""

    EMA = "ema"
    LIVE = "live"


def sample(
    out: Annotated[
        Path, typer.Argument(metavar="OUT", readable=False, autocompletion=PICTURES, help=OUT_HELP)
    ] = Path("samples.png"),
    count: Count = None,
    seed: Seed = 0,
    start: Start = 0,
    cols: Cols = 0,
    digit: Digit = None,
    digits: Digits = None,
    truncation: Truncation = 1.0,
    interpolate: Interpolate = None,
    checkpoint: Checkpoint = None,
    weights: Annotated[
        Weights, typer.Option(help="The generator's running average, or the weights that train.")
    ] = Weights.EMA,
) -> None:
    """Draw images from a checkpoint.

    Example: [bold]ganctl sample -n 64 --seed 7 out.png[/]
    """
    from ganctl.checkpoint_file import read_checkpoint, read_header
    from ganctl.cli.asked import Asked
    from ganctl.cli.piped import STDOUT, check_place, file_for, place_for
    from ganctl.training.run import find_checkpoint, introduce

    asked = Asked(file_for(out), count, seed, start, cols, digit, digits, truncation, interpolate)
    check_place(out)
    path = find_checkpoint(checkpoint)
    read_header(read_checkpoint(path), str(path))  # before torch, which takes seconds to load
    tell_kept(out)
    if checkpoint is None:
        screen.note(f"drawing from {introduce(path)}")

    from ganctl.drawing import draw_to
    from ganctl.training.generate import as_function, load_generator

    generator, card = load_generator(path, weights.value)
    if card.weights != weights.value:
        screen.note("the run keeps no average of the weights: drawing from the live ones")
    drawing = asked.of(path, generator.latent_dim, card.class_names, card.class_shares)
    with (
        nothing_written(),
        place_for(out) as place,
        screen.DrawingScreen(drawing.count) as progress,
    ):
        draw_to(
            place,
            as_function(generator),
            drawing.inputs,
            generator.image_shape,
            start=drawing.start,
            count=drawing.count,
            batch_size=BATCH_SIZE,
            cols=drawing.cols,
            report=progress.show,
        )
    if out != STDOUT:
        screen.result(f"wrote {out}: {drawing.what}{progress.speed}")
