"""Tables of results, for commands that have many; it imports rich, so commands import it late."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from ganctl.cli import screen

PIPE_WIDTH = 160


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on stdout, its first column to the left; in a pipe nothing is folded."""
    drawn = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for number, column in enumerate(columns):
        drawn.add_column(column, justify="right" if number else "left")
    for row in rows:
        drawn.add_row(*row)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, PIPE_WIDTH)
    with console.capture() as captured:
        console.print(drawn)
    lines = captured.get().splitlines()
    screen.result(*(line.rstrip() for line in lines))
