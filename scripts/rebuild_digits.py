"""Rebuild the embedded digits, byte for byte, from MNIST's training files.

    python scripts/rebuild_digits.py RAW_DIRECTORY [OUT]

The result is compared with the file that ships and, if OUT is given, written to it.
"""

from __future__ import annotations

import argparse
import bz2
import hashlib
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganctl.data.digits import SHA256
from ganctl.data.idx import read_pair
from ganctl.errors import CheckFailed, GanctlError
from ganctl.files import write_atomic

IMAGES_PER_CLASS = 1000


def pack_digits(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> bytes:
    """Return the bytes of the file: the first `IMAGES_PER_CLASS` images of each class, in order.

    bzip2's encoder has not changed for many years, so the bytes are reproducible.

    Args:
        images: (N, 28, 28).
        labels: (N,), 0 … 9.
    """
    first = [np.flatnonzero(labels == digit)[:IMAGES_PER_CLASS] for digit in range(10)]
    chosen = np.sort(np.concatenate(first))
    content = labels[chosen].astype(np.uint8).tobytes() + images[chosen].tobytes()
    return bz2.compress(content, compresslevel=9)


def rebuild(raw: Path, out: Path | None) -> None:
    """Build the file from the idx files in ``raw``, write it to ``out``, and compare it.

    Raises:
        BadInput: ``raw`` does not hold the files, or ``out`` cannot be written.
        CheckFailed: the result differs from the file that ships.
    """
    packed = pack_digits(*read_pair(raw))
    if out is not None:
        write_atomic(out, packed)
    if hashlib.sha256(packed).hexdigest() != SHA256:
        raise CheckFailed("the rebuilt digits differ from the file that ships", f"check {raw}")
    print("identical to the file that ships")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("raw", type=Path, help="directory with MNIST's training idx files")
    parser.add_argument("out", type=Path, nargs="?", help="file to write")
    options = parser.parse_args()
    try:
        rebuild(options.raw, options.out)
    except GanctlError as error:
        sys.exit(f"error: {error.message}\nhint: {error.hint}")
