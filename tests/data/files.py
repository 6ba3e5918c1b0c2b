"""Small made-up files."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
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


def write(folder: Path, files: dict[str, bytes]) -> Path:
    """Write the files, by their paths in ``folder``, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def pack(path: Path, files: dict[str, bytes]) -> Path:
    """Write the files into a zip, and return its path."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Return the image as a PNG or JPEG file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def grey_png(value: int, side: int = 4) -> bytes:
    """Return a PNG of one shade."""
    return encode(Image.new("L", (side, side), value))


def png_of_16_bits(row: list[list[int]], see_through: int | None = None) -> bytes:
    """Return a PNG of two such rows of 16-bit pixels, grey or RGB, which Pillow cannot write."""
    pixels = b"".join(struct.pack(">H", value) for pixel in row for value in pixel)
    header = struct.pack(">IIBBBBB", len(row), 2, 16, 0 if len(row[0]) == 1 else 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(2 * (b"\0" + pixels))), (b"IEND", b"")]
    if see_through is not None:
        chunks.insert(1, (b"tRNS", struct.pack(">H", see_through)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
