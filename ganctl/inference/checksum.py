"""The checksum of an ONNX file that ganctl wrote, in its ``metadata_props``.

onnxruntime loads a file with flipped bits without an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ganctl.checksums import BLANK, has_checksum, insert_checksum
from ganctl.errors import CheckFailed

CHECKSUM_KEY = "ganctl.sha256"  # in the ONNX file's ``metadata_props``
PRODUCER = "ganctl"  # the ``producer_name`` of files that have a checksum

# The entry in the file's bytes: key and value, each after its length; and any key of ganctl's.
_ENTRY = re.compile(rb"\n\x0dganctl\.sha256\x12@([0-9a-f]{64})")
_OURS = re.compile(rb"\n[\x0b-\x0f]ganctl\.[a-z0-9]+\x12")

_HINT = "export it again, or copy it again from where it came"


def add_checksum(data: bytes) -> bytes:
    """Return the file ``data``, whose checksum is `BLANK` so far, with its checksum.

    Raises:
        ValueError: `BLANK` is not in it exactly once.
    """
    return insert_checksum(data, _position(data, BLANK))


def check_entry(data: bytes, name: str) -> None:
    """Verify the checksum where `add_checksum` leaves it, before the file is parsed.

    Raises:
        CheckFailed: it is wrong, or is missing from a file of ganctl's, as after a flipped bit.
    """
    found = _ENTRY.search(data)
    if found and not _is_right(data, found[1].decode()):
        raise _damaged(name)
    if not found and _OURS.search(data):
        raise _missing(name)


def check_metadata(data: bytes, producer: str, metadata: Mapping[str, str], name: str) -> bool:
    """Return whether ``data`` has a checksum, and verify it. Files of ganctl's must have one.

    Args:
        data: the bytes of an ONNX file.
        producer: its ``producer_name``.
        metadata: its ``metadata_props``.
        name: of the file, for the error.

    Raises:
        CheckFailed: the checksum is wrong or missing.
    """
    checksum = metadata.get(CHECKSUM_KEY)
    if checksum is None:
        if producer == PRODUCER or any(key.startswith("ganctl") for key in metadata):
            raise _missing(name)
        return False
    if not _is_right(data, checksum):
        raise _damaged(name)
    return True


def _is_right(data: bytes, checksum: str) -> bool:
    try:
        return has_checksum(data, _position(data, checksum))
    except ValueError:
        return False


def _position(data: bytes, checksum: str) -> int:
    if len(checksum) != len(BLANK) or data.count(checksum.encode()) != 1:
        raise ValueError("the checksum is not in the file exactly once")
    return data.index(checksum.encode())


def _damaged(name: str) -> CheckFailed:
    return CheckFailed(f"{name} is damaged: its SHA-256 is not the one written in it", _HINT)


def _missing(name: str) -> CheckFailed:
    return CheckFailed(
        f"{name} is damaged: it says that ganctl made it, but it has no checksum",
        _HINT,
    )
