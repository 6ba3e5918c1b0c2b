"""Images to be evaluated: drawn, or read from a folder of pictures, a .npy or a .npz file."""

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

from ganctl.data.decode import Unreadable, decode
from ganctl.data.folder import Unread, classes, open_pictures, skip_notice
from ganctl.data.image_data import DIGIT_NAMES
from ganctl.errors import BadInput, explain
from ganctl.evaluation.classifier import digits_of
from ganctl.images import Pixels, to_uint8
from ganctl.latents import Labels
from ganctl.text import counted

MAX_SIDE = 128
"""Larger pictures of a folder are scaled down to it: 10,000 in colour take 0.5 GB then."""

SLACK = 1e-3
"""How far floats may lie outside their range: a tenth of a grey level, for rounding's sake."""

LAYOUTS = "N×C×H×W, N×H×W×C or N×H×W, with 1 or 3 channels"


@dataclass(frozen=True)
class Samples:
    """Images to be evaluated."""

    name: str  # what the table calls them
    images: Pixels  # (N, C, H, W)
    asked: Labels | None = None  # (N,), the digit that each was asked to show
    notes: tuple[str, ...] = ()  # what the reader of the figures must know


def spread(total: int, count: int) -> NDArray[np.int64]:
    """Return the indices of ``count`` of ``total`` items, evenly spread; all if they are fewer.

    The first ones may be of one class only, or the easier ones, as in MNIST's test split.
    """
    count = min(total, count)
    return np.arange(count, dtype=np.int64) * total // max(count, 1)


def read_folder(folder: Path, count: int) -> Samples:
    """Read up to ``count`` of the PNG and JPEG pictures under ``folder``.

    All get the first one's shape, at most `MAX_SIDE` pixels a side. Where they lie in folders that
    are called by digits, these are what they were asked to show.

    Raises:
        BadInput: no picture can be read.
    """
    kept: list[int] = []
    skipped: list[Unread] = []
    images: list[Pixels] = []
    with open_pictures(folder) as files:
        chosen = spread(len(files.pictures), count)
        for index in chosen:
            name = files.pictures[index]
            try:
                with files.open(name) as file:
                    if not images:
                        side, channels = _side_and_channels(file)
                    images.append(decode(file, side, channels))
                kept.append(index)
            except Unreadable as error:
                skipped.append(Unread(str(name), str(error)))
    if not images:
        raise BadInput(
            f"{folder}: no readable PNG or JPEG picture",
            "name a folder of pictures, or an array (.npy, .npz)",
        )
    notes = _fewer(len(kept), count)
    if skipped:
        notes += (skip_notice(folder, skipped, len(chosen)),)
    asked = digits_of(*classes(files.pictures))
    return Samples(
        folder.resolve().name, np.stack(images), None if asked is None else asked[kept], notes
    )


def _side_and_channels(file: BinaryIO) -> tuple[int, int]:
    """Return the side of a picture's centre square and its channels; errors as of `decode`."""
    decode(file, 1, 1)
    with Image.open(file) as image:
        grey = image.mode in ("1", "L", "LA") or image.mode.startswith("I")
        return min(*image.size, MAX_SIDE), 1 if grey else 3


def read_array(path: Path, count: int) -> Samples:
    """Read up to ``count`` images of a .npy or .npz file.

    Grey levels 0 … 255 as uint8, or floats in [-1, 1] or, where none is below 0, in [0, 1]; of the
    shapes that `LAYOUTS` lists. A .npz holds them under ``images`` or as its only array, and may
    hold under ``labels`` the digit that each was asked to show.

    Raises:
        BadInput: the file cannot be read or holds something else.
        MemoryError: it is too large.
    """
    images, labels = _load(path)
    images = _channels_first(images, path)
    chosen = spread(len(images), count)
    pixels, range_notes = _as_pixels(images[chosen], path)
    asked = None if labels is None else _as_labels(labels, len(images), path)[chosen]
    return Samples(path.name, pixels, asked, _fewer(len(chosen), count) + range_notes)


def _load(path: Path) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return the array of a .npy, mapped and not read; or the images and labels of a .npz."""
    if os.path.exists(path) and not os.path.isfile(path):  # a FIFO would be waited for
        raise BadInput(f"cannot read {path}: it is not a file", "name another file")
    try:
        with open(path, "rb") as file:  # NumPy leaves a damaged .npz open
            if file.read(2) != b"PK":
                return _map(path), None
            file.seek(0)
            archive = np.load(file, allow_pickle=False)
            names = [name for name in archive.files if name != "labels"]
            if "images" not in names and len(names) != 1:
                raise BadInput(
                    f"{path} holds {len(names)} arrays beside labels, and none called images",
                    "call the one with the images 'images'",
                )
            images = archive["images" if "images" in names else names[0]]
            labels = archive["labels"] if "labels" in archive.files else None
    except (
        EOFError,
        RuntimeError,  # it has a password, or is compressed in a way that is not known here
        SyntaxError,
        TypeError,
        ValueError,
        KeyError,
        tokenize.TokenError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise BadInput(
            f"{path} is no array that NumPy can read without pickle",
            "write it with np.save or np.savez_compressed",
        ) from error
    except OSError as error:
        raise BadInput(f"cannot read {path}: {explain(error)}", "name another file") from error
    if not isinstance(images, np.ndarray):  # an entry that is no .npy comes as its bytes
        raise BadInput(f"{path} holds no array of images", "write it with np.savez_compressed")
    return images, labels


def _map(path: Path) -> NDArray[Any]:
    """Return the array of a .npy, whose bytes must be all that follow the header."""
    images = np.load(path, mmap_mode="r", allow_pickle=False)
    size, expected = path.stat().st_size, images.offset + images.nbytes
    if size != expected:
        raise BadInput(
            f"{path}: {size:,} bytes, expected {expected:,} for {_product(images.shape)}",
            "write one array into it, with np.save",
        )
    return images  # type: ignore[no-any-return]


def _product(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "a single number"


def _channels_first(images: NDArray[Any], path: Path) -> NDArray[Any]:
    """Return a view (N, C, H, W)."""
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and images.shape[1] not in (1, 3):
        images = images.transpose(0, 3, 1, 2)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not images.size:
        shape = _product(images.shape)
        raise BadInput(f"{path} holds {shape}, which are no images", f"give {LAYOUTS}")
    return images


def _as_pixels(images: NDArray[Any], path: Path) -> tuple[Pixels, tuple[str, ...]]:
    """Return grey levels, and a note where they had to be told from the values."""
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images), ()
    if images.dtype.kind != "f":
        raise BadInput(
            f"{path} holds {images.dtype}, not grey levels as uint8 or floats in [-1, 1] or [0, 1]",
            "convert it, such as by images.astype('uint8')",
        )
    low, high = float(images.min()), float(images.max())
    if not -1 - SLACK <= low <= high <= 1 + SLACK:  # NaN is not either
        raise BadInput(
            f"{path} holds floats from {low:g} to {high:g}, not in [-1, 1] or [0, 1]",
            "scale them, or give grey levels 0 … 255 as uint8",
        )
    values = images.astype(np.float32)
    if low < -SLACK:
        return to_uint8(values), ("floats, some below 0: taken to be in [-1, 1]",)
    return to_uint8(values * 2 - 1), ("floats, none below 0: taken to be in [0, 1]",)


def _as_labels(labels: NDArray[Any], count: int, path: Path) -> Labels:
    fits = isinstance(labels, np.ndarray) and labels.shape == (count,) and labels.dtype.kind in "iu"
    if not fits or labels.min() < 0 or labels.max() >= len(DIGIT_NAMES):
        raise BadInput(
            f"{path}: its labels are not {count:,} whole numbers from 0 to 9",
            "give the digit that each image was asked to show, or no labels",
        )
    return labels.astype(np.int64)


def _fewer(found: int, count: int) -> tuple[str, ...]:
    return (
        (f"{counted(found, 'image')}, not {count:,}: there are no more",) if found < count else ()
    )
