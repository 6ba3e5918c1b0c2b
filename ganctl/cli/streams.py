"""stdout and stderr: writes that survive a closed reader, and ``-`` as the name of stdout."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

STDOUT = Path("-")  # in place of a file's name


class SafeStream:
    """A text stream that discards everything after its first failed write."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write ``text`` and return its length, also if nobody reads it."""
        try:
            return self._stream.write(text)
        except OSError:
            _discard(self._stream)
            return len(text)

    def flush(self) -> None:
        """Flush, if somebody reads."""
        try:
            self._stream.flush()
        except OSError:
            _discard(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def safe_stderr() -> Iterator[None]:
    """Let no write to stderr fail in the block, whatever library it comes from."""
    before = sys.stderr
    sys.stderr = cast(TextIO, SafeStream(before))
    try:
        yield
    finally:
        sys.stderr = before


def write_stdout(content: str | bytes) -> None:
    """Write to stdout and flush. A reader that has gone away is not an error.

    Raises:
        BadInput, OutOfResources: stdout cannot be written, such as a file on a full disk.
    """
    try:
        if isinstance(content, str):
            sys.stdout.write(content)
        else:
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
        sys.stdout.flush()
    except OSError as error:
        has_reader = not _has_lost_its_reader(sys.stdout, error)
        _discard(sys.stdout)
        if has_reader:
            from ganctl.files import write_error  # not needed by --help

            raise write_error(Path("the result"), error) from error


def _discard(stream: TextIO) -> None:
    """Redirect the stream to the null device."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def _has_lost_its_reader(stream: TextIO, error: OSError) -> bool:
    is_device = stat.S_ISCHR(os.fstat(stream.fileno()).st_mode)
    is_closed_terminal = is_device and error.errno == errno.EIO  # in a file: a broken disk
    return is_closed_terminal or isinstance(error, BrokenPipeError)
