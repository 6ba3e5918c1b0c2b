"""``ganctl sample``: draw from a checkpoint."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from ganctl.cli import screen
from ganctl.cli.options import (
    Checkpoint,
    Cols,
    Count,
    Digit,
    Digits,
    Interpolate,
    Seed,
    Show,
    Start,
    Threads,
    Truncation,
    nothing_written,
    out_argument,
    tell_kept,
)

BATCH_SIZE = 64


class Weights(str, Enum):
    """Which of a checkpoint's generators draws."""

    EMA = "ema"
    LIVE = "live"


def sample(
    out: Annotated[Path | None, out_argument("samples.png")] = None,
    count: Count = None,
    seed: Seed = 0,
    start: Start = 0,
    cols: Cols = 0,
    digit: Digit = None,
    digits: Digits = None,
    truncation: Truncation = 1.0,
    interpolate: Interpolate = None,
    show: Show = False,
    checkpoint: Checkpoint = None,
    weights: Annotated[
        Weights,
        typer.Option(help="ema: the running average of the weights; live: the weights that train."),
    ] = Weights.EMA,
    threads: Threads = 0,
) -> None:
    """Draw images from a checkpoint.

    Example: [bold]ganctl sample -n 64 --seed 7 out.png[/]; in the terminal:
    [bold]ganctl sample --show[/]
    """
    from ganctl.checkpoint_file import read_header
    from ganctl.cli.asked import Asked
    from ganctl.cli.deliver import check_target, deliver, file_for
    from ganctl.environment import introduce
    from ganctl.runs.run_dir import find_checkpoint

    place = out and file_for(out)
    asked = Asked(place, count, seed, start, cols, digit, digits, truncation, interpolate, show)
    if out is None and not show:
        out = Path("samples.png")
    if out is not None:
        check_target(out, show)
    path = find_checkpoint(checkpoint)
    read_header(path)  # before torch, which takes seconds to load
    if out is not None:
        tell_kept(out)
    if checkpoint is None:
        screen.note(f"drawing from {introduce(path)}")

    from ganctl.training.checkpoint import as_function, load_generator
    from ganctl.training.device import limit_threads

    limit_threads(threads)
    generator, card = load_generator(path, weights.value)
    if card.weights != weights.value:
        screen.note("the run keeps no average of the weights: drawing from the live ones")
    drawn = asked.of(path, generator.latent_dim, card.class_names, card.class_shares)
    with nothing_written():
        deliver(as_function(generator), drawn, generator.image_shape, BATCH_SIZE, out, show)
