"""Images: [-1, 1] float ↔ uint8, grids, image text, and output as PNG, GIF, .npy or folders."""

from __future__ import annotations

import io
import math
import os
import shutil
import struct
import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganctl.arguments import text, whole
from ganctl.errors import BadInput, OutOfResources
from ganctl.files import atomic_file, check_writable, scratch_folder, write_atomic, write_error

if TYPE_CHECKING:  # imported where it is used: most commands do without Pillow
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

Pixels = NDArray[np.uint8]

SLACK = 1e-3  # how far rounding may take a value beyond -1 or 1
PADDING = 2  # black pixels around each image of a grid
MAX_PIXELS = 100_000_000  # of a grid, or of all frames of a GIF, which are kept in memory
DISK_BLOCK = 4096  # bytes that even the smallest file takes on most disks
GIF_SIDE = 224  # frames are enlarged to at most this many pixels, by a whole factor
GIF_FRAME_MS = 80
NOTEBOOK_SIDE = 640  # a notebook enlarges a small grid to at most this many pixels
NOTEBOOK_PIXELS = 4_000_000  # and shows so many pixels of a large one
FONT_EXTRA = "·±…"  # used here, and in Pillow's font beside ASCII


def to_uint8(images: NDArray[np.floating[Any]]) -> Pixels:
    """Return images in [-1, 1], of any shape, as grey levels 0 … 255, rounded to the nearest.

    The scale is fixed: contrast is not stretched.
    """
    levels = images + 1
    levels *= 127.5  # in place from here on: twice as fast as new arrays
    np.rint(levels, out=levels)
    np.clip(levels, 0, 255, out=levels)
    pixels: Pixels = levels.astype(np.uint8)
    return pixels


def picture(image: Pixels) -> Pixels:
    """Return a (C, H, W) image as (H, W) for C = 1 and (H, W, 3) for C = 3."""
    return image[0] if image.shape[0] == 1 else image.transpose(1, 2, 0)


def make_grid(images: Pixels, cols: int = 0) -> Pixels:
    """Return (N, C, H, W) images, row by row, as one picture: (H', W') or (H', W', 3).

    ``cols`` is the number of images in a row; 0 gives a square.
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
    """Return (rows, cols) of a grid of ``count`` images; ``cols`` = 0 gives a square."""
    cols = min(cols, count) or math.ceil(math.sqrt(count))
    return -(-count // cols), cols


def encode_png(pixels: Pixels) -> bytes:
    """Return a picture, (H, W) grey levels or (H, W, 3) colours, as a PNG file.

    Unlike Pillow, it leaves the rows unfiltered and compresses only runs of one value: that suits
    digits on black, and is several times faster.
    """
    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + pixels[0].size), np.uint8)  # each row begins with filter 0: none
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
    """Return the picture of a known shape that `encode_png` wrote. Needs no Pillow.

    Raises:
        ValueError: it is another picture, or written by another program.
    """
    blank = encode_png(np.zeros(shape, np.uint8))
    start = blank.index(b"IDAT") + 4  # what precedes depends only on the shape, except a length
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
    """Return (N, C, H, W) images as an endless animated GIF; equal images give equal bytes.

    Frames are enlarged by a whole factor, without smoothing. Grey levels are exact; of colours a
    frame has at most 256. ``milliseconds`` is how long each frame is shown.
    """
    from PIL import Image

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
    """Return the factor by which a GIF enlarges images."""
    return max(1, GIF_SIDE // max(height, width))


def check_output(out: Path) -> None:
    """Check, before anything is drawn, that `write_images` can write to ``out``; else BadInput."""
    if out == Path():  # also from an empty argument
        raise BadInput("OUT is empty, or the current folder itself", "name a file or a folder")
    if os.path.isdir(out):
        check_writable(out / "000000.png")
        return
    if out.name.lower() in ("-", ".png", ".gif", ".npy"):
        raise BadInput(
            f"cannot write {out}: that is not a file name", "name a file, such as out.png"
        )
    if out.suffix.lower() not in ("", ".png", ".gif", ".npy"):
        raise BadInput(
            f"cannot write {out}: '{out.suffix}' is not an output format",
            "end it in .png (a grid), .gif (an animation) or .npy (an array), or name a folder",
        )
    check_writable(out)
    if os.path.exists(out) and (out.suffix == "" or not os.path.isfile(out)):
        raise BadInput(
            f"cannot write {out}: it exists and cannot be replaced", "name another file or folder"
        )


def check_size(
    out: Path | BinaryIO, count: int, image_shape: tuple[int, int, int], cols: int
) -> None:
    """Check the size of ``count`` (C, H, W) images before they are drawn.

    Raises:
        BadInput: the grid or GIF would have more than `MAX_PIXELS`.
        OutOfResources: the array or folder would not fit on the disk.
    """
    channels, height, width = image_shape
    kind, pixels = _kind(out), 0
    if kind == ".png":
        rows, cols = grid_shape(count, cols)
        pixels = rows * (height + PADDING) * cols * (width + PADDING)
    elif kind == ".gif":
        pixels = count * height * width * gif_factor(height, width) ** 2
    if pixels > MAX_PIXELS:
        raise BadInput(
            f"{count:,} images of {height}×{width} pixels are too large for one {kind[1:].upper()}",
            "write an array (out.npy) or a folder (out), or draw fewer",
        )
    if not isinstance(out, Path):  # a stream
        return
    needed = {".npy": channels * height * width, "": DISK_BLOCK}.get(kind, 0) * count
    free = shutil.disk_usage(out.parent).free
    if needed > free:
        raise OutOfResources(
            f"{out} would take {needed / 1e9:,.1f} GB, and the disk has {free / 1e9:,.1f} GB free",
            "draw fewer, or name a place with more room",
        )


def _kind(out: Path | BinaryIO) -> str:
    """Return the suffix, in lower case, that selects the format; "" for a folder."""
    if not isinstance(out, Path):
        return ".png"
    return "" if out.is_dir() else out.suffix.lower()


def write_images(
    out: Path | BinaryIO, batches: Iterable[Pixels], count: int, start: int = 0, cols: int = 0
) -> None:
    """Write ``count`` images, which come in uint8 batches (B, C, H, W), all or none.

    A .png or a stream gets one grid, a .gif an animation, a .npy one array (N, C, H, W), and a
    folder one PNG for each image, named by its index from ``start`` on. Arrays and folders are
    written batch by batch.

    Raises:
        BadInput: the place is not writable.
        OutOfResources: the disk is full.
    """
    kind = _kind(out)
    if not isinstance(out, Path):
        out.write(encode_png(make_grid(np.concatenate(list(batches)), cols)))
    elif kind == "":
        _write_folder(out, batches, range(start, start + count))
    elif kind == ".npy":
        with atomic_file(out) as file:
            for number, batch in enumerate(batches):
                if number == 0:
                    shape = (count, *batch.shape[1:])
                    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(file, header)
                file.write(batch.tobytes())
    else:
        images = np.concatenate(list(batches))
        is_gif = kind == ".gif"
        write_atomic(out, encode_gif(images) if is_gif else encode_png(make_grid(images, cols)))


def _write_folder(out: Path, batches: Iterable[Pixels], indices: range) -> None:
    """Fill a temporary folder first, so that a failure leaves ``out`` as it was."""
    try:
        with scratch_folder(out if out.is_dir() else out.parent, out.name) as temporary:
            for index, image in enumerate(chain.from_iterable(batches), indices.start):
                with open(temporary / f"{index:06d}.png", "wb") as file:
                    file.write(encode_png(picture(image)))
            out.mkdir(exist_ok=True)
            for index in indices:
                os.replace(temporary / f"{index:06d}.png", out / f"{index:06d}.png")
    except OSError as error:
        raise write_error(out, error) from error


class Images(np.ndarray[Any, np.dtype[np.uint8]]):
    """Grey levels 0 … 255 (N, C, H, W), uint8: a NumPy array that a notebook shows as a grid.

    It is a normal array otherwise. Slices are shown too, and ``images[0]``, (C, H, W), as one
    picture; results that are not images, such as ``images / 255``, are shown as numbers.

    Attributes:
        cols: images in a row of the grid; 0 for a square. Slices start with 0.
    """

    cols: int

    def __array_finalize__(self, other: object) -> None:
        self.cols = other.cols if isinstance(other, Images) and other.shape == self.shape else 0

    def save(self, path: str | os.PathLike[str], cols: int = 0) -> None:
        """Write the images, all or none, as ``ganctl sample OUT`` does.

        Args:
            path: a grid (.png), an animation (.gif), an array (.npy) or a folder of PNGs.
            cols: images in a row of a grid; 0 for `cols`.

        Raises:
            BadInput: these are not images, ``path`` has another ending or is not writable, or the
                grid or animation is too large.
            OutOfResources: the disk is full.
        """
        out = Path(text("path", path, "where to write, such as 'grid.png'"))
        pixels, cols = as_pixels(self), whole("cols", cols, 0) or self.cols
        check_output(out)
        count, channels, height, width = pixels.shape
        check_size(out, count, (channels, height, width), cols)
        write_images(out, [pixels], count, cols=cols)

    def _repr_png_(self) -> bytes | None:
        """Return what a notebook shows; None for numbers that are not images."""
        if self.dtype != np.uint8:
            return None
        try:
            pixels = as_pixels(self)
        except BadInput:
            return None
        _, _, height, width = pixels.shape
        fitting = max(1, NOTEBOOK_PIXELS // ((height + PADDING) * (width + PADDING)))
        sheet = make_grid(pixels[:fitting], self.cols)
        factor = max(1, NOTEBOOK_SIDE // max(sheet.shape[:2]))
        return encode_png(sheet.repeat(factor, axis=0).repeat(factor, axis=1))


def grid(images: ArrayLike, cols: int = 0) -> Image:
    """Return images as one picture, which a notebook shows and ``.save("grid.png")`` writes.

    Args:
        images: (N, C, H, W) with C = 1 or 3, or (N, H, W); uint8, or floats in [-1, 1], such as the
            output of a generator network. Laid out row by row.
        cols: images in a row; 0 for a square, or for the ``cols`` of `Images`.

    Returns:
        A Pillow image, "L" for C = 1 and "RGB" for C = 3.

    Raises:
        BadInput: they are not such images, there are none, or ``cols`` is not valid.
    """
    from PIL import Image

    pixels = as_pixels(images)
    default = images.cols if isinstance(images, Images) else 0
    return Image.fromarray(make_grid(pixels, whole("cols", cols, 0) or default))


def as_pixels(images: ArrayLike) -> Pixels:
    """Return images as grey levels (N, C, H, W), N ≥ 1; arguments and errors as of `grid`."""
    try:
        array: Any = np.asarray(images)
    except ValueError as error:  # rows of different lengths
        raise _not_images("they are not all of one shape") from error
    except (TypeError, RuntimeError) as error:  # a tensor on a GPU, or one that needs a gradient
        raise _not_images(str(error).split("\n")[0].rstrip(".")) from error
    if isinstance(images, Images) and array.ndim == 3 and array.shape[0] == 3:
        array = array[None]  # one colour image of several
    elif array.ndim == 3:
        array = array[:, None]
    if array.ndim != 4 or array.shape[1] not in (1, 3) or 0 in array.shape:
        raise _not_images(f"their shape is {array.shape}")
    if array.dtype == np.uint8:
        pixels: Pixels = array
        return pixels
    if array.dtype.kind != "f":
        raise _not_images(f"they are {array.dtype}")
    low, high = array.min(), array.max()
    if not (low >= -1 - SLACK and high <= 1 + SLACK):  # NaN included
        raise _not_images(f"their values are {low:g} … {high:g}")
    return to_uint8(array)


def _not_images(reason: str) -> BadInput:
    return BadInput(
        f"these are not images: {reason}",
        "(N, C, H, W) with C = 1 or 3, or (N, H, W); uint8, or floats in [-1, 1]",
    )


@lru_cache(maxsize=16)
def font(pixels: int) -> FreeTypeFont | ImageFont:
    """Return the font that comes with Pillow, ``pixels`` high."""
    from PIL import ImageFont

    return ImageFont.load_default(pixels)


def font_text(text: str) -> str:
    """Return ``text`` as `font` can show it: without accents, and ? for missing characters."""
    plain = unicodedata.normalize("NFD", text.replace("–", "-").replace("×", "x"))
    return "".join(
        char if char in FONT_EXTRA or (char.isascii() and char.isprintable()) else "?"
        for char in plain
        if not unicodedata.combining(char)
    )


def text_width(text: str, pixels: int) -> float:
    """Return the width in pixels of a line in a font ``pixels`` high."""
    return font(pixels).getlength(font_text(text))


def shorten(text: str, pixels: int, width: float) -> str:
    """Return a line cut to ``width`` pixels, ending in … if it was longer."""
    if text_width(text, pixels) <= width:
        return text
    while text and text_width(f"{text}…", pixels) > width:
        text = text[:-1]
    return f"{text}…"
