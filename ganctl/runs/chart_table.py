"""Small tables beneath charts: a line a run, a column a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ganctl.runs.chart import INK, SOFT, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

FONT = 8
"""Points of the letters, all of which are equally wide."""

LINE, ABOVE = 0.165, 0.15
"""Inches: of a line, and above a table."""

LEFT = 0.02
"""Share of the width where a table begins."""

CHARACTERS = 155
"""In a line of 11 inches."""

LONGEST_NAME, LONGEST = 40, 24
"""Characters of a name, and of another cell."""

GAP, MORE = "  ", 11
"""What lies between two columns, and the characters that the number of missing ones may take."""

Columns = Sequence[tuple[str, Sequence[str]]]


def table_height(rows: int) -> float:
    """Return the inches that a table of so many rows takes."""
    return LINE * (2 + rows) + ABOVE


def draw_table(
    figure: Figure | SubFigure,
    top: float,
    named: tuple[str, Sequence[str]],
    colours: Sequence[str],
    columns: Columns,
) -> None:
    """Draw a table of the columns that there is room for.

    Args:
        figure: which is 11 inches wide.
        top: inches from its upper edge to the table.
        named: the heading of the names, and they.
        colours: of the names.
        columns: each its heading and a cell a name.
    """
    height = figure.bbox.height / figure.dpi
    heading, names = named
    lines = text_table((heading, [shown(name, LONGEST_NAME) for name in names]), columns)
    for number, (line, colour) in enumerate(zip(lines, (SOFT, SOFT, *colours), strict=False)):
        name, cells = line
        y = 1 - (top + ABOVE + LINE * (number + 0.7)) / height
        blank = " " * len(name)
        for text, ink in ((name, colour), (blank + cells, SOFT if number < 2 else INK)):
            figure.text(LEFT, y, text, family="monospace", fontsize=FONT, color=ink)


def text_table(named: tuple[str, Sequence[str]], columns: Columns) -> list[tuple[str, str]]:
    """Return a table in lines of text: two of headings, then one a name.

    Each is a name and, behind it, the cells. Columns that lines of `CHARACTERS` have no room for
    are counted.
    """
    names = [text.ljust(max(map(len, (named[0], *named[1])))) for text in ("", named[0], *named[1])]
    lines = ["" for _ in names]
    for number, (heading, cells) in enumerate(columns):
        above, _, below = heading.rpartition(" ")
        texts = [above, below, *(shown(cell, LONGEST) for cell in cells)]
        width = max(map(len, texts))
        room = CHARACTERS - len(names[0] + lines[0]) - (MORE if columns[number + 1 :] else 0)
        if len(GAP) + width > room:
            lines[1] += f"{GAP}… {len(columns) - number} more"
            break
        lines = [line + GAP + text.rjust(width) for line, text in zip(lines, texts, strict=True)]
    return list(zip(names, lines, strict=True))
