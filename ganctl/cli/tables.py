"""Tables of results, for commands that have many; it imports rich, so commands import it late."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ganctl.cli import screen
from ganctl.text import inert

PIPE_WIDTH = 160

GAP = 3
"""What lies between two columns of a table."""

MAX_WIDTH = 100_000
"""Of what another program may read line by line."""


def show_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    left: Collection[str] = (),
) -> None:
    """Print a table on stdout; in a pipe nothing is folded.

    The first column stands to the left, and any that ``left`` names; all others to the right.
    """
    drawn = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for number, column in enumerate(columns):
        to_left = number == 0 or column in left
        drawn.add_column(column, justify="left" if to_left else "right", overflow="fold")
    for row in rows:
        drawn.add_row(*map(inert, row))
    _print(drawn, PIPE_WIDTH)


def show_fitting_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    words: Sequence[str],
    least: Sequence[str],
    title: str = "",
) -> None:
    """Print a table; on a terminal too narrow for it, some columns are left out.

    Args:
        columns: their names.
        rows: their cells.
        words: as for `show_table`.
        least: the columns that are left out first.
        title: stands above it.
    """
    stdout = Console()
    kept = list(columns)
    for name in ("", *least):
        kept = [column for column in kept if column != name]
        places = [columns.index(column) for column in kept]
        widths = (max(cell_len(inert(row[place])) for row in (columns, *rows)) for place in places)
        if not stdout.is_terminal or sum(widths) + GAP * len(kept) < stdout.width:
            break
    show_table(title, kept, [[row[place] for place in places] for row in rows], words)


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
            drawn.add_row(Text(f"  {inert(name)}"), Text(inert(value)))
    _print(drawn, MAX_WIDTH)


def _print(drawn: Table, pipe_width: int) -> None:
    """Print on stdout; in a pipe the table may be at least so wide."""
    shown, stdout = io.StringIO(), Console()
    terminal = stdout.is_terminal
    width = stdout.width if terminal else max(stdout.width, pipe_width)
    Console(file=shown, force_terminal=terminal, width=width, highlight=False).print(drawn)
    screen.styled("\n".join(line.rstrip() for line in shown.getvalue().splitlines()))
