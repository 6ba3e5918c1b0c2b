"""``--show``: pictures drawn in the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console

from ganctl import latents
from ganctl.cli import screen
from ganctl.cli.terminal_pictures import (
    GAP,
    SMALLEST,
    draw_pictures,
    fitting_cols,
    fitting_width,
    rendered,
    shows_colours,
    terminal_room,
)
from ganctl.latents import GeneratorFunction
from ganctl.text import counted

if TYPE_CHECKING:
    from ganctl.cli.asked import Drawing

MOST = 100
"""Pictures that are shown: ten of each digit."""


def show_drawing(
    generator: GeneratorFunction, drawn: Drawing, shape: tuple[int, int], batch_size: int
) -> None:
    """Draw on stdout what is asked for, up to `MOST` images; to a pipe without colours.

    Args:
        generator: draws the batches.
        drawn: what is asked for.
        shape: (H, W) of its images; they are shrunk where they do not fit.
        batch_size: images drawn at once.

    Raises:
        CheckFailed: the generator draws NaN or infinite values.
    """
    count = min(drawn.count, MOST)
    batches = latents.draw(
        generator, drawn.inputs, start=drawn.start, count=count, batch_size=batch_size
    )
    width, cols = _layout(count, drawn.cols, shape)
    console = Console(file=sys.stdout)
    pictures = draw_pictures(np.concatenate(list(batches)), cols, width, shows_colours(console))
    screen.styled(rendered(pictures, console))
    if count < drawn.count:
        screen.note(f"{counted(drawn.count - count, 'more image')} not shown")


def _layout(count: int, cols: int, shape: tuple[int, int]) -> tuple[int, int]:
    """Return the width of each picture and how many stand side by side."""
    columns, lines = terminal_room()
    least = min(SMALLEST, shape[1], columns)
    if cols:  # the rows of a table stay rows, if that leaves anything to be seen
        width = min((columns + GAP) // cols - GAP, shape[1])
        if width >= least // 2:
            return width, cols
    width = max(fitting_width(count, shape, columns, lines), least)
    return width, fitting_cols(width, columns)
