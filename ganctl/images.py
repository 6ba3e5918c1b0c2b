"""Pictures: [-1, 1] float ↔ uint8, grids, and what they are written to: PNG, GIF, .npy, folders."""

from __future__ import annotations

import io
import math
import os
import shutil
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ganctl.errors import BadInput, OutOfResources
from ganctl.files import (
    atomic_file,
    check_writable,
    scratch_folder,
    write_atomic,
    write_error,
)

Pixels = NDArray[np.uint8]

PADDING = 2
"""Black pixels around each image of a grid."""

MAX_GRID_PIXELS = 100_000_000
"""A larger grid is refused: viewers fail on it, and it is held in memory whole. So is a GIF with
more in all its frames."""

SMALLEST_FILE = 4096
"""Bytes that a file takes on most disks, however small it is."""

GIF_SIDE = 224
"""Pixels that an animation's frames are enlarged to, or as close below as a whole factor comes."""

GIF_FRAME_MS = 80
"""How long a frame is shown."""


def to_uint8(images: NDArray[np.floating[Any]]) -> Pixels:
    """Return images in [-1, 1] as grey levels 0 … 255, rounded to the nearest; the shape stays.

    The scale is fixed: nothing is stretched to the contrast of the batch.
    """
    levels = images + 1
    levels *= 127.5  # in place from here on: half the time of a new array a step
    np.rint(levels, out=levels)
    np.clip(levels, 0, 255, out=levels)
    pixels: Pixels = levels.astype(np.uint8)
    return pixels


def grid(images: Pixels, cols: int = 0) -> Pixels:
    """Return (N, C, H, W) images as one picture, (H', W') for C = 1 and (H', W', 3) for C = 3.

    Args:
        images: drawn row by row.
        cols: images a row; 0 makes the grid as square as can be.
    """
    count, channels, height, width = images.shape
    rows, cols = grid_shape(count, cols)
    cell_h, cell_w = height + PADDING, width + PADDING
    sheet = np.zeros((rows * cell_h + PADDING, cols * cell_w + PADDING, channels), np.uint8)
    for index, image in enumerate(images):
        top = index // cols * cell_h + PADDING
        left = index % cols * cell_w + PADDING
        sheet[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    return sheet[:, :, 0] if channels == 1 else sheet


def grid_shape(count: int, cols: int = 0) -> tuple[int, int]:
    """Return (rows, cols) of a grid of ``count`` images, ``cols`` being 0 for a square one."""
    cols = min(cols, count) or math.ceil(math.sqrt(count))
    return -(-count // cols), cols


def encode_png(pixels: Pixels) -> bytes:
    """Return a picture of (H, W) grey levels or (H, W, 3) colours as the bytes of a PNG file.

    Written here rather than by Pillow, which cannot be told to leave the rows unfiltered, as is
    best for digits on black: it would take most of a grid's time, drawing included. The compressor
    looks for runs of one value only, for the same reason.
    """
    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + pixels[0].size), np.uint8)  # before each row its filter: none
    rows[:, 1:] = pixels.reshape(height, -1)
    deflate = zlib.compressobj(strategy=zlib.Z_RLE)
    colour_type = 0 if pixels.ndim == 2 else 2
    header = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    data = deflate.compress(rows.data) + deflate.flush()
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    )


def decode_png(data: bytes, shape: tuple[int, ...]) -> Pixels:
    """Return the picture that `encode_png` wrote, of a shape that is known beforehand.

    Raises:
        ValueError: it is another picture, or written otherwise.
    """
    blank = encode_png(np.zeros(shape, np.uint8))
    start = blank.index(b"IDAT") + 4  # all before it is the same for each picture of the shape
    row = 1 + math.prod(shape[1:])
    if data[: start - 8] != blank[: start - 8] or data[start - 4 : start] != b"IDAT":
        raise ValueError("its picture is of another size or kind")
    try:
        rows = zlib.decompressobj().decompress(data[start:], row * shape[0] + 1)
    except zlib.error as error:
        raise ValueError("its picture is damaged") from error
    pixels = np.frombuffer(rows, np.uint8)
    if pixels.size != row * shape[0] or pixels[::row].any():
        raise ValueError("its picture is damaged")
    return pixels.reshape(shape[0], row)[:, 1:].reshape(shape)


def encode_gif(images: Pixels, milliseconds: int | Sequence[int] = GIF_FRAME_MS) -> bytes:
    """Return (N, C, H, W) images as the bytes of an animated GIF that begins again at its end.

    Each is enlarged by the same whole factor, without smoothing. Grey levels are kept as they are;
    of colours a frame has at most 256, the nearest ones. The same images give the same bytes.

    Args:
        images: the frames.
        milliseconds: how long each is shown.
    """
    from PIL import Image  # not needed for anything else here

    height, width = images.shape[2:]
    factor = gif_factor(height, width)

    def frame(image: Pixels) -> Image.Image:
        shown = Image.fromarray(picture(image)).resize(
            (width * factor, height * factor), Image.Resampling.NEAREST
        )
        return shown if shown.mode == "L" else shown.quantize(256, dither=Image.Dither.NONE)

    file = io.BytesIO()
    first, *others = map(frame, images)
    first.save(file, "GIF", save_all=True, append_images=others, duration=milliseconds, loop=0)
    return file.getvalue()


def gif_factor(height: int, width: int) -> int:
    """Return how many times as high and as wide a GIF shows images of that size."""
    return max(1, GIF_SIDE // max(height, width))


def check_output(out: Path) -> None:
    """Fail before anything is loaded or drawn if `write_images` could not write to ``out``.

    Raises:
        BadInput: the ending is unknown, or the place cannot be written.
    """
    if out == Path():  # what an empty word becomes
        raise BadInput("OUT is empty, or the current folder itself", "name a file or a folder")
    if os.path.isdir(out):
        check_writable(out / "000000.png")
        return
    if out.name.lower() in ("-", ".png", ".gif", ".npy"):
        raise BadInput(f"cannot write {out}: that is no name", "name a file, such as out.png")
    if out.suffix.lower() not in ("", ".png", ".gif", ".npy"):
        raise BadInput(
            f"cannot write {out}: '{out.suffix}' is no kind of output",
            "end it in .png (a grid), .gif (an animation) or .npy (an array), or name a folder",
        )
    check_writable(out)
    if os.path.exists(out) and (out.suffix == "" or not os.path.isfile(out)):
        raise BadInput(f"cannot write {out}: it is in the way", "name another file or folder")


def check_size(
    out: Path | BinaryIO, count: int, image_shape: tuple[int, int, int], cols: int
) -> None:
    """Refuse a picture that no viewer would open, and what the disk has no room for.

    Raises:
        BadInput: ``out`` takes a grid or is a .gif, and has more than `MAX_GRID_PIXELS`.
        OutOfResources: ``out`` is a .npy or a folder, and larger than what is free.
    """
    channels, height, width = image_shape
    kind, pixels = _kind(out), 0
    if kind == ".png":
        rows, cols = grid_shape(count, cols)
        pixels = rows * (height + PADDING) * cols * (width + PADDING)
    elif kind == ".gif":
        pixels = count * height * width * gif_factor(height, width) ** 2
    if pixels > MAX_GRID_PIXELS:
        raise BadInput(
            f"{count:,} images of {height}×{width} pixels are too large for one {kind[1:].upper()}",
            "write an array (out.npy) or a folder (out), or draw fewer",
        )
    needed = {".npy": channels * height * width, "": SMALLEST_FILE}.get(kind, 0) * count
    if not isinstance(out, Path):  # no disk
        return
    free = shutil.disk_usage(out.parent).free
    if needed > free:
        raise OutOfResources(
            f"{out} would take {needed / 1e9:,.1f} GB, and the disk has {free / 1e9:,.1f} GB free",
            "draw fewer, or name a place with more room",
        )


def _kind(out: Path | BinaryIO) -> str:
    """Return the ending, in small letters, that says what is written; "" for a folder."""
    if not isinstance(out, Path):
        return ".png"
    return "" if out.is_dir() else out.suffix.lower()


def write_images(
    out: Path | BinaryIO, batches: Iterable[Pixels], count: int, start: int = 0, cols: int = 0
) -> None:
    """Write ``count`` images, which come in batches of (B, C, H, W), all or nothing.

    A .png is one grid; a .gif shows one after the other; a .npy is one uint8 array of (N, C, H, W),
    written batch by batch; anything else is a folder with a PNG an image, named by its index from
    ``start`` on. What is no path is written a grid, as a PNG.

    Raises:
        BadInput: the place cannot be written.
        OutOfResources: the disk is full.
    """
    if not isinstance(out, Path):
        out.write(encode_png(grid(np.concatenate(list(batches)), cols)))
        return
    kind = _kind(out)
    if kind == "":
        _write_folder(out, batches, count, start)
    elif kind == ".npy":
        _write_npy(out, batches, count)
    else:
        images = np.concatenate(list(batches))
        write_atomic(out, encode_gif(images) if kind == ".gif" else encode_png(grid(images, cols)))


def _write_npy(out: Path, batches: Iterable[Pixels], count: int) -> None:
    with atomic_file(out) as file:
        for number, batch in enumerate(batches):
            if number == 0:
                shape = (count, *batch.shape[1:])
                header = {"descr": "|u1", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(batch.tobytes())


def _write_folder(out: Path, batches: Iterable[Pixels], count: int, start: int) -> None:
    """Fill a temporary folder first, so that a failure leaves ``out`` as it was."""
    place = out if out.is_dir() else out.parent
    try:
        with scratch_folder(place, out.name) as temporary:
            for index, image in enumerate(_each(batches), start):
                with open(os.path.join(temporary, _file_name(index)), "wb") as file:
                    file.write(encode_png(picture(image)))
            out.mkdir(exist_ok=True)
            for index in range(start, start + count):
                os.replace(
                    os.path.join(temporary, _file_name(index)), os.path.join(out, _file_name(index))
                )
    except OSError as error:
        raise write_error(out, error) from error


def _file_name(index: int) -> str:
    return f"{index:06d}.png"


def picture(image: Pixels) -> Pixels:
    """Return one (C, H, W) image as a picture without a frame."""
    return image[0] if image.shape[0] == 1 else image.transpose(1, 2, 0)


def _each(batches: Iterable[Pixels]) -> Iterator[Pixels]:
    for batch in batches:
        yield from batch
