"""Format text for messages, and sanitise text that comes from files, networks and paths."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterable

# Characters that move a terminal's cursor, end a line or start an escape sequence.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Unicode categories: controls, invisible (some reverse the text), surrogates, line separators.
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def is_plain(text: str) -> bool:
    """Tell whether ``text`` is one line without control characters."""
    return not _CONTROLS.search(text)


def printable(text: str) -> str:
    r"""Return ``text`` with whatever a terminal would obey instead of show escaped as ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode()
        if unicodedata.category(char) in _UNPRINTABLE
        else char
        for char in text
    )


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: "1 image" or "1,000 images"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {plural or noun + 's'}"


def format_bytes(count: int) -> str:
    """Return a size as text: "812 bytes", "12.3 kB" or "1,204.5 MB"."""
    for unit, name in ((10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:,.1f} {name}"
    return counted(count, "byte")


def duration(seconds: float) -> str:
    """Return seconds as m:ss, or h:mm:ss from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def nearest(word: str, words: Iterable[str]) -> str | None:
    """Return the word most similar to ``word``, ignoring case and - against _; None without one."""
    from difflib import get_close_matches  # needed only for an error

    def normal(text: str) -> str:
        return text[:100].lower().replace("_", "-")

    originals = {normal(each): each for each in words}
    near = get_close_matches(normal(word), originals, n=1, cutoff=0.65)
    return originals[near[0]] if near else None


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Return ": did you mean 'train'?" for ``word`` "tain", to end an error, or ""."""
    near = nearest(word, words)
    return f": did you mean '{near}'?" if near else ""


def option(name: str, value: object = None) -> str:
    """Return an option as it is written on the command line: ``--batch-size 64``.

    Args:
        name: of the field, such as "batch_size".
        value: None for the name alone; True and False give ``--NAME`` and ``--no-NAME``.
    """
    words = name.replace("_", "-")
    if value is None or isinstance(value, bool):
        return f"--no-{words}" if value is False else f"--{words}"
    return f"--{words} {shlex.quote(str(value))}"
