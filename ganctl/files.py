"""Atomic, durable writes: a reader sees the old file or the new one, never a part of either."""

from __future__ import annotations

import errno
import os
import secrets
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ganctl.errors import BadInput, GanctlError, OutOfResources, explain


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside ``path``; on success it takes its place, on failure it goes.

    The bytes are flushed to the disk before the rename, and the folder after it. A symlink is
    followed, and a new file gets the permissions of the user's umask.

    Raises:
        BadInput: the folder is missing or may not be written, or ``path`` is no regular file.
        OutOfResources: the disk is full.
    """
    target = Path(os.path.realpath(path))
    if os.path.exists(target) and not os.path.isfile(target):
        raise BadInput(f"cannot write {path}: it is not a regular file", "name another file")
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}.tmp")
    try:
        try:  # around the opening too: a signal may come right after it
            with open(temporary, "xb") as file:
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


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries, so that a rename in it outlasts a power cut."""
    if os.name == "nt":  # Windows cannot open a folder
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
