"""Text that comes from files, networks and paths: what may be kept, and what may be printed."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterable

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What moves the cursor, ends a line or begins an escape sequence."""

_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode's categories of those, of what turns the direction of text, and of half characters."""


def is_plain(text: str) -> bool:
    """Tell whether ``text`` is one line without control characters."""
    return not _CONTROLS.search(text)


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return so many of something in words, "1 image" or "1,000 images"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {plural or noun + 's'}"


def sized(count: int) -> str:
    """Return so many bytes in words: "812 bytes", "12.3 kB" or "1,204.5 MB"."""
    for unit, name in ((10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:,.1f} {name}"
    return counted(count, "byte")


def duration(seconds: float) -> str:
    """Return seconds as m:ss, or h:mm:ss from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def inert(text: str) -> str:
    r"""Return ``text`` with all that a terminal would obey, not show, written out as ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in _UNSEEN else char
        for char in text
    )


def nearest(word: str, words: Iterable[str]) -> str | None:
    """Return the one of ``words`` that was probably meant by ``word``; None where none is like it.

    Upper and lower case, - and _ count as the same.
    """
    from difflib import get_close_matches  # only where something went wrong

    plain = {_folded(each): each for each in words}
    near = get_close_matches(_folded(word), plain, n=1, cutoff=0.65)
    return plain[near[0]] if near else None


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Return ": did you mean 'train'?" for ``word`` "tain", to end an error; else ""."""
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


def _folded(word: str) -> str:
    return word[:100].lower().replace("_", "-")
