"""Text that comes from files, networks and paths: what may be kept, and what may be printed."""

from __future__ import annotations

import re
import unicodedata

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What moves the cursor, ends a line or begins an escape sequence."""

_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode's categories of those, of what turns the direction of text, and of half characters."""


def is_plain(text: str) -> bool:
    """Tell whether ``text`` is one line without control characters."""
    return not _CONTROLS.search(text)


def counted(count: int, noun: str) -> str:
    """Return so many of something in words, "1 image" or "1,000 images"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def inert(text: str) -> str:
    r"""Return ``text`` with all that a terminal would obey, not show, written out as ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in _UNSEEN else char
        for char in text
    )
