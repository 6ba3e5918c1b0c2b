from __future__ import annotations

import io
import re
import sys

import pytest
from rich.console import Console
from rich.text import Text

from ganctl.cli.live import LiveLines


class Terminal(io.StringIO):
    """Obeys what `LiveLines` writes, on a screen that never scrolls."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width, self.written = width, 0
        self.rows: list[str] = [""]
        self.row = 0

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.written += len(text)
        for part in re.findall(r"\x1b\[\d*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", text):
            if up := re.fullmatch(r"\x1b\[(\d+)A", part):
                self.row = max(self.row - int(up[1]), 0)
            elif part == "\x1b[J":
                self.rows = [*self.rows[: self.row], ""]
            elif part == "\n":
                self.row += 1
                self.rows += [""] * (self.row + 1 - len(self.rows))
            elif part not in ("\r", "\x1b[K"):
                self.rows[self.row] = part
        return len(text)

    def narrow(self, width: int) -> None:
        """Wrap what is shown anew, as most terminals do."""
        rows = [
            row[first : first + width]
            for row in self.rows
            for first in range(0, max(len(row), 1), width)
        ]
        self.rows, self.row, self.width = rows, len(rows) - 1, width


def lines_on(terminal: Terminal) -> tuple[LiveLines, Console]:
    console = Console(file=terminal, force_terminal=True, color_system=None, width=terminal.width)
    return LiveLines(console), console


def test_lines_are_written_over_and_the_unchanged_ones_left_alone() -> None:
    terminal = Terminal(40)
    lines, _ = lines_on(terminal)
    long = Text("picture " * 4)
    lines.show([Text("one"), long])
    before = terminal.written
    lines.show([Text("two"), long])
    assert terminal.rows == ["two", long.plain, ""] and terminal.written - before < 20
    lines.show([Text("three")])
    assert terminal.rows == ["three", ""]
    lines.show([Text("four"), Text("five")])
    assert terminal.rows == ["four", "five", ""]


def test_what_is_printed_goes_above_line_by_line() -> None:
    terminal = Terminal(40)
    lines, _ = lines_on(terminal)
    outside = sys.stderr
    with lines:
        lines.show([Text("panel")])
        print("note: one", file=sys.stderr)
        sys.stderr.write("half a ")
        assert terminal.rows == ["note: one", "panel", ""]
        lines.show([Text("panel 2")])
        sys.stderr.write("line\n")
        assert terminal.rows == ["note: one", "half a line", "panel 2", ""]
        assert sys.stderr.isatty()
        sys.stderr.write("left over")
        inside = sys.stderr
    assert terminal.rows == ["note: one", "half a line", "left over", "panel 2", ""]
    assert sys.stderr is outside
    print("late", file=inside)
    assert terminal.rows[-2:] == ["late", ""]


@pytest.mark.parametrize("width", [39, 20, 11])
def test_a_window_made_narrower_leaves_nothing_behind(width: int) -> None:
    terminal = Terminal(40)
    lines, console = lines_on(terminal)
    with lines:
        print("above", file=sys.stderr)
        lines.show([Text("x" * 40), Text(), Text("short")])
        terminal.narrow(width)
        console.width = width
        lines.show([Text("y" * width), Text("z")])
    assert terminal.rows == ["above", "y" * width, "z", ""]


def test_what_is_printed_before_a_narrower_window_is_drawn_leaves_nothing_behind() -> None:
    terminal = Terminal(40)
    lines, console = lines_on(terminal)
    with lines:
        lines.show([Text("x" * 40), Text("short")])
        terminal.narrow(20)
        console.width = 20
        print("note", file=sys.stderr)
        terminal.narrow(20)  # what has been written again is too wide as well
        lines.show([Text("y" * 20), Text("z")])
    assert terminal.rows == ["note", "y" * 20, "z", ""]


def test_a_terminal_that_goes_away_stops_nothing() -> None:
    class Gone(Terminal):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    outside = sys.stderr
    lines, _ = lines_on(Gone(40))
    with lines:
        lines.show([Text("panel")])
        print("note", file=sys.stderr)
    assert sys.stderr is outside
