"""How whoever reads an error or a note would write an option: in Python, or on a command line.

Python is the rule, for whoever imports a module of ours writes Python; `ganctl.cli.app.main` alone
says otherwise, for as long as it runs.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST = 60
"""Characters of a value that are shown."""

_typed = False  # of the process, not of a thread: some errors are made in threads of our own


@contextmanager
def on_command_line() -> Iterator[None]:
    """Spell as on a command line for the block."""
    global _typed
    before, _typed = _typed, True
    try:
        yield
    finally:
        _typed = before


def option(name: str, value: object = None) -> str:
    """Return an option as it is written, its value with it unless that is None.

    Args:
        name: of the parameter, such as "batch_size": --batch-size 64, or batch_size=64; without a
            value --batch-size, or batch_size=.
        value: True and False stand for --NAME and --no-NAME.
    """
    if not _typed:
        return f"{name}=" if value is None else f"{name}={shown(value)}"
    words = name.replace("_", "-")
    if value is None or isinstance(value, bool):
        return f"--no-{words}" if value is False else f"--{words}"
    return f"--{words} {shlex.quote(str(value))}"


def call(command: str, **options: object) -> str:
    """Return how a command is called that Python has too: ganctl train …, or ganctl.train(…)."""
    words = [option(name, value) for name, value in options.items()]
    return (
        " ".join(["ganctl", command, *words]) if _typed else f"ganctl.{command}({', '.join(words)})"
    )


def either(typed: str, python: str) -> str:
    """Return what is written otherwise on a command line than in Python."""
    return typed if _typed else python


def shown(value: object) -> str:
    """Return a value as Python writes it, on one line that is not too long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
