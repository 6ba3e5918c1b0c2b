"""Small made-up files."""

from __future__ import annotations

import gzip
import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    """Return the idx file that holds the array."""
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


def small_set(count: int = 20, side: int = 28) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return images (count, side, side) without any symmetry, and labels 0 … 9 in turn."""
    images = np.random.default_rng(count).integers(0, 256, (count, side, side), dtype=np.uint8)
    return images, (np.arange(count) % 10).astype(np.uint8)


def write_idx_pair(
    folder: Path, images: NDArray[np.uint8], labels: NDArray[np.uint8], dot: str = "-", gz: str = ""
) -> None:
    """Write the training files of MNIST's format into a new folder."""
    folder.mkdir(parents=True)
    for name, array in ((f"images{dot}idx3", images), (f"labels{dot}idx1", labels)):
        content = idx_bytes(array)
        path = folder / f"train-{name}-ubyte{gz}"
        path.write_bytes(gzip.compress(content, mtime=0) if gz else content)


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Return the image as a PNG or JPEG file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def grey_png(value: int, side: int = 4) -> bytes:
    """Return a PNG of one shade."""
    return encode(Image.new("L", (side, side), value))
