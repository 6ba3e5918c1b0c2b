"""Streams that outlast whoever reads them: a pipe's reader, a terminal that is closed."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast


class Lasting:
    """A text stream whose first failure silences it; all else is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write ``text``, or nothing where nobody reads any more; return its length."""
        try:
            return self._stream.write(text)
        except OSError:
            silence(self._stream)
            return len(text)

    def flush(self) -> None:
        """Flush, or give up what nobody reads any more."""
        try:
            self._stream.flush()
        except OSError:
            silence(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def lasting_stderr() -> Iterator[None]:
    """Let progress, notes and errors, by whomever they are written, fail nothing in the block."""
    before = sys.stderr
    sys.stderr = cast(TextIO, Lasting(before))
    try:
        yield
    finally:
        sys.stderr = before


def silence(stream: TextIO) -> None:
    """Lead to nowhere what is, and will be, written to ``stream``."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def has_lost_its_reader(stream: TextIO, error: OSError) -> bool:
    """Tell whether a write failed for want of a reader, and not of a disk that takes it."""
    device = stat.S_ISCHR(os.fstat(stream.fileno()).st_mode)
    closed = device and error.errno == errno.EIO  # a terminal; on a disk it means a broken one
    return closed or isinstance(error, BrokenPipeError)
