"""SHA-256 checksums: inside the file that they protect, and of the files shipped with ganctl.

A checksum inside a file is that of the whole file, with the checksum's own 64 characters read as
zeros. So a changed byte anywhere is noticed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from ganctl.errors import CheckFailed, explain

BLANK = "0" * 64  # stands in the place of a checksum until it is known


def checksum_around(data: bytes, start: int) -> bytes:
    """Return the checksum, in hexadecimal, of ``data`` with `BLANK` at ``start``."""
    view = memoryview(data)
    digest = hashlib.sha256(view[:start])
    digest.update(BLANK.encode())
    digest.update(view[start + len(BLANK) :])
    return digest.hexdigest().encode()


def insert_checksum(data: bytes, start: int) -> bytes:
    """Return ``data`` with its checksum at ``start``."""
    return data[:start] + checksum_around(data, start) + data[start + len(BLANK) :]


def has_checksum(data: bytes, start: int) -> bool:
    """Tell whether the checksum at ``start`` is that of ``data``."""
    return checksum_around(data, start) == data[start : start + len(BLANK)]


def read_shipped(path: Path, sha256: str) -> bytes:
    """Return the bytes of a file that is shipped with ganctl and has that SHA-256.

    Raises:
        CheckFailed: the file is missing or damaged.
    """
    hint = "reinstall ganctl"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckFailed(f"cannot read {path}: {explain(error)}", hint) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise CheckFailed(f"{path} is damaged: its SHA-256 is wrong", hint)
    return data
