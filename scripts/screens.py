"""Draw the README's terminal images: docs/img/train.png, runs.png and sample.png.

    python scripts/screens.py [train] [runs] [sample]

Each command runs in its own pseudo-terminal, in a folder with the files of a clone, and the final
screen is drawn. All three take about eight minutes on one core. (docs/img/report.png is a browser
screenshot of the upper part of the report.html that `ganctl train --data digits --epochs 200
--threads 1 --name digits` writes.)
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib
from PIL import Image, ImageDraw, ImageFont

OUT = Path("docs/img").absolute()
PRETRAINED = Path("checkpoints/mnist-mlp.safetensors").absolute()


class Shot(NamedTuple):
    """A command whose screen is taken."""

    command: str
    columns: int
    lines: int
    before: tuple[str, ...] = ()
    """Commands that run first, unseen."""
    broken_off: tuple[str, ...] = ()
    """Trainings that are stopped after `EPOCHS`, unseen."""
    beside: tuple[str, ...] = ()
    """Trainings that still run, after as many at least."""
    until: str = ""
    """What it prints when the picture is to be taken; else that is at its end."""


EPOCHS = 4

TRAIN = "ganctl train --data digits --eval-every 2 --epochs"
SHOTS = {
    "train": Shot(
        "ganctl train --data digits --epochs 40 --eval-every 2", 100, 33, until="epoch 31/40"
    ),
    "runs": Shot(
        "ganctl runs",
        100,
        33,
        before=(
            f"{TRAIN} 4 --name default",
            f"{TRAIN} 4 --name classic --recipe classic",
        ),
        broken_off=(f"{TRAIN} 20 --name hinge --objective hinge",),
        beside=(f"{TRAIN} 20 --arch conv --conditional",),
    ),
    "sample": Shot("ganctl sample --checkpoint mnist-mlp --show -n 18", 104, 30),
}

Colour = tuple[int, int, int]
BACKGROUND: Colour = (18, 18, 22)
FOREGROUND: Colour = (215, 215, 215)
NAMED: Sequence[Colour] = (
    *((0, 0, 0), (205, 49, 49), (13, 188, 121), (229, 229, 16)),
    *((36, 114, 200), (188, 63, 188), (17, 168, 205), (229, 229, 229)),
)
"""What 30 to 37 stand for."""

SIZE = 13  # of the letters, in pixels
FONTS = Path(matplotlib.get_data_path(), "fonts", "ttf")  # the same ones on every machine
FONT, BOLD = (
    ImageFont.truetype(FONTS / f"DejaVuSansMono{weight}.ttf", SIZE) for weight in ("", "-Bold")
)
WIDTH = round(FONT.getlength("M"))  # of a character; it is twice as high

BLOCKS = "▁▂▃▄▅▆▇█"  # eighths, from below
RULES = {"─": 1, "━": 3}  # pixels


class Style(NamedTuple):
    """How a character looks."""

    colour: Colour = FOREGROUND
    ground: Colour = BACKGROUND
    bold: bool = False
    dim: bool = False


PLAIN = Style()


class Screen:
    """A terminal's characters, as far as ganctl writes them; nothing scrolls out of it.

    Args:
        columns: after which a line goes on in the next one.
    """

    def __init__(self, columns: int) -> None:
        self.lines: list[list[tuple[str, Style]]] = [[]]
        self._columns, self._x, self._y, self._style = columns, 0, 0, PLAIN

    def write(self, text: str) -> None:
        """Obey the escape sequences in ``text``, and show the rest."""
        for part in re.split(r"(\x1b\[[?\d;]*[A-Za-z]|[\r\n])", text):
            if part.startswith("\x1b["):
                self._obey(part[2:-1], part[-1])
            elif part == "\r":
                self._x = 0
            elif part == "\n":
                self._down()
            else:
                for character in part:
                    self._put(character)

    def _put(self, character: str) -> None:
        if self._x == self._columns:
            self._down()
            self._x = 0
        line = self.lines[self._y]
        line += [(" ", PLAIN)] * (self._x + 1 - len(line))
        line[self._x] = character, self._style
        self._x += 1

    def _down(self) -> None:
        self._y += 1
        if self._y == len(self.lines):
            self.lines.append([])

    def _obey(self, values: str, order: str) -> None:
        if order == "m":
            self._style = restyled(self._style, [int(value or 0) for value in values.split(";")])
        elif order == "A":
            self._y = max(self._y - int(values or 1), 0)
        elif order in "JK":  # both erase from the cursor on
            del self.lines[self._y][self._x :]
            if order == "J":
                del self.lines[self._y + 1 :]
        else:
            assert order in "hl", f"an order that is not known: {values}{order}"


def restyled(style: Style, codes: Sequence[int]) -> Style:
    """Return the style after ESC [ codes m."""
    left = iter(codes)
    for code in left:
        if code == 0:
            style = PLAIN
        elif code == 1:
            style = style._replace(bold=True)
        elif code == 2:
            style = style._replace(dim=True)
        elif 30 <= code <= 37:
            style = style._replace(colour=NAMED[code - 30])
        else:
            assert code in (38, 48) and next(left) == 2, f"a style that is not known: {codes}"
            colour = next(left), next(left), next(left)
            style = style._replace(colour=colour) if code == 38 else style._replace(ground=colour)
    return style


def drawn(screen: Screen, columns: int) -> Image.Image:
    """Return the screen, with a character's width around it."""
    lines = screen.lines
    while not lines[-1]:
        lines.pop()
    size = (columns + 2) * WIDTH, 2 * (len(lines) + 1) * WIDTH
    image = Image.new("RGB", size, BACKGROUND)
    pen = ImageDraw.Draw(image)
    for y, line in enumerate(lines):
        for x, (character, style) in enumerate(line):
            draw_character(pen, (x + 1) * WIDTH, (2 * y + 1) * WIDTH, character, style)
    return image


def draw_character(
    pen: ImageDraw.ImageDraw, left: int, top: int, character: str, style: Style
) -> None:
    """Draw it; blocks and rules fill their cells, so that they join, whatever the font."""
    height = 2 * WIDTH
    colour = tuple(value // 2 + 8 for value in style.colour) if style.dim else style.colour

    def fill(first: int, end: int, of: tuple[int, ...]) -> None:
        pen.rectangle((left, top + first, left + WIDTH - 1, top + end - 1), of)

    fill(0, height, style.ground)
    if character == "▀":
        fill(0, WIDTH, colour)
    elif character in BLOCKS:
        fill(height - round(height * (BLOCKS.index(character) + 1) / 8), height, colour)
    elif character in RULES:
        thick = RULES[character]
        fill(WIDTH - thick // 2, WIDTH + (thick + 1) // 2, colour)
    elif character != " ":
        font = BOLD if style.bold else FONT
        pen.text((left, top + (height - SIZE) // 2 - 1), character, colour, font)


def printed(shot: Shot, folder: Path) -> str:
    """Return all that the command prints in a terminal, up to where its picture is taken."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("4H", shot.lines, shot.columns, 0, 0))
    output = b""
    with started(shot.command, folder, its) as process:
        os.close(its)
        seen = False
        while not (seen and not select.select([ours], [], [], 0.3)[0]):  # all of it is written
            try:
                part = os.read(ours, 2**16)
            except OSError:  # as Linux says that nobody has the terminal open any more
                part = b""
            if not part:
                break
            output += part
            seen = seen or bool(shot.until) and shot.until.encode() in output
        if seen:
            process.terminate()
        os.close(ours)
    assert seen or process.returncode == 0, shot.command
    return output.decode()


def begun(command: str, folder: Path) -> subprocess.Popen[bytes]:
    """Start a training, and return when it has finished `EPOCHS`; it goes on unheard."""
    ours, its = os.pipe()
    process = started(command, folder, its)
    os.close(its)
    with open(ours) as said:
        assert any(line.startswith(f"epoch {EPOCHS}/") for line in said), command
    return process


def started(command: str, folder: Path, terminal: int | None = None) -> subprocess.Popen[bytes]:
    """Start a command of ganctl in ``folder``."""
    unset = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    return subprocess.Popen(
        [sys.executable, "-m", *shlex.split(command)],
        cwd=folder,
        env=environment | {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )


def main(names: Sequence[str]) -> None:
    """Take the pictures of these names; all where there is none."""
    for name in names or SHOTS:
        shot = SHOTS[name]
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            (folder / "checkpoints").mkdir()
            shutil.copy(PRETRAINED, folder / "checkpoints")
            for command in shot.before:
                assert started(command, folder).wait() == 0, command
            for command in shot.broken_off:
                stopped = begun(command, folder)
                stopped.send_signal(signal.SIGINT)
                stopped.wait()
            running = [begun(command, folder) for command in shot.beside]
            screen = Screen(shot.columns)
            screen.write(f"\x1b[1m$ {shot.command}\x1b[0m\r\n{printed(shot, folder)}")
            for process in running:
                process.terminate()
                process.wait()
        drawn(screen, shot.columns).save(OUT / f"{name}.png", optimize=True)
        print(f"wrote {OUT / name}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
