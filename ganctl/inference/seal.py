"""The seal of an ONNX file that ganctl wrote: a digest by which any changed byte is noticed.

onnxruntime loads a file with flipped bits without a word. The digest is the SHA-256 of the whole
file, its own 64 characters read as zeros; it stands in ``metadata_props``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ganctl.digest import BLANK, digest_around, fill_in
from ganctl.errors import CheckFailed

SEAL_KEY = "ganctl.sha256"
"""The digest's key in the ONNX file's ``metadata_props``."""

_ENTRY = re.compile(rb"\n\x0dganctl\.sha256\x12@([0-9a-f]{64})")
"""The entry in the file's bytes: key and value, each with its length before it."""

_OURS = re.compile(rb"\n[\x0b-\x0f]ganctl\.[a-z0-9]+\x12")
"""The key of any entry of ganctl's."""

PRODUCER = "ganctl"
"""What the files that are sealed say of who made them."""


def seal(data: bytes) -> bytes:
    """Return the file ``data``, whose digest is `BLANK` so far, with its digest.

    Raises:
        ValueError: `BLANK` is not in it exactly once.
    """
    return fill_in(data, _place(data, BLANK))


def check_digest(data: bytes, name: str) -> None:
    """Check the digest that stands where `seal` leaves it, before anything else is believed.

    Raises:
        CheckFailed: it is not that of the bytes, or not there in a file of ganctl's: what a flipped
            bit in its place looks like.
    """
    found = _ENTRY.search(data)
    if found and not _is_right(data, found[1].decode()):
        raise _damaged(name)
    if not found and _OURS.search(data):
        raise _unproven(name)


def check_seal(data: bytes, producer: str, metadata: Mapping[str, str], name: str) -> bool:
    """Return whether ``data`` is sealed; only what ganctl did not make may be without.

    Args:
        data: the bytes of an ONNX file.
        producer: its ``producer_name``.
        metadata: its ``metadata_props``.
        name: of the file, for the error.

    Raises:
        CheckFailed: its bytes are not those that were sealed.
    """
    digest = metadata.get(SEAL_KEY)
    if digest is None:
        if producer == PRODUCER or any(key.startswith("ganctl") for key in metadata):
            raise _unproven(name)
        return False
    if not _is_right(data, digest):
        raise _damaged(name)
    return True


def _is_right(data: bytes, digest: str) -> bool:
    try:
        return digest_around(data, _place(data, digest)) == digest.encode()
    except ValueError:
        return False


def _damaged(name: str) -> CheckFailed:
    return CheckFailed(
        f"{name} is damaged: its SHA-256 is not the one written in it",
        "export it again, or copy it again from where it came",
    )


def _unproven(name: str) -> CheckFailed:
    return CheckFailed(
        f"{name} is damaged, or older than digests: it says that ganctl made it, and has no digest "
        "to prove it",
        "export it again, or copy it again from where it came",
    )


def _place(data: bytes, digest: str) -> int:
    if len(digest) != len(BLANK) or data.count(digest.encode()) != 1:
        raise ValueError("the digest is not there once")
    return data.index(digest.encode())
