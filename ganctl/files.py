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
from ganctl.locks import hold, lock
from ganctl.text import nearest

LITTER = ".*.tmp"  # matches the names of unfinished files and folders
MAX_PREFIX = 100  # characters of a file's name at the start of its temporary name
MAX_SCANNED = 1000  # names in a folder that `near_file` compares


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces ``path`` if the block succeeds, and is removed if not.

    The bytes are flushed to the disk before the rename, and the folder after it. A symlink is
    followed, and a new file gets the permissions of the user's umask. Temporary files of ``path``
    that killed processes have left are removed.

    Raises:
        BadInput: the folder is missing or not writable, or ``path`` is not a regular file.
        OutOfResources: the disk is full.
    """
    target = Path(os.path.realpath(path))
    if os.path.exists(target) and not os.path.isfile(target):
        raise BadInput(f"cannot write {path}: it is not a regular file", "name another file")
    try:
        sweep(target.parent, target.name)
        temporary, file = _create_temporary(target)
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


def write_atomic(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` as `atomic_file` does, with the same errors."""
    with atomic_file(path) as file:
        file.write(data)


@contextmanager
def scratch_folder(parent: Path, name: str) -> Iterator[Path]:
    """Make a hidden folder in ``parent`` for what will be called ``name``; remove it at the end."""
    sweep(parent, name)
    folder = parent / _temporary_name(name)
    folder.mkdir()
    with hold(folder):
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def sweep(folder: Path, name: str = "") -> None:
    """Remove the temporary files and folders in ``folder`` that killed processes have left.

    Those of running processes are locked and stay. With ``name``, only its own are removed.
    """
    prefix = re.escape(name[:MAX_PREFIX]) if name else ".*"
    temporary = re.compile(rf"\.{prefix}\.[0-9a-f]{{16}}\.tmp", re.DOTALL)
    with suppress(OSError):
        for entry in os.scandir(folder):
            if not temporary.fullmatch(entry.name) or entry.is_symlink():
                continue
            with hold(Path(entry.path)) as is_ours, suppress(OSError):
                if is_ours and entry.is_dir():
                    shutil.rmtree(entry.path, ignore_errors=True)
                elif is_ours:
                    os.unlink(entry.path)


def _temporary_name(name: str) -> str:
    return f".{name[:MAX_PREFIX]}.{secrets.token_hex(8)}.tmp"


def _create_temporary(target: Path) -> tuple[Path, BinaryIO]:
    """Return a new locked file beside ``target``, open for writing."""
    while True:
        path = target.with_name(_temporary_name(target.name))
        file = open(path, "xb")
        lock(file.fileno(), wait=True)
        if os.name == "nt" or os.fstat(file.fileno()).st_nlink:
            return path, file
        file.close()  # another process swept it before it was locked


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries, so that a rename in it survives a power cut."""
    if os.name == "nt":  # Windows cannot open a folder
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def near_file(path: Path) -> str:
    """Return ": did you mean 'gen.onnx'?" if a file with a similar name exists, else ""."""
    try:
        with os.scandir(path.parent) as entries:
            near = nearest(path.name, [entry.name for entry in islice(entries, MAX_SCANNED)])
    except (OSError, ValueError):
        return ""
    return f": did you mean '{path.with_name(near)}'?" if near else ""


def check_writable(path: Path) -> None:
    """Check, before any work is done, that ``path`` can be written.

    Raises:
        BadInput: its folder does not exist or is not writable.
    """
    folder = path.parent
    if not os.path.isdir(folder):
        if os.path.exists(folder):
            raise BadInput(f"cannot write {path}: {folder} is not a folder", "name another folder")
        hint = f"mkdir -p {shlex.quote(str(folder))}"
        raise BadInput(f"cannot write {path}: the folder {folder} does not exist", hint)
    try:  # the only reliable test: some file systems refuse new files whatever the permissions
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise write_error(path, error) from error


def make_folder(folder: Path) -> None:
    """Create ``folder`` and its parents where they are missing; errors as of `write_error`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(folder, error) from error


def write_error(path: Path, error: OSError) -> GanctlError:
    """Return the error for a failed write to ``path``: OutOfResources if the disk is full."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return OutOfResources(f"cannot write {path}: {explain(error)}", "make room and try again")
    return BadInput(f"cannot write {path}: {explain(error)}", "name a place that can be written")
