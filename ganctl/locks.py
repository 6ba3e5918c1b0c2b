"""File locks between processes. The system releases them when a process ends, however it ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ganctl.errors import GanctlError

TRIES, TRY_SECONDS = 5, 0.02  # `is_held` of another process takes a lock for less than this


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
        """Take the lock, also again after its file was removed.

        Raises:
            GanctlError: another process holds it.
            OSError: the file cannot be created.
        """
        while not self._is_held():  # again if the previous holder removes the file as it ends
            self._close()
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            for attempt in range(TRIES):
                if attempt:
                    time.sleep(TRY_SECONDS)
                if (locked := lock(self._descriptor)) is not False:
                    break
            else:
                holder = os.read(self._descriptor, 20).decode("ascii", "replace").strip()
                self._close()
                raise self._taken(holder)
            self.is_exclusive = locked is True
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
        """Tell whether the locked file is still the one at the path."""
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
        with open(path, "rb") as file:
            return lock(file.fileno(), shared=True) is not True
    except OSError:
        return False


@contextmanager
def hold(path: Path) -> Iterator[bool]:
    """Lock a file or folder for the block; yield False if that fails or cannot be known."""
    descriptor = None
    with suppress(OSError):  # Windows opens no folder
        descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor is not None and lock(descriptor) is True
    finally:
        if descriptor is not None:
            os.close(descriptor)


if sys.platform == "win32":

    def lock(descriptor: int, wait: bool = False, shared: bool = False) -> bool | None:
        """Return None: not supported."""
        return None

else:
    import fcntl

    def lock(descriptor: int, wait: bool = False, shared: bool = False) -> bool | None:
        """Lock an open file or folder against other processes, until it is closed.

        Several processes may hold a ``shared`` lock together; it excludes the other kind.

        Returns:
            False if another process holds a lock, None if the file system has no such locks.
        """
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(descriptor, kind | (0 if wait else fcntl.LOCK_NB))
        except (BlockingIOError, PermissionError):  # EACCES: flock on NFS
            return False
        except OSError:  # ENOLCK, EOPNOTSUPP, ENOSYS; EBADF: a file on NFS opened only to read
            return None
        return True
