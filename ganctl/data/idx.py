"""Strict reader for idx, the file format of MNIST.

A file is the bytes 00 00 08 (unsigned bytes) and the number of dimensions, then each dimension as a
big-endian 32-bit number, then the array's bytes and nothing else. The file may be gzipped.
"""

from __future__ import annotations

import hashlib
import math
import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganctl.errors import BadInput, CheckFailed, explain
from ganctl.text import counted

IMAGES = "train-images-idx3-ubyte"
LABELS = "train-labels-idx1-ubyte"
MAX_UNPACKED = 2**30  # bytes of a gzipped file; the largest known one unpacks to 188 MB
REPLACE = "delete it and run again, or replace it with an intact copy"


def find_idx(
    folder: Path, name: str, sha256: Mapping[str, str] | None = None
) -> tuple[Path, str | None] | None:
    """Return the file ``name`` in ``folder`` and its SHA-256 if it is in ``sha256``; or None.

    The file may be called name-idx… or name.idx…, with or without .gz. Files with a known checksum
    take precedence, then unpacked ones.
    """
    files = [
        (folder / f"{spelling}{gz}", (sha256 or {}).get(f"{name}{gz}"))
        for spelling in (name, name.replace("-idx", ".idx"))
        for gz in ("", ".gz")
    ]
    present = [file for file in files if os.path.isfile(file[0])]
    return min(present, key=lambda file: file[1] is None, default=None)


def read_pair(
    folder: Path,
    images_name: str = IMAGES,
    labels_name: str = LABELS,
    sha256: Mapping[str, str] | None = None,
    classes: int = 256,
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the images (N, H, W), 0 to 255, and the labels (N,), below ``classes``.

    ``sha256`` has the known checksums of gzipped or unpacked files, in hexadecimal.

    Raises:
        BadInput: a file is missing or damaged, the counts differ, a label is too large, or there
            are fewer than two images.
        CheckFailed: a file does not have its known checksum.
    """
    files = []
    for name in (images_name, labels_name):
        file = find_idx(folder, name, sha256)
        if file is None:
            raise BadInput(f"{folder}: no file {name} or {name}.gz", "put both files in one folder")
        files.append(file)
    (images_path, images_sha256), (labels_path, labels_sha256) = files
    images = read_idx(images_path, 3, images_sha256)
    labels = read_idx(labels_path, 1, labels_sha256)
    if len(images) != len(labels):
        raise BadInput(
            f"{images_path}: {counted(len(images), 'image')}, "
            f"but {labels_path.name} has {counted(len(labels), 'label')}",
            "take both files from the same data set",
        )
    if len(images) < 2 or not images.size:
        shape = " × ".join(map(str, images.shape))
        raise BadInput(f"{images_path}: {shape} pixels are too few", "give 2 images or more")
    if labels.max() >= classes:
        raise BadInput(f"{labels_path}: label {labels.max()}, expected 0 to {classes - 1}", REPLACE)
    return images, labels.astype(np.int64)


def read_idx(path: Path, ndim: int, sha256: str | None = None) -> NDArray[np.uint8]:
    """Return the array of ``ndim`` dimensions in an idx file; it is gzipped if it ends in .gz.

    ``sha256``, if given, is checked before anything is unpacked.

    Raises:
        BadInput: the file cannot be read or is damaged.
        CheckFailed: the SHA-256 differs.
    """
    content = read_checked(path, sha256)
    if path.suffix == ".gz":
        content = _gunzip(content, path)
    magic, start = bytes([0, 0, 8, ndim]), bytes(content[:4])
    if start != magic:
        found = start.hex(" ") or "nothing"
        raise BadInput(f"{path}: starts with {found}, expected {magic.hex(' ')}", REPLACE)
    size, header = counted(len(content), "byte"), 4 + 4 * ndim
    if len(content) < header:
        raise BadInput(f"{path}: {size}, expected a header of {header}", REPLACE)
    shape = struct.unpack(f">{ndim}I", content[4:header])
    expected = header + math.prod(shape)
    if len(content) != expected:
        dimensions = " × ".join(map(str, shape))
        raise BadInput(f"{path}: {size}, expected {expected:,} for {dimensions}", REPLACE)
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def read_checked(path: Path, sha256: str | None) -> bytes | memoryview:
    """Return the bytes of a file; arguments and errors are those of `read_idx`."""
    try:
        content = np.fromfile(path, np.uint8).data
    except OSError as error:
        raise BadInput(f"cannot read {path}: {explain(error)}", REPLACE) from error
    if sha256 and (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise CheckFailed(f"{path}: SHA-256 {found}, expected {sha256}", REPLACE)
    return content


def _gunzip(content: bytes | memoryview, path: Path) -> bytes:
    gunzip = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)  # with gzip's header and checksum
    try:
        unpacked = gunzip.decompress(content, MAX_UNPACKED + 1)
    except zlib.error as error:
        raise BadInput(f"{path}: damaged gzip data: {error}", REPLACE) from error
    if len(unpacked) > MAX_UNPACKED:
        hint = "if you trust the file, unpack it with gunzip"
        raise BadInput(f"{path}: more than {MAX_UNPACKED:,} bytes when unpacked", hint)
    if not gunzip.eof or gunzip.unused_data.strip(b"\0"):
        problem = "extra bytes at the end" if gunzip.eof else "it is truncated"
        raise BadInput(f"{path}: damaged gzip data: {problem}", REPLACE)
    return unpacked
