"""A SHA-256 that stands in the very file that it is of, its own 64 characters read as zeros."""

from __future__ import annotations

import hashlib

BLANK = "0" * 64
"""Stands in the digest's place while it is reckoned."""


def digest_around(data: bytes, start: int) -> bytes:
    """Return the digest, in hexadecimal, of ``data`` with `BLANK` at ``start``."""
    view = memoryview(data)
    digest = hashlib.sha256(view[:start])
    digest.update(BLANK.encode())
    digest.update(view[start + len(BLANK) :])
    return digest.hexdigest().encode()


def fill_in(data: bytes, start: int) -> bytes:
    """Return ``data`` with its digest at ``start``."""
    return data[:start] + digest_around(data, start) + data[start + len(BLANK) :]
