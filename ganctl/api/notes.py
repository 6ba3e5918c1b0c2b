"""What somebody in Python should know, and which package is missing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ganctl.errors import missing_extra
from ganctl.text import inert

LOGGER = logging.getLogger("ganctl")
"""Where notes go: to stderr, a line each, unless the program has set logging up otherwise."""


def note(text: str) -> None:
    """Say what the command line would after ``note:``."""
    LOGGER.warning("%s", inert(text))


@contextmanager
def needing_extra() -> Iterator[None]:
    """Name the extra that is missing, if something that is imported in the block is not installed.

    Raises:
        MissingDependency: it belongs to ``ganctl[train]``.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = missing_extra(error, "this")
        if missing is None:
            raise
        raise missing from error
