"""Files and folders that one process holds: the system lets go of them when it ends, however."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from pathlib import Path

from ganctl.errors import GanctlError

LOOKS, LOOK_SECONDS = 5, 0.02
"""How often, and how far apart, a lock is tried that another process may be looking at."""


class Lock(Enum):
    """What came of the wish to hold something."""

    HELD = auto()
    TAKEN = auto()  # by another process
    UNKNOWN = auto()  # the file system, or Windows, has no such locks


class Claim:
    """A lock, ``path``: a file of its own that says which process holds it; see `claimed`."""

    def __init__(self, path: Path, taken: Callable[[str], GanctlError]) -> None:
        self._path, self._taken = path, taken
        self._descriptor: int | None = None
        self.is_sure = False  # whether no other process can hold it too

    def renew(self) -> None:
        """Take the lock, and again where its file has been removed; errors as of `claimed`."""
        while not self._stands():  # nor does a file that its holder has removed, ending
            let_go(self._descriptor)
            self._descriptor = descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            found = _lock_soon(descriptor)
            if found is Lock.TAKEN:
                holder = os.read(descriptor, 20).decode("ascii", "replace").strip()
                let_go(descriptor)
                self._descriptor = None
                raise self._taken(holder)
            self.is_sure = found is Lock.HELD
            os.truncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Remove the file, if it is still this one, and let go."""
        if self._stands():
            with suppress(OSError):
                os.unlink(self._path)
        let_go(self._descriptor)

    def _stands(self) -> bool:
        """Tell whether the open file is the one at the path."""
        if self._descriptor is None:
            return False
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._descriptor))
        except OSError:
            return False


@contextmanager
def claimed(path: Path, taken: Callable[[str], GanctlError]) -> Iterator[Claim]:
    """Hold the lock ``path`` for the block.

    Args:
        path: a file of its own, removed at the end.
        taken: makes the error where another process holds it, whose number it is told.

    Raises:
        GanctlError: as ``taken`` makes it.
        OSError: the file cannot be made.
    """
    claim = Claim(path, taken)
    try:
        claim.renew()
        yield claim
    finally:
        claim.release()


def is_held(path: Path) -> bool:
    """Tell whether a process holds the lock ``path``; its file says it where there are no locks."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return lock(descriptor, shared=True) is not Lock.HELD
    finally:
        os.close(descriptor)


def hold(path: Path) -> int | None:
    """Return a descriptor that holds what is at ``path``.

    None where another process holds it, or may: nobody can tell where there are no locks.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # Windows opens no folder
        return None
    if lock(descriptor) is Lock.HELD:
        return descriptor
    os.close(descriptor)
    return None


def let_go(descriptor: int | None) -> None:
    """Let go of what `hold` returned."""
    if descriptor is not None:
        os.close(descriptor)


def _lock_soon(descriptor: int) -> Lock:
    """Lock it, unless it is taken for longer than `is_held` takes to look at it."""
    for _ in range(LOOKS):
        found = lock(descriptor)
        if found is not Lock.TAKEN:
            return found
        time.sleep(LOOK_SECONDS)
    return Lock.TAKEN


if sys.platform == "win32":

    def lock(descriptor: int, wait: bool = False, shared: bool = False) -> Lock:
        """Return that it is unknown."""
        return Lock.UNKNOWN

else:
    import fcntl

    def lock(descriptor: int, wait: bool = False, shared: bool = False) -> Lock:
        """Lock an open file or folder against other processes, if that can be done.

        Those who ask for a ``shared`` lock have it together, and keep the others out.
        """
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(descriptor, kind | (0 if wait else fcntl.LOCK_NB))
        except (BlockingIOError, PermissionError):  # EACCES: where NFS stands in for flock
            return Lock.TAKEN
        except OSError:  # ENOLCK, EOPNOTSUPP, ENOSYS; NFS: EBADF for what is open to read alone
            return Lock.UNKNOWN
        return Lock.HELD
