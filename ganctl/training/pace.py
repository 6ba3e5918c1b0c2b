"""How often something may be done beside the training, so that it takes a small share of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Pace:
    """Says when a thing is due again.

    Args:
        share: of the time that it may take, above 0.
        seconds: between two at least.
    """

    def __init__(self, share: float, seconds: float) -> None:
        self._share, self._seconds = share, seconds
        self._due = 0.0

    def is_due(self) -> bool:
        """Tell whether it may be done now; the first time it may."""
        return time.perf_counter() >= self._due

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take the time of the block, in which it is done."""
        began = time.perf_counter()
        try:
            yield
        finally:
            now = time.perf_counter()
            self._due = now + max(self._seconds, (now - began) / self._share)
