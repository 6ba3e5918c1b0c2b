"""Rebuild the embedded digits, byte for byte, from MNIST's training files.

``python -m ganctl.data.rebuild_digits RAW_DIRECTORY [OUT]`` compares the result with the file that
ships and, where OUT is given, writes it.
"""

from __future__ import annotations

import argparse
import bz2
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganctl.data.digits import SHA256
from ganctl.data.idx import read_pair
from ganctl.errors import CheckFailed, GanctlError
from ganctl.files import write_atomic

A_CLASS = 1000


def pack_digits(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> bytes:
    """Return the file made of the first 1,000 images of each class, in the given order.

    bzip2's encoder has not changed in many years, which is what makes the bytes reproducible.

    Args:
        images: (N, 28, 28).
        labels: (N,), 0 … 9.
    """
    first = [np.flatnonzero(labels == digit)[:A_CLASS] for digit in range(10)]
    chosen = np.sort(np.concatenate(first))
    content = labels[chosen].astype(np.uint8).tobytes() + images[chosen].tobytes()
    return bz2.compress(content, compresslevel=9)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="rebuild_digits", description=__doc__)
    parser.add_argument("raw", type=Path, help="directory with MNIST's training idx files")
    parser.add_argument("out", type=Path, nargs="?", help="file to write")
    options = parser.parse_args(arguments)
    try:
        rebuild(options.raw, options.out)
    except GanctlError as error:
        print(f"error: {error.message}\nhint: {error.hint}", file=sys.stderr)
        return error.exit_code
    print("identical to the file that ships")
    return 0


def rebuild(raw: Path, out: Path | None) -> None:
    """Build the file from ``raw``, write it to ``out`` if given, and compare it.

    Raises:
        BadInput: ``raw`` does not hold the files, or ``out`` cannot be written.
        CheckFailed: the result differs from the file that ships.
    """
    packed = pack_digits(*read_pair(raw))
    if out is not None:
        write_atomic(out, packed)
    if hashlib.sha256(packed).hexdigest() != SHA256:
        raise CheckFailed("the rebuilt digits differ from the file that ships", f"check {raw}")


if __name__ == "__main__":
    sys.exit(main())
