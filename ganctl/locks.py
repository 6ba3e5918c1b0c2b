"""Files and folders that one process holds: the system lets go of them when it ends, however."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ganctl.errors import GanctlError


@contextmanager
def claimed(path: Path, taken: Callable[[str], GanctlError]) -> Iterator[None]:
    """Hold the lock ``path``, a file that says which process does, for the block.

    Args:
        path: a file of its own, removed at the end.
        taken: makes the error where another process holds it, whose number it is told.

    Raises:
        GanctlError: as ``taken`` makes it.
        OSError: the file cannot be made.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if not lock(descriptor) or not os.fstat(descriptor).st_nlink:
            raise taken(os.read(descriptor, 20).decode("ascii", "replace").strip())
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        try:
            yield
        finally:
            with suppress(OSError):
                os.unlink(path)
    finally:
        os.close(descriptor)


def hold(path: Path) -> int | None:
    """Return a descriptor that holds what is at ``path``; None where another process holds it."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # Windows opens no folder
        return None
    if lock(descriptor):
        return descriptor
    os.close(descriptor)
    return None


def let_go(descriptor: int | None) -> None:
    """Let go of what `hold` returned."""
    if descriptor is not None:
        os.close(descriptor)


if sys.platform == "win32":

    def lock(descriptor: int, wait: bool = False) -> bool:
        """Do nothing: Windows refuses to remove an open file, which serves as well."""
        return True

else:
    import fcntl

    def lock(descriptor: int, wait: bool = False) -> bool:
        """Lock an open file or folder against other processes; return whether it is locked."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        except OSError as error:
            return error.errno in (errno.ENOLCK, errno.ENOTSUP)  # a file system without locks
        return True
