"""Who hears, in a line each, what the user should know."""

from __future__ import annotations

from collections.abc import Callable

Notify = Callable[[str], None]
"""Is told a line."""


def ignore(*_: object) -> None:
    """Hear nothing of it: where nobody wants to be told."""
