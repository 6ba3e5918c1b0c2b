"""Images to be evaluated: generated, or read from a folder, a .npy or a .npz file."""

from __future__ import annotations

import os
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganctl.data.decode import decode
from ganctl.data.folder import classes, open_pictures, skip_notice
from ganctl.errors import BadInput, explain
from ganctl.evaluation.classifier import labels_to_digits
from ganctl.images import Pixels, to_uint8
from ganctl.latents import Labels
from ganctl.text import counted

MAX_SIDE = 128  # larger pictures of a folder are scaled down: 10,000 in colour take 0.5 GB then
SLACK = 1e-3  # how far floats may lie outside their range by rounding: a tenth of a grey level

# What NumPy raises for a damaged file; RuntimeError for a password or an unknown compression.
DAMAGED = (
    *(EOFError, RuntimeError, SyntaxError, TypeError, ValueError, KeyError),
    *(tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)


@dataclass(frozen=True)
class Samples:
    """Images to be evaluated."""

    name: str  # shown in the table
    images: Pixels  # (N, C, H, W)
    asked: Labels | None = None  # (N,), the digit that each image was requested to show
    notes: tuple[str, ...] = ()  # what a reader of the metrics must know


def spread(total: int, count: int) -> NDArray[np.int64]:
    """Return the indices of ``count`` of ``total`` items, evenly spread; all if there are fewer.

    The first items may be of one class only, or easier, as in MNIST's test split.
    """
    count = min(total, count)
    return np.arange(count, dtype=np.int64) * total // max(count, 1)


def read_folder(folder: Path, count: int) -> Samples:
    """Read up to ``count`` of the PNG and JPEG pictures under ``folder``.

    All get the shape of the first one, at most `MAX_SIDE` pixels a side. The names of subfolders
    are the requested digits if all of them are digits.

    Raises:
        BadInput: no picture can be read.
    """
    shape: tuple[int, int] | None = None  # (side, channels) of the first picture

    def read(file: BinaryIO) -> Pixels:
        nonlocal shape
        shape = shape or _side_and_channels(file)
        return decode(file, *shape)

    with open_pictures(folder) as files:
        chosen = [files.pictures[index] for index in spread(len(files.pictures), count)]
        images = dict(files.read(read, chosen))
    if not images:
        raise BadInput(
            f"{folder}: no readable PNG or JPEG picture",
            "name a folder of pictures, or an array (.npy, .npz)",
        )
    notes = _fewer(len(images), count)
    if files.skipped:
        notes += (skip_notice(folder, files.skipped, len(chosen)),)
    digits = labels_to_digits(*classes(files.pictures))
    kept = [name in images for name in files.pictures]
    asked = None if digits is None else digits[kept]
    return Samples(folder.resolve().name, np.stack(list(images.values())), asked, notes)


def _side_and_channels(file: BinaryIO) -> tuple[int, int]:
    """Return the side of a picture's centre square and its channels; errors as of `decode`."""
    decode(file, 1, 1)
    with Image.open(file) as image:
        grey = image.mode in ("1", "L", "LA") or image.mode.startswith("I")
        return min(*image.size, MAX_SIDE), 1 if grey else 3


def read_array(path: Path, count: int) -> Samples:
    """Read up to ``count`` images of a .npy or .npz file.

    The images are N×C×H×W, N×H×W×C or N×H×W with 1 or 3 channels: grey levels 0 … 255 as uint8, or
    floats in [-1, 1] or, if none is below 0, in [0, 1]. A .npz has them under ``images`` or as its
    only array, and may have the requested digits under ``labels``.

    Raises:
        BadInput: the file cannot be read or holds something else.
        MemoryError: it is too large.
    """
    if os.path.exists(path) and not os.path.isfile(path):  # opening a FIFO would block
        raise BadInput(f"cannot read {path}: it is not a file", "name another file")
    try:
        with open(path, "rb") as file:  # NumPy leaves a damaged .npz open
            is_archive = file.read(2) == b"PK"
            file.seek(0)
            images, labels = _load_archive(file, path) if is_archive else (_load(path), None)
    except DAMAGED as error:
        raise BadInput(
            f"{path} is no array that NumPy can read without pickle",
            "write it with np.save or np.savez_compressed",
        ) from error
    except OSError as error:
        raise BadInput(f"cannot read {path}: {explain(error)}", "name another file") from error
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and images.shape[1] not in (1, 3):
        images = images.transpose(0, 3, 1, 2)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not images.size:
        raise BadInput(
            f"{path} holds an array of {_product(images.shape)}, not images",
            "give N×C×H×W, N×H×W×C or N×H×W, with 1 or 3 channels",
        )
    chosen = spread(len(images), count)
    pixels, notes = _as_pixels(images[chosen], path)
    asked = None if labels is None else _as_digits(labels, len(images), path)[chosen]
    return Samples(path.name, pixels, asked, _fewer(len(chosen), count) + notes)


def _load_archive(file: BinaryIO, path: Path) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return the images and labels of a .npz."""
    archive = np.load(file, allow_pickle=False)
    names = [name for name in archive.files if name != "labels"]
    if "images" not in names and len(names) != 1:
        raise BadInput(
            f"{path} holds {len(names)} arrays besides labels, none of them called images",
            "call the array of images 'images'",
        )
    images = archive["images" if "images" in names else names[0]]
    if not isinstance(images, np.ndarray):  # NumPy returns the bytes of an entry that is no .npy
        raise BadInput(f"{path} holds no array of images", "write it with np.savez_compressed")
    return images, archive["labels"] if "labels" in archive.files else None


def _load(path: Path) -> NDArray[Any]:
    """Return the memory-mapped array of a .npy, refusing a file longer than its header says."""
    images: np.memmap[Any, Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    size, expected = path.stat().st_size, images.offset + images.nbytes
    if size != expected:
        raise BadInput(
            f"{path}: {size:,} bytes, expected {expected:,} for {_product(images.shape)}",
            "write one array into it, with np.save",
        )
    return images


def _product(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "a single number"


def _as_pixels(images: NDArray[Any], path: Path) -> tuple[Pixels, tuple[str, ...]]:
    """Return grey levels, and a note if their range was guessed from the values."""
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images), ()
    if images.dtype.kind != "f":
        raise BadInput(
            f"{path} holds {images.dtype}, not grey levels as uint8 or floats in [-1, 1] or [0, 1]",
            "convert it, for example with images.astype('uint8')",
        )
    low, high = float(images.min()), float(images.max())
    if not -1 - SLACK <= low <= high <= 1 + SLACK:  # also true for NaN
        raise BadInput(
            f"{path} holds floats from {low:g} to {high:g}, not in [-1, 1] or [0, 1]",
            "scale them, or give grey levels 0 … 255 as uint8",
        )
    values = images.astype(np.float32)
    if low < -SLACK:
        return to_uint8(values), ("floats, some below 0: assumed to be in [-1, 1]",)
    return to_uint8(values * 2 - 1), ("floats, none below 0: assumed to be in [0, 1]",)


def _as_digits(labels: NDArray[Any], count: int, path: Path) -> Labels:
    fits = isinstance(labels, np.ndarray) and labels.shape == (count,) and labels.dtype.kind in "iu"
    if not fits or labels.min() < 0 or labels.max() > 9:
        raise BadInput(
            f"{path}: its labels are not {count:,} whole numbers from 0 to 9",
            "give the digit that each image was requested to show, or no labels",
        )
    return labels.astype(np.int64)


def _fewer(found: int, count: int) -> tuple[str, ...]:
    return (f"only {counted(found, 'image')}, not {count:,}",) if found < count else ()
