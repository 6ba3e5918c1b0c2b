"""``python -m tests.code_links``: let the pages' links into the code lead to the right lines.

A link [`name`](../ganctl/file.py) leads to the line that defines ``name``: a function, a class, a
constant, a field or method as ``Class.field``; where none does, to the first line that has it.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from .pages import PAGES

LINK = re.compile(r"(\[`([^`\]]+)`\]\()([\w./-]+\.py)(?:#L\d+)?(\))")


def defined(path: Path) -> dict[str, int]:
    """Return the names that a module defines, methods as CLASS.METHOD, and their lines from 1."""
    names: dict[str, int] = {}

    def walk(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names[prefix + node.name] = node.lineno
            if isinstance(node, ast.ClassDef):
                walk(node.body, f"{prefix}{node.name}.")
            targets = node.targets if isinstance(node, ast.Assign) else []
            if isinstance(node, ast.AnnAssign):
                targets = [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    names[prefix + target.id] = node.lineno

    walk(ast.parse(path.read_text(encoding="utf-8")).body, "")
    return names


def line_of(name: str, path: Path) -> int:
    """Return the line of ``path``, from 1, that does what ``name`` stands for; 0: there is none."""
    lines = path.read_text(encoding="utf-8").splitlines()
    first = next((number for number, line in enumerate(lines, start=1) if name in line), 0)
    return defined(path).get(name, first)


def led(page: Path) -> str:
    """Return the page's text, its links leading to the lines that their names stand for."""

    def link(found: re.Match[str]) -> str:
        before, name, target, after = found.groups()
        if target.endswith(name.rpartition("/")[2]):  # it is the file that is meant
            return f"{before}{target}{after}"
        return f"{before}{target}#L{line_of(name, page.parent / target)}{after}"

    return LINK.sub(link, page.read_text(encoding="utf-8"))


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(led(page), encoding="utf-8")
