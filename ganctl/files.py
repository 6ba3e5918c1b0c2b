"""Atomic, durable writes: a reader sees the old file or the new one, never a part of either."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from ganctl.errors import BadInput, GanctlError, OutOfResources, explain
from ganctl.locks import hold, let_go, lock
from ganctl.text import nearest

LONGEST = 100
"""Characters of a file's name that its temporary one begins with."""


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside ``path``; on success it takes its place, on failure it goes.

    The bytes are flushed to the disk before the rename, and the folder after it. A symlink is
    followed, and a new file gets the permissions of the user's umask. What a process that was
    killed has left beside ``path`` is removed.

    Raises:
        BadInput: the folder is missing or may not be written, or ``path`` is no regular file.
        OutOfResources: the disk is full.
    """
    target = Path(os.path.realpath(path))
    if os.path.exists(target) and not os.path.isfile(target):
        raise BadInput(f"cannot write {path}: it is not a regular file", "name another file")
    try:
        sweep(target.parent, target.name)
        temporary, file = _temporary_file(target)
        try:
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                os.replace(temporary, target)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
        sync_folder(target.parent)
    except OSError as error:
        raise write_error(path, error) from error


@contextmanager
def scratch_folder(place: Path, name: str) -> Iterator[Path]:
    """Make a hidden folder in ``place`` for what will be ``name``, and remove it at the end.

    Raises:
        OSError: it cannot be made.
    """
    sweep(place, name)
    folder = place / _temporary_name(name)
    folder.mkdir()
    descriptor = hold(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        let_go(descriptor)


def sweep(folder: Path, name: str = "") -> None:
    """Remove what killed processes have left in ``folder``: of ``name``, or of whatever.

    A file or folder that a living process writes to is held by it, and stays.
    """
    whose = re.escape(name[:LONGEST]) if name else ".*"
    written = re.compile(rf"\.{whose}\.[0-9a-f]{{16}}\.tmp", re.DOTALL)
    with suppress(OSError):
        for entry in os.scandir(folder):
            if written.fullmatch(entry.name) and not entry.is_symlink():
                _remove_stale(Path(entry.path))


def _remove_stale(path: Path) -> None:
    descriptor = hold(path)
    if descriptor is None:
        return
    try:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
    finally:
        let_go(descriptor)


LITTER = ".*.tmp"
"""What the files and folders match that are not finished yet."""


def _temporary_name(name: str) -> str:
    return f".{name[:LONGEST]}.{secrets.token_hex(8)}.tmp"


def _temporary_file(target: Path) -> tuple[Path, BinaryIO]:
    """Return a new file beside ``target``, held, and open for writing."""
    while True:
        path = target.with_name(_temporary_name(target.name))
        file = open(path, "xb")
        lock(file.fileno(), wait=True)
        if os.name == "nt" or os.fstat(file.fileno()).st_nlink:
            return path, file
        file.close()  # another process has swept it before it was held


def write_atomic(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` as `atomic_file` does, with the same errors."""
    with atomic_file(path) as file:
        file.write(data)


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries, so that a rename in it outlasts a power cut."""
    if os.name == "nt":  # Windows cannot open a folder
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


LOOKED_AT = 1000
"""Names in a folder among which one is looked for that was meant."""


def near_file(path: Path) -> str:
    """Return ": did you mean 'gen.onnx'?" for a path that is not there, by its folder; or ""."""
    try:
        with os.scandir(path.parent) as entries:
            near = nearest(path.name, [entry.name for entry in islice(entries, LOOKED_AT)])
    except (OSError, ValueError):
        return ""
    return f": did you mean '{path.with_name(near)}'?" if near else ""


def check_writable(path: Path) -> None:
    """Fail before the work is done rather than after it.

    Raises:
        BadInput: ``path``'s folder does not exist or may not be written.
    """
    folder = path.parent
    if not os.path.isdir(folder):
        if os.path.exists(folder):
            raise BadInput(f"cannot write {path}: {folder} is not a folder", "name another folder")
        hint = f"mkdir -p {shlex.quote(str(folder))}"
        raise BadInput(f"cannot write {path}: the folder {folder} does not exist", hint)
    try:  # the only way to know: a folder may be of a kind that takes no files
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise write_error(path, error) from error


def make_folder(folder: Path) -> None:
    """Create ``folder`` and its parents where they are missing.

    Raises:
        BadInput: it cannot be made.
        OutOfResources: the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(folder, error) from error


def write_error(path: Path, error: OSError) -> GanctlError:
    """Translate what the system said of a write to ``path``."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return OutOfResources(f"cannot write {path}: {explain(error)}", "make room and try again")
    return BadInput(f"cannot write {path}: {explain(error)}", "name a place that can be written")
