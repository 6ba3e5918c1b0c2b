"""Shows what the logger "ganctl" says as ``note: …`` lines on stderr."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ganctl.cli import screen

LOGGER = logging.getLogger("ganctl")


class _NoteHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        screen.note(record.getMessage())


@contextmanager
def shown_notes() -> Iterator[None]:
    """Print the logger's messages, information included, during the block."""
    handler, level = _NoteHandler(), LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(level)


def hide_notes() -> None:
    """Print none of them until the block of `shown_notes` ends."""
    LOGGER.setLevel(logging.CRITICAL)
