"""The report as one picture."""

from __future__ import annotations

import io
from collections.abc import Iterator

from PIL import Image, ImageDraw

import ganctl
from ganctl.evaluation.explain import about_ratios, headline, lines
from ganctl.evaluation.figures import Evaluation
from ganctl.images import Pixels, picture
from ganctl.lettering import cut, drawable, font, length

SCALE = 2
"""Pixels a unit: sharp on a dense screen."""

# All of the layout is in units.
WIDTH, MARGIN = 1240, 40
COLUMNS = ((MARGIN, 520), (564, WIDTH - MARGIN))  # left and right edges
TILE, GAP = 56, 4  # a sample, and what lies between two

PAPER, INK, SOFT, RULE = "#ffffff", "#1b1f27", "#667085", "#e4e7ee"
DRAWN, REAL = "#2f62e0", "#b3bac8"


class Sheet:
    """A white sheet of `WIDTH` × ``height`` units to draw on."""

    def __init__(self, height: int) -> None:
        self.image = Image.new("RGB", (WIDTH * SCALE, height * SCALE), PAPER)
        self.draw = ImageDraw.Draw(self.image)

    def text(
        self, x: float, y: float, text: str, size: int = 14, colour: str = INK, anchor: str = "ls"
    ) -> None:
        """Write one line; ``anchor`` as Pillow's: left, middle or right, at the baseline."""
        place = (x * SCALE, y * SCALE)
        self.draw.text(place, drawable(text), colour, font(size * SCALE), anchor=anchor)

    def box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """Fill a box; one that has no width is left out."""
        left, top, right, bottom = (round(edge * SCALE) for edge in (x, y, x + width, y + height))
        if right > left and bottom > top:
            self.draw.rectangle((left, top, right - 1, bottom - 1), colour)

    def arrow(self, x: float, y: float, direction: str) -> None:
        """Draw ↑ or ↓, which the font lacks, at a line's baseline."""
        base, tip = (y - 1, y - 9) if direction == "↑" else (y - 9, y - 1)
        corners = ((x, base), (x + 8, base), (x + 4, tip))
        self.draw.polygon([(a * SCALE, b * SCALE) for a, b in corners], SOFT)

    def tile(self, x: float, y: float, image: Pixels, side: int) -> None:
        """Draw a (C, H, W) image in a square, a small one in whole multiples of its pixels."""
        drawn = Image.fromarray(picture(image)).convert("RGB")
        room = side * SCALE
        longest = max(drawn.size)
        if longest <= room:
            times = room // longest
            drawn = drawn.resize(
                (drawn.width * times, drawn.height * times), Image.Resampling.NEAREST
            )
        else:
            drawn.thumbnail((room, room), Image.Resampling.LANCZOS)
        left, top = round(x * SCALE), round(y * SCALE)
        self.draw.rectangle((left, top, left + room - 1, top + room - 1), "#000000")
        self.image.paste(
            drawn, (left + (room - drawn.width) // 2, top + (room - drawn.height) // 2)
        )


def poster(evaluation: Evaluation) -> bytes:
    """Return the picture as PNG."""
    upper = 118
    lower = upper + max(_samples_height(evaluation), _table_height(evaluation)) + 52
    notes = lower + max(_shares_height(evaluation), _pairs_height(evaluation)) + 44
    remarks = (
        about_ratios(evaluation),
        *evaluation.notes,
        f"measured with ganctl {ganctl.__version__}",
    )
    written = [
        line
        for remark in remarks
        for line in _wrapped(remark[:1].upper() + remark[1:], 12, WIDTH - 2 * MARGIN)
    ]
    sheet = Sheet(notes + 18 * len(written) + MARGIN - 14)
    room = WIDTH - 2 * MARGIN
    sheet.text(MARGIN, 58, _cut(evaluation.target, 28, room), 28)
    sheet.text(MARGIN, 84, _cut(headline(evaluation), 14, room), 14, SOFT)
    _samples(sheet, evaluation, upper)
    _table(sheet, evaluation, upper)
    _shares(sheet, evaluation, lower)
    _pairs(sheet, evaluation, lower)
    for number, line in enumerate(written):
        sheet.text(MARGIN, notes + 18 * number, line, 12, SOFT)
    file = io.BytesIO()
    sheet.image.save(file, "PNG")
    return file.getvalue()


def _samples_height(evaluation: Evaluation) -> int:
    return 12 + -(-len(evaluation.images) // 8) * (TILE + 20)


def _samples(sheet: Sheet, evaluation: Evaluation, top: int) -> None:
    left, right = COLUMNS[0]
    sheet.text(left, top, "Samples, and what the judge sees in them")
    for index, (image, label) in enumerate(zip(evaluation.images, evaluation.labels, strict=True)):
        row, column = divmod(index, 8)
        x, y = left + column * (TILE + GAP), top + 14 + row * (TILE + 20)
        sheet.tile(x, y, image, TILE)
        name = _cut(evaluation.class_names[label], 11, TILE)
        sheet.text(x + TILE / 2, y + TILE + 13, name, 11, SOFT, "ms")


def _table_height(evaluation: Evaluation) -> int:
    return 38 + 52 * len(lines(evaluation))


def _table(sheet: Sheet, evaluation: Evaluation, top: int) -> None:
    left, right = COLUMNS[1]
    middle = right - 90
    sheet.text(left, top, "Figures")
    sheet.text(middle, top, "these", 12, SOFT, "rs")
    sheet.text(right, top, "real", 12, SOFT, "rs")
    shown = lines(evaluation)
    for number, line in enumerate(shown):
        y = top + 14 + 52 * number
        sheet.box(left, y, right - left, 1, RULE)
        sheet.arrow(left, y + 22, line.better)
        sheet.text(left + 16, y + 22, line.name, 15)
        sheet.text(left + 16, y + 39, line.meaning, 12, SOFT)
        sheet.text(middle, y + 22, line.text(evaluation.figures), 15, DRAWN, "rs")
        sheet.text(right, y + 22, line.text(evaluation.real), 15, SOFT, "rs")
    y = top + 14 + 52 * len(shown)
    sheet.box(left, y, right - left, 1, RULE)
    for x, direction, words in (
        (left, "↓", "smaller is better"),
        (left + 130, "↑", "larger is better; the real images are what can be hoped for"),
    ):
        sheet.arrow(x, y + 22, direction)
        sheet.text(x + 16, y + 22, words, 12, SOFT)


def _shares_height(evaluation: Evaluation) -> int:
    return 12 + 26 * len(evaluation.class_names)


def _shares(sheet: Sheet, evaluation: Evaluation, top: int) -> None:
    left, right = COLUMNS[0]
    drawn, real = evaluation.figures.class_shares, evaluation.real.class_shares
    names = [_cut(name, 14, 120) for name in evaluation.class_names]
    start = left + 14 + max(_length(name, 14) for name in names)
    unit = (right - 110 - start) / max(*drawn, *real)
    sheet.text(left, top, "Classes, as the judge sees them")
    sheet.text(right - 56, top, "these", 12, SOFT, "rs")
    sheet.text(right, top, "real", 12, SOFT, "rs")
    for number, (name, ours, theirs) in enumerate(zip(names, drawn, real, strict=True)):
        y = top + 14 + 26 * number
        sheet.text(left, y + 16, name)
        sheet.box(start, y + 4, unit * ours, 9, DRAWN)
        sheet.box(start, y + 14, unit * theirs, 5, REAL)
        sheet.text(right - 56, y + 16, f"{ours:.1%}", 14, DRAWN, "rs")
        sheet.text(right, y + 16, f"{theirs:.1%}", 14, SOFT, "rs")


def _pairs_height(evaluation: Evaluation) -> int:
    return 12 + -(-len(evaluation.pairs) // 4) * 110


def _pairs(sheet: Sheet, evaluation: Evaluation, top: int) -> None:
    left, _ = COLUMNS[1]
    sheet.text(
        left, top, "Samples most like a training image, which is on the right, and their ratio"
    )
    for number, pair in enumerate(evaluation.pairs):
        row, column = divmod(number, 4)
        x, y = left + column * 165, top + 14 + row * 110
        sheet.tile(x, y, pair.image, 70)
        sheet.tile(x + 71, y, pair.neighbour, 70)
        sheet.text(x, y + 88, f"{pair.ratio:.2f}", 15, DRAWN)
        sheet.text(x + 141, y + 88, f"#{pair.index}", 12, SOFT, "rs")


def _length(text: str, size: int) -> float:
    """Return how long a line is, in units."""
    return length(text, size * SCALE) / SCALE


def _cut(text: str, size: int, room: float) -> str:
    """Return as much of a line as there is room for."""
    return cut(text, size * SCALE, room * SCALE)


def _wrapped(text: str, size: int, room: float) -> Iterator[str]:
    """Yield the lines of a text."""
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and _length(longer, size) > room:
            yield _cut(line, size, room)
            line = word
        else:
            line = longer
    yield _cut(line, size, room)
