"""A data set at a glance: its images as training gets them, a row a class, named and counted."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from ganctl.data.survey import COLS, Survey
from ganctl.images import PADDING, Pixels, grid
from ganctl.lettering import cut, drawable, font, length

HEIGHT, ROOM, GAP = 11, 160, 6
"""Pixels: of a class's name, that it may be wide, and beside it."""


def contact_sheet(survey: Survey) -> Pixels:
    """Return the sheet, (H, W) grey or (H, W, 3); images too low for a name beside have none."""
    if not survey.classes:
        return grid(survey.sheet)
    picture = grid(survey.sheet, COLS)
    if survey.img_size < HEIGHT:
        return picture
    rows = [
        (name, f"  {count:,}")
        for name, count in list(survey.classes.items())[: len(survey.sheet) // COLS]
    ]
    lines = [cut(name, HEIGHT, ROOM - length(count, HEIGHT)) + count for name, count in rows]
    edge = round(max(length(line, HEIGHT) for line in lines)) + 2 * GAP
    names = Image.new("L", (edge, len(picture)))
    pen, row = ImageDraw.Draw(names), survey.img_size + PADDING
    for number, line in enumerate(lines):
        middle = (edge - GAP, number * row + PADDING + survey.img_size / 2)
        pen.text(middle, drawable(line), 255, font(HEIGHT), anchor="rm")
    margin = np.asarray(names)
    if picture.ndim == 3:
        margin = np.repeat(margin[:, :, None], 3, axis=2)
    return np.hstack((margin, picture))
