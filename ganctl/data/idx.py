"""The idx format of MNIST, read strictly.

A file is the magic bytes 00 00 08 (unsigned bytes) and the number of dimensions, then each
dimension as a big-endian 32-bit number, then exactly so many bytes; all of it may be gzipped.
"""

from __future__ import annotations

import hashlib
import math
import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ganctl.errors import BadInput, CheckFailed, explain
from ganctl.text import counted

IMAGES = "train-images-idx3-ubyte"
LABELS = "train-labels-idx1-ubyte"

NOTHING_KNOWN: Mapping[str, str] = MappingProxyType({})

MAX_UNPACKED = 2**30
"""Bytes of a gzipped file once unpacked: six times as much as the largest known set has."""

REPLACE = "delete it and run again, or put an intact copy in its place"


def find_idx(folder: Path, name: str, sha256: Mapping[str, str] = NOTHING_KNOWN) -> Path | None:
    """Return the file of that name in ``folder``, as name-idx… or name.idx…, gzipped or not.

    One whose digest is known comes before one that cannot be checked, then an unpacked one first.
    """
    spellings = (name, name.replace("-idx", ".idx"))
    paths = [folder / f"{spelling}{gz}" for spelling in spellings for gz in ("", ".gz")]
    there = filter(os.path.isfile, paths)
    return min(there, key=lambda path: known_digest(path, sha256) is None, default=None)


def known_digest(path: Path, sha256: Mapping[str, str]) -> str | None:
    """Return what is known of the file, under either spelling of its name."""
    return sha256.get(path.name.replace(".idx", "-idx"))


def read_pair(
    folder: Path,
    images_name: str = IMAGES,
    labels_name: str = LABELS,
    sha256: Mapping[str, str] = NOTHING_KNOWN,
    classes: int = 256,
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the images (N, H, W), 0 … 255, and the labels (N,) that lie in ``folder``.

    Args:
        folder: where the two files are looked for.
        images_name: as in `find_idx`.
        labels_name: as in `find_idx`.
        sha256: what is known of the files, gzipped or not: name → SHA-256 in hex.
        classes: the labels must be below it.

    Raises:
        BadInput: a file is missing or damaged, the counts differ, a label is too high, or there are
            fewer than two images or no pixels.
        CheckFailed: a file's digest is known and is another.
    """
    paths = {}
    for name in (images_name, labels_name):
        path = find_idx(folder, name, sha256)
        if path is None:
            raise BadInput(f"{folder}: no file {name} or {name}.gz", "put it beside the others")
        paths[name] = path
    images = read_idx(paths[images_name], 3, known_digest(paths[images_name], sha256))
    labels = read_idx(paths[labels_name], 1, known_digest(paths[labels_name], sha256))
    if len(images) != len(labels):
        raise BadInput(
            f"{paths[images_name]}: {counted(len(images), 'image')}, "
            f"but {paths[labels_name].name} has {counted(len(labels), 'label')}",
            "take both files from the same data set",
        )
    if len(images) < 2 or not images.size:
        shape = " × ".join(map(str, images.shape))
        raise BadInput(f"{paths[images_name]}: {shape} pixels are too few", "give 2 images or more")
    if labels.max() >= classes:
        raise BadInput(
            f"{paths[labels_name]}: a label {labels.max()}, expected 0 … {classes - 1}", REPLACE
        )
    return images, labels.astype(np.int64)


def read_idx(path: Path, ndim: int, sha256: str | None = None) -> NDArray[np.uint8]:
    """Return the array in an idx file; it is gzipped where the name ends in .gz.

    Args:
        path: the file.
        ndim: the number of dimensions that it must have.
        sha256: where given, what the file must have, before it is unpacked.

    Raises:
        BadInput: the file cannot be read or is damaged.
        CheckFailed: it has another digest.
    """
    try:
        content: bytes | memoryview = np.fromfile(path, np.uint8).data
    except OSError as error:
        raise BadInput(f"cannot read {path}: {explain(error)}", REPLACE) from error
    if sha256 and (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise CheckFailed(f"{path}: SHA-256 {found}, expected {sha256}", REPLACE)
    if path.suffix == ".gz":
        content = unpack(content, str(path))
    return parse_idx(content, ndim, str(path))


def unpack(content: bytes | memoryview, name: str) -> bytes:
    """Return what is gzipped in ``content``.

    Args:
        content: a whole gzip file.
        name: what errors call it.

    Raises:
        BadInput: it is damaged, or would be larger than `MAX_UNPACKED`.
    """
    gunzip = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)  # with gzip's header and checksum
    try:
        unpacked = gunzip.decompress(content, MAX_UNPACKED + 1)
    except zlib.error as error:
        raise BadInput(f"{name}: damaged gzip data: {error}", REPLACE) from error
    if len(unpacked) > MAX_UNPACKED:
        raise BadInput(
            f"{name}: more than {MAX_UNPACKED:,} bytes once unpacked",
            "unpack it, if you trust it: gunzip it beside the others",
        )
    if not gunzip.eof or gunzip.unused_data.strip(b"\0"):
        what = "there is more after its end" if gunzip.eof else "it is cut off"
        raise BadInput(f"{name}: damaged gzip data: {what}", REPLACE)
    return unpacked


def parse_idx(content: bytes | memoryview, ndim: int, name: str) -> NDArray[np.uint8]:
    """Return the array that ``content`` holds, as a view of it.

    Args:
        content: a whole idx file, unpacked.
        ndim: the number of dimensions that it must have.
        name: what errors call it.

    Raises:
        BadInput: the magic bytes, the header or the length is wrong.
    """
    magic = bytes([0, 0, 8, ndim])
    start = bytes(content[:4])
    if start != magic:
        raise BadInput(
            f"{name}: starts with {start.hex(' ') or 'nothing'}, expected {magic.hex(' ')}",
            REPLACE,
        )
    header = 4 + 4 * ndim
    if len(content) < header:
        raise BadInput(
            f"{name}: {counted(len(content), 'byte')}, expected a header of {header}", REPLACE
        )
    shape = struct.unpack(f">{ndim}I", content[4:header])
    expected = header + math.prod(shape)
    if len(content) != expected:
        raise BadInput(
            f"{name}: {counted(len(content), 'byte')}, expected {expected:,} "
            f"for {' × '.join(map(str, shape))}",
            REPLACE,
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
