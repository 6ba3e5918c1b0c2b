"""Pictures drawn in a terminal: a character shows two pixels, one above the other."""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text

from ganctl.images import Pixels, grid_shape

GAP = 1
"""Black pixels between two pictures."""

LEVELS = 32
"""Of a channel: finer ones look alike, and each has escape sequences of its own."""

DENSITIES = " ░▒▓█"
"""What stands for a level where there are no colours, black to white."""

CONTRAST = 128
"""Where there are no colours: two pixels so far apart are shown as one of them, white, alone."""


def shows_colours(console: Console) -> bool:
    """Tell whether grey levels can be told apart on it; sixteen colours have too few."""
    return console.color_system in ("truecolor", "256") and not console.no_color


def draw_pictures(images: Pixels, cols: int, width: int, colours: bool) -> list[Text]:
    """Return images (N, C, H, W), row by row, as lines of text.

    Args:
        images: grey or colour, at least one.
        cols: how many stand side by side.
        width: that each is shrunk to, in pixels, which are columns; its proportions stay.
        colours: whether the text may have them; without them its characters are more or less dense.
    """
    sheet = _sheet(shrink(images, height_for(images.shape[2:], width), width), cols)
    pairs = sheet.reshape(len(sheet) // 2, 2, *sheet.shape[1:])
    return [(_coloured if colours else _dense)(top, bottom) for top, bottom in pairs]


def fitting_width(count: int, shape: Sequence[int], columns: int, lines: int) -> int:
    """Return the largest width at which ``count`` pictures of (H, W) fit; 0 where there is none.

    Args:
        count: how many, side by side and one above the other.
        shape: their own size: they are never enlarged.
        columns: of the terminal that they may take.
        lines: likewise; each shows two rows of pixels.
    """
    for width in range(shape[1], 0, -1):
        if fitting_cols(width, columns) * _fitting_rows(height_for(shape, width), lines) >= count:
            return width
    return 0


def fitting_cols(width: int, columns: int) -> int:
    """Return how many pictures so wide stand side by side."""
    return (columns + GAP) // (width + GAP)


def fitting_count(shape: Sequence[int], width: int, columns: int, lines: int) -> int:
    """Return how many pictures of (H, W), shrunk to ``width``, fit."""
    return fitting_cols(width, columns) * _fitting_rows(height_for(shape, width), lines)


def height_for(shape: Sequence[int], width: int) -> int:
    """Return the height of a picture of (H, W) at another width."""
    return max(1, round(shape[0] * width / shape[1]))


def _fitting_rows(height: int, lines: int) -> int:
    return (2 * lines + GAP) // (height + GAP)


def shrink(images: Pixels, height: int, width: int) -> Pixels:
    """Return (N, C, H, W) images at another size: each pixel is the mean of those it covers."""
    if images.shape[2:] == (height, width):
        return images
    rows, columns = _cover(images.shape[2], height), _cover(images.shape[3], width)
    shrunk: Pixels = np.rint(rows @ images @ columns.T).astype(np.uint8)
    return shrunk


@lru_cache
def _cover(size: int, wanted: int) -> NDArray[np.float64]:
    """Return (wanted, size): how much of each old pixel lies in each new one, as shares of that."""
    edges = np.arange(wanted + 1) * size / wanted
    old = np.arange(size)
    overlap = np.minimum(edges[1:, None], old + 1) - np.maximum(edges[:-1, None], old)
    shares: NDArray[np.float64] = np.clip(overlap, 0, None)
    return shares * wanted / size


def _sheet(images: Pixels, cols: int) -> Pixels:
    """Return the images on one sheet of (H', W', 3), an even number of rows high."""
    count, channels, height, width = images.shape
    rows, cols = grid_shape(count, cols)
    tall = rows * (height + GAP) - GAP
    sheet = np.zeros((tall + tall % 2, cols * (width + GAP) - GAP, 3), np.uint8)
    for index, image in enumerate(images):
        top, left = index // cols * (height + GAP), index % cols * (width + GAP)
        sheet[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    return sheet


def _coloured(top: Pixels, bottom: Pixels) -> Text:
    """Return a line of upper half blocks on the lower pixels' colours."""
    step = 255 / (LEVELS - 1)
    pairs = np.rint(np.rint(np.concatenate([top, bottom], axis=1) / step) * step).astype(int)
    line = Text(no_wrap=True)
    for colours, cells in groupby(map(tuple, pairs.tolist())):
        line.append("▀" * len(list(cells)), _style(colours))
    return line


@lru_cache(4096)
def _style(colours: tuple[int, ...]) -> Style:
    return Style(color=Color.from_rgb(*colours[:3]), bgcolor=Color.from_rgb(*colours[3:]))


def _dense(top: Pixels, bottom: Pixels) -> Text:
    return Text("".join(map(_character, top.mean(axis=1), bottom.mean(axis=1))), no_wrap=True)


def _character(top: float, bottom: float) -> str:
    if abs(top - bottom) >= CONTRAST:
        return "▀" if top > bottom else "▄"
    return DENSITIES[round((top + bottom) / 2 / 255 * (len(DENSITIES) - 1))]


def rendered(lines: Sequence[Text], console: Console) -> str:
    """Return lines as ``console`` would write them, without the last line's end."""
    paper = Console(
        file=io.StringIO(),
        force_terminal=console.is_terminal,
        color_system=console.color_system,  # type: ignore[arg-type]
        no_color=console.no_color,
    )
    with paper.capture() as written:
        paper.print(Text("\n").join(lines), end="", soft_wrap=True)
    return written.get()


SMALLEST = 14  # columns of an image, at least, where all are to fit: half of a digit's
KEPT_FREE = 4  # lines that are left to the command, the notes and the prompt


def screenful() -> int:
    """Return how many small images fit on the screen."""
    return max(1, fitting_count((SMALLEST, SMALLEST), SMALLEST, *terminal_room()))


def terminal_room() -> tuple[int, int]:
    """Return the columns and the lines that images may take."""
    size = shutil.get_terminal_size()
    return max(size.columns, 1), max(size.lines - KEPT_FREE, 1)
