"""One PNG or JPEG file to one small array, and what kind of picture it holds."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from ganctl.data.transforms import fit
from ganctl.errors import explain

SIDE = 64
"""Pixels a side at which a picture is searched for colours."""

COLOURED = 16
"""Levels by which a pixel's red, green and blue differ at the least where there is colour: a JPEG
of a grey picture is a few off."""


SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
"""How a PNG or a JPEG begins."""


class Unreadable(Exception):
    """The file is no PNG or JPEG, is damaged, or would be too large in memory."""


class Look(NamedTuple):
    """What one picture is, as it is seen: upright."""

    width: int
    height: int
    coloured: bool
    """Whether there is any colour in it, however it is stored."""
    traits: tuple[str, ...]
    """What else is to be known: of `TRAITS`, in that order."""


TRAITS = (
    "grey stored as colour",
    "with transparency",
    "with a palette",
    "CMYK",
    "16 bits",
    "animated",
    "turned by EXIF",
)


def decode(file: BinaryIO, size: int, channels: int) -> NDArray[np.uint8]:
    """Return a PNG or JPEG picture as (channels, size, size), 0 … 255.

    EXIF orientation is honoured, transparency lies over white, 16-bit grey is scaled, not clipped,
    to 8 bits, and of an animation it is the first frame.

    Raises:
        Unreadable: as the class says.
    """
    with opened(file) as image:
        return fit(flatten(ImageOps.exif_transpose(image)), size, channels)


def look(file: BinaryIO) -> Look:
    """Return what kind of picture a file holds; it is decoded whole, as `decode` does.

    Raises:
        Unreadable: as the class says.
    """
    with opened(file) as image:
        deep = ";16" in str(getattr(image, "tile", ""))  # Pillow's only trace where it reads 8 bits
        upright = ImageOps.exif_transpose(image)
        pixels = fit(flatten(upright), SIDE, 3).astype(np.int16)
        coloured = bool(np.ptp(pixels, axis=0).max() >= COLOURED)
        found = (
            not coloured and image.mode in ("RGB", "RGBA", "CMYK"),
            is_transparent(image),
            image.mode == "P",
            image.mode == "CMYK",
            deep,
            image.format == "PNG" and bool(getattr(image, "is_animated", False)),
            image.getexif().get(0x0112, 1) != 1,
        )
        traits = tuple(trait for trait, there in zip(TRAITS, found, strict=True) if there)
        return Look(upright.width, upright.height, coloured, traits)


@contextmanager
def opened(file: BinaryIO) -> Iterator[Image.Image]:
    """Open a PNG or JPEG; what goes wrong with it in the block is `Unreadable` too."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=("PNG", "JPEG")) as image:
                yield image
    except UnidentifiedImageError as error:  # its text names the file object
        file.seek(0)
        raise Unreadable(_unidentified(file.read(8))) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        most = f"more than {Image.MAX_IMAGE_PIXELS:,} pixels"
        raise Unreadable(f"{most}, Pillow's limit against decompression bombs") from error
    # Pillow has no error of its own for damaged files: these are what its two parsers raise.
    except (OSError, EOFError, SyntaxError, ValueError, struct.error) as error:
        raise Unreadable(_plainly(error)) from error


def _unidentified(beginning: bytes) -> str:
    if not beginning:
        return "the file is empty"
    return "cut short or damaged" if beginning.startswith(SIGNATURES) else "no PNG or JPEG"


def _plainly(error: Exception) -> str:
    """Return what is wrong with a file, of what Pillow says of it."""
    if isinstance(error, OSError) and error.errno is not None:
        return explain(error)
    return "cut short" if "truncated" in str(error).lower() else f"damaged: {error}"


def is_transparent(image: Image.Image) -> bool:
    """Tell whether anything can be seen through, not only whether it could be."""
    if not image.has_transparency_data or image.mode.startswith("I"):
        return image.has_transparency_data
    lowest, _ = image.convert("RGBA").getchannel("A").getextrema()
    return lowest != 255


def flatten(image: Image.Image) -> Image.Image:
    """Return the picture with 8 bits a channel and without transparency."""
    if image.mode.startswith("I"):  # 16-bit grey: "I;16", or "I" in older versions of Pillow
        wide = np.asarray(image).astype(np.uint32)
        if "transparency" in image.info:  # one level that is see-through
            wide[wide == image.info["transparency"]] = 65535
        return Image.fromarray(((wide + 128) // 257).astype(np.uint8))
    if image.has_transparency_data:
        picture = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return image
