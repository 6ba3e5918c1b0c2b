"""Tables of results, for commands that have many; it imports rich, so commands import it late."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from ganctl.cli import screen
from ganctl.text import printable

GAP, TIGHT_GAP, MARGIN = 3, 2, 2
"""What lies between two columns of a table, of one that must fit, and at either side."""

MAX_WIDTH = 100_000
"""Of what another program may read line by line."""

Rows = Sequence[Sequence[str]]


def show_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], left: Collection[str] = ()
) -> None:
    """Print a table on stdout; in a pipe nothing is folded.

    The first column stands to the left, and any that ``left`` names; all others to the right.
    """
    _print(_table(title, columns, rows, left))


def fits(columns: Sequence[str], rows: Rows, gap: int = GAP) -> bool:
    """Tell whether stdout has room for a table without folding a cell; a pipe always has."""
    stdout = Console()
    cells = zip(columns, *rows, strict=True)
    widths = (max(cell_len(printable(cell)) for cell in column) for column in cells)
    needed = sum(widths) + gap * (len(columns) - 1) + 2 * MARGIN
    return not stdout.is_terminal or needed <= stdout.width


def show_fitting_table(
    columns: Sequence[str],
    rows: Rows,
    words: Collection[str],
    least: Sequence[str],
    title: str = "",
) -> None:
    """Print a table; on a terminal too narrow for it, some columns are left out, and it says which.

    Args:
        columns: their names.
        rows: their cells.
        words: as ``left`` of `show_table`.
        least: the columns that are left out first; ``--json`` has them.
        title: stands above it.
    """
    kept, cells = _fitting(columns, rows, least)
    _print(_table(title, kept, cells, words, tight=True))
    _say_left_out(columns, kept)


def show_named_table(
    columns: Sequence[str], rows: Rows, words: Collection[str], least: Sequence[str]
) -> None:
    """Print a table as `show_fitting_table`, but the names in its first column are never folded.

    Where more than the first column of ``least`` would have to give way, each name stands on a line
    above the rest of its row.
    """
    if fits(*_fitting(columns, rows, least[:1]), TIGHT_GAP):
        show_fitting_table(columns, rows, words, least)
        return
    kept, cells = _fitting(columns[1:], [row[1:] for row in rows], least)
    blank, heading, rule, *body = _lines(_table("", kept, cells, words, tight=True), MAX_WIDTH)
    names = (
        _lines(Text(printable(name), style="bold"), MAX_WIDTH) for name, *_ in (columns, *rows)
    )
    name, *others = ("".join(lines) for lines in names)
    pairs = (line for pair in zip(others, body, strict=False) for line in pair)
    screen.styled("\n".join((blank, name, heading, rule, *pairs, "")))
    _say_left_out(columns[1:], kept)


def show_sections(sections: Iterable[tuple[str, Sequence[tuple[str, str]]]]) -> None:
    """Print titled lists of names and values on stdout, folded at the terminal's width alone.

    What stands in them is shown as it is, whatever file it came from: no markup is obeyed and no
    escape sequence.
    """
    drawn = Table.grid(padding=(0, 2, 0, 0))
    drawn.add_column(no_wrap=True, max_width=30)
    drawn.add_column(overflow="fold")
    for number, (title, rows) in enumerate(sections):
        if number:
            drawn.add_row()
        drawn.add_row(Text(title, style="bold"))
        for name, value in rows:
            drawn.add_row(Text(f"  {printable(name)}"), Text(printable(value)))
    _print(drawn)


def _table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    left: Collection[str],
    tight: bool = False,
) -> Table:
    drawn = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        collapse_padding=tight,
    )
    for number, column in enumerate(columns):
        to_left = number == 0 or column in left
        drawn.add_column(column, justify="left" if to_left else "right", overflow="fold")
    for row in rows:
        drawn.add_row(*map(printable, row))
    return drawn


def _fitting(
    columns: Sequence[str], rows: Rows, least: Sequence[str]
) -> tuple[Sequence[str], Rows]:
    """Return a table without as many columns of ``least`` as stdout has no room for."""
    for name in least:
        if fits(columns, rows, TIGHT_GAP):
            break
        places = [place for place, column in enumerate(columns) if column != name]
        columns, *rows = ([row[place] for place in places] for row in (columns, *rows))
    return columns, rows


def _say_left_out(columns: Sequence[str], kept: Sequence[str]) -> None:
    missing = [column for column in columns if column not in kept]
    if missing:
        said = f"no room for {', '.join(missing)}: make the terminal wider, or use --json"
        _print(Text(said, style="dim"))


def _print(drawn: RenderableType) -> None:
    """Print on stdout; in a pipe nothing is folded."""
    stdout = Console()
    screen.styled("\n".join(_lines(drawn, stdout.width if stdout.is_terminal else MAX_WIDTH)))


def _lines(drawn: RenderableType, width: int) -> list[str]:
    """Return what stdout would show in so many columns."""
    shown = io.StringIO()
    terminal = Console().is_terminal
    Console(file=shown, force_terminal=terminal, width=width, highlight=False).print(drawn)
    return [line.rstrip() for line in shown.getvalue().splitlines()]
