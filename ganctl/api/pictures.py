"""Images as NumPy arrays that a notebook shows as pictures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ganctl.arguments import text, whole
from ganctl.errors import BadInput
from ganctl.images import (
    PADDING,
    Pixels,
    check_output,
    check_size,
    encode_png,
    to_uint8,
    write_images,
)
from ganctl.images import grid as grid_of
from ganctl.inference.watched import SLACK

if TYPE_CHECKING:
    from PIL.Image import Image

SHOWN_SIDE = 640
"""Pixels that a small grid is enlarged to in a notebook, or as close below as a factor comes."""

SHOWN_PIXELS = 4_000_000
"""Of a grid in a notebook; of more images the first ones are shown."""


class Images(np.ndarray[Any, np.dtype[np.uint8]]):
    """Grey levels 0 … 255 (N, C, H, W), uint8: a NumPy array that a notebook shows as a grid.

    It is an array in everything else. Slices are shown too, and ``images[0]``, (C, H, W), as one
    picture; what is no picture any more, such as ``images / 255``, as numbers.

    Attributes:
        cols: images a row of the grid; 0 for a square. Slices begin again at 0.
    """

    cols: int

    def __array_finalize__(self, other: object) -> None:
        same = isinstance(other, Images) and other.shape == self.shape
        self.cols = other.cols if same and isinstance(other, Images) else 0

    def save(self, path: str | os.PathLike[str], cols: int = 0) -> None:
        """Write the images, all or nothing, as ``ganctl sample OUT`` does.

        Args:
            path: a grid (.png), an animation (.gif), an array (.npy) or a folder (one PNG an
                image, 000000.png …).
            cols: images a row of a grid; 0 for `cols`.

        Raises:
            BadInput: these are no images, ``path`` ends in something else or cannot be written, or
                the picture is too large.
            OutOfResources: the disk is full.
        """
        out = Path(text("path", path, "where to write, such as 'grid.png'"))
        pixels, cols = as_pixels(self), whole("cols", cols, 0) or self.cols
        check_output(out)
        _, *shape = pixels.shape
        check_size(out, len(pixels), (shape[0], shape[1], shape[2]), cols)
        write_images(out, [pixels], len(pixels), cols=cols)

    def _repr_png_(self) -> bytes | None:
        """Return what a notebook shows; None, and it shows the numbers, where it is no picture."""
        if self.dtype != np.uint8:
            return None
        try:
            pixels = as_pixels(self)
        except BadInput:
            return None
        _, _, height, width = pixels.shape
        fitting = max(1, SHOWN_PIXELS // ((height + PADDING) * (width + PADDING)))
        return encode_png(enlarged(grid_of(pixels[:fitting], self.cols), SHOWN_SIDE))


def grid(images: ArrayLike, cols: int = 0) -> Image:
    """Return images as one picture, which a notebook shows and ``.save("grid.png")`` writes.

    Args:
        images: (N, C, H, W) with C = 1 or 3, or (N, H, W); uint8, or floats in [-1, 1], such as a
            generator network's. Drawn row by row.
        cols: images a row; 0 for a square (for those of `Images`, where it has some).

    Returns:
        A Pillow image, "L" for C = 1 and "RGB" for C = 3.

    Raises:
        BadInput: they are no such images, there are none, or ``cols`` cannot be used.
    """
    from PIL import Image  # not needed for anything else here

    pixels = as_pixels(images)
    settled = images.cols if isinstance(images, Images) else 0
    return Image.fromarray(grid_of(pixels, whole("cols", cols, 0) or settled))


def as_pixels(images: ArrayLike) -> Pixels:
    """Return images as grey levels (N, C, H, W), N ≥ 1; what may be given is as of `grid`.

    Raises:
        BadInput: they are no images.
    """
    try:
        array: Any = np.asarray(images)
    except ValueError as error:  # rows of different lengths
        raise _no_images("they are not all of one shape") from error
    except (TypeError, RuntimeError) as error:  # a tensor on a GPU, or one that needs a gradient
        raise _no_images(str(error).split("\n")[0].rstrip(".")) from error
    alone = isinstance(images, Images) and array.ndim == 3 and array.shape[0] == 3
    if alone:  # one colour image out of many
        array = array[None]
    elif array.ndim == 3:
        array = array[:, None]
    if array.ndim != 4 or array.shape[1] not in (1, 3) or 0 in array.shape:
        raise _no_images(f"their shape is {array.shape}")
    if array.dtype == np.uint8:
        pixels: Pixels = array
        return pixels
    if array.dtype.kind != "f":
        raise _no_images(f"they are {array.dtype}")
    low, high = array.min(), array.max()
    if not (low >= -1 - SLACK and high <= 1 + SLACK):  # NaN included
        raise _no_images(f"their values are {low:g} … {high:g}")
    return to_uint8(array)


def enlarged(picture: Pixels, side: int) -> Pixels:
    """Return (H, W) or (H, W, 3) enlarged by a whole factor, so that its longer side fits."""
    factor = max(1, side // max(picture.shape[:2]))
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)


def _no_images(reason: str) -> BadInput:
    return BadInput(
        f"these are no images: {reason}",
        "(N, C, H, W) with C = 1 or 3, or (N, H, W); uint8, or floats in [-1, 1]",
    )
