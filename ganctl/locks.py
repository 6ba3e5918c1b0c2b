"""File locks between processes. The system releases them when a process ends, however it ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from pathlib import Path

from ganctl.errors import GanctlError

TRIES, TRY_SECONDS = 5, 0.02  # `is_held` of another process takes a lock for less than this


class Lock(Enum):
    """The result of trying to take a lock."""

    HELD = auto()  # by this process
    TAKEN = auto()  # by another process
    UNKNOWN = auto()  # the file system, or Windows, has no such locks


class LockFile:
    """A lock file that contains the id of the process holding it; a context manager.

    Args:
        path: the file, which is removed at the end.
        taken: returns the error to raise if another process, whose id it gets, holds the lock.

    Attributes:
        is_exclusive: False if the file system has no locks, so that others may hold it too.
    """

    def __init__(self, path: Path, taken: Callable[[str], GanctlError]) -> None:
        self._path, self._taken = path, taken
        self._descriptor: int | None = None
        self.is_exclusive = False

    def acquire(self) -> None:
        """Take the lock if this object does not hold it, or its file has been removed.

        Raises:
            GanctlError: another process holds it.
            OSError: the file cannot be created.
        """
        while not self._is_held():  # the previous holder may remove the file as it ends
            self._close()
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            state = lock(self._descriptor)
            for _ in range(TRIES - 1):
                if state is Lock.TAKEN:
                    time.sleep(TRY_SECONDS)
                    state = lock(self._descriptor)
            if state is Lock.TAKEN:
                holder = os.read(self._descriptor, 20).decode("ascii", "replace").strip()
                self._close()
                raise self._taken(holder)
            self.is_exclusive = state is Lock.HELD
            os.truncate(self._descriptor, 0)
            os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def __enter__(self) -> LockFile:
        try:
            self.acquire()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_held():
            with suppress(OSError):
                os.unlink(self._path)
        self._close()

    def _is_held(self) -> bool:
        """Tell whether the open file is still the one at the path."""
        if self._descriptor is None:
            return False
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._descriptor))
        except OSError:
            return False

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None


def is_held(path: Path) -> bool:
    """Tell whether a process holds the lock file ``path``; without locks, whether it exists."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return lock(descriptor, shared=True) is not Lock.HELD
    finally:
        os.close(descriptor)


@contextmanager
def hold(path: Path) -> Iterator[bool]:
    """Lock a file or folder for the block; yield False if that fails or cannot be known."""
    descriptor = None
    with suppress(OSError):  # Windows opens no folder
        descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor is not None and lock(descriptor) is Lock.HELD
    finally:
        if descriptor is not None:
            os.close(descriptor)


if sys.platform == "win32":

    def lock(descriptor: int, wait: bool = False, shared: bool = False) -> Lock:
        """Return that it is unknown."""
        return Lock.UNKNOWN

else:
    import fcntl

    def lock(descriptor: int, wait: bool = False, shared: bool = False) -> Lock:
        """Lock an open file or folder against other processes, until it is closed.

        Several processes may hold a ``shared`` lock together; it excludes the other kind.
        """
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(descriptor, kind | (0 if wait else fcntl.LOCK_NB))
        except (BlockingIOError, PermissionError):  # EACCES: flock on NFS
            return Lock.TAKEN
        except OSError:  # ENOLCK, EOPNOTSUPP, ENOSYS; EBADF: a file on NFS opened only to read
            return Lock.UNKNOWN
        return Lock.HELD
