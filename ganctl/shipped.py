"""Files that come with ganctl: each is the one that was shipped, or it is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ganctl.errors import CheckFailed, explain


def read_shipped(path: Path, sha256: str) -> bytes:
    """Return the bytes of the file ``path``, whose SHA-256 is known.

    Raises:
        CheckFailed: the file is missing or is not the one that was shipped.
    """
    hint = "install ganctl anew"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckFailed(f"cannot read {path}: {explain(error)}", hint) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise CheckFailed(f"{path} is damaged: its SHA-256 is wrong", hint)
    return data
