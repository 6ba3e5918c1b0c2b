"""The pages that people read, and the commands that stand in them.

A fenced block without a language holds commands, one a line; where a line in it begins with ``$ ``,
such lines alone are the commands and the rest is what they print. Blocks in a language (python,
dockerfile, text, …) hold none. Inline code in prose and tables may be a command too, where capitals
stand for what is the reader's.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]

PAGES = [ROOT / "README.md", ROOT / "checkpoints/README.md", *sorted((ROOT / "docs").glob("*.md"))]


class Block(NamedTuple):
    """A fenced block of a page."""

    page: Path
    line: int  # of its first one in the page, from 1
    language: str
    lines: list[str]

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


class Command(NamedTuple):
    """A line to be typed, without its comment."""

    place: str  # PAGE:LINE
    text: str


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    inside: Block | None = None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.startswith("```"):
            if inside:
                inside.lines.append(line)
        elif inside:
            yield inside
            inside = None
        else:
            inside = Block(page, number + 1, line[3:].strip(), [])
    assert inside is None, f"{page} ends within a block"


def commands(block: Block) -> list[Command]:
    """Return the commands of a block."""
    if block.language:
        return []
    shown = any(line.startswith("$ ") for line in block.lines)
    found, begun = [], ""
    for number, line in enumerate(block.lines):
        if shown and not line.startswith("$ "):
            continue
        if line.endswith("\\"):
            begun += line[:-1]
            continue
        line, begun = begun + line, ""
        text = re.sub(r"(^|\s)#.*", "", line.removeprefix("$ ")).strip()
        if text:
            page, first = block.place.rsplit(":", 1)
            found.append(Command(f"{page}:{int(first) + number}", text))
    return found


def all_commands() -> list[Command]:
    """Return the commands of all pages."""
    return [command for page in PAGES for block in blocks(page) for command in commands(block)]


def inline_code(page: Path) -> Iterator[Command]:
    """Yield what stands in backticks on a page, outside of its blocks."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(
        r"^```.*?^```", lambda block: "\n" * block[0].count("\n"), text, flags=re.M | re.S
    )
    for found in re.finditer(r"`([^`]+)`", text):
        line = text.count("\n", 0, found.start()) + 1
        yield Command(f"{page.relative_to(ROOT)}:{line}", " ".join(found[1].split()))


def ganctl_arguments(text: str) -> list[str] | None:
    """Return what a command gives to ganctl, by whatever it is started; None: it starts none.

    A last … stands for more of the same.
    """
    words = shlex.split(text.removesuffix("…"))
    for start in (["ganctl"], ["-m", "ganctl"]):
        for at in range(len(words) - len(start) + 1):
            if words[at : at + len(start)] == start and (at == 0 or start[0] == "-m"):
                rest = words[at + len(start) :]
                ends = [rest.index(mark) for mark in ("|", ">", "&&") if mark in rest]
                return rest[: min(ends, default=len(rest))]
    return None
