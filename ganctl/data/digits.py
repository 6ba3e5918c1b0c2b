"""The embedded digits: 10,000 of MNIST's training images, available without a network.

The file is bzip2 of 10,000 label bytes followed by 10,000 × 784 pixel bytes; see DIGITS.md.
"""

from __future__ import annotations

import bz2
from pathlib import Path

import numpy as np

from ganctl.checksums import read_shipped
from ganctl.data.image_data import DIGIT_NAMES, GreyImages

FILE = Path(__file__).with_name("digits.bin.bz2")
SHA256 = "1085da30dad98c203f5732c4faf52f9043948b3ebb270eb8f753a74200180b98"
COUNT = 10_000
SIDE = 28  # pixels


def load_digits() -> GreyImages:
    """Return the embedded digits: (10000, 28, 28), 1,000 per class, in MNIST's order.

    Raises:
        CheckFailed: the file is missing or damaged.
    """
    content = np.frombuffer(bz2.decompress(read_shipped(FILE, SHA256)), np.uint8)
    labels, pixels = content[:COUNT], content[COUNT:]
    return GreyImages(pixels.reshape(COUNT, SIDE, SIDE), labels.astype(np.int64), DIGIT_NAMES)
