"""One PNG or JPEG file to one small array."""

from __future__ import annotations

import struct
import warnings
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ganctl.data.transforms import fit


class Unreadable(Exception):
    """The file is no PNG or JPEG, is damaged, or would be too large in memory."""


def decode(file: BinaryIO, size: int, channels: int) -> NDArray[np.uint8]:
    """Return a PNG or JPEG picture as (channels, size, size), 0 … 255.

    EXIF orientation is honoured, transparency lies over white, and 16-bit grey is scaled, not
    clipped, to 8 bits.

    Raises:
        Unreadable: as the class says.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=("PNG", "JPEG")) as image:
                return fit(flatten(ImageOps.exif_transpose(image)), size, channels)
    # Pillow has no error of its own for damaged files: these are what its two parsers raise.
    except (
        OSError,
        EOFError,
        SyntaxError,
        ValueError,
        struct.error,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise Unreadable(str(error)) from error


def flatten(image: Image.Image) -> Image.Image:
    """Return the picture with 8 bits a channel and without transparency."""
    if image.mode.startswith("I"):  # 16-bit grey: "I;16", or "I" in older versions of Pillow
        wide = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((wide + 128) // 257).astype(np.uint8))
    if image.has_transparency_data:
        picture = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return image
