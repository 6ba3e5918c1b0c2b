"""Decode PNG and JPEG files to small arrays, and describe what kind of picture a file holds."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from ganctl.errors import explain

SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")  # the first bytes of a PNG and of a JPEG
COLOUR_SIDE = 64  # a picture is reduced to so many pixels a side before colour is looked for
MIN_COLOUR = 16  # least difference of red, green and blue; a grey JPEG has a few levels
ORIENTATION = 0x0112  # EXIF tag


class Unreadable(Exception):
    """The file is not a PNG or JPEG, is damaged, or would take too much memory."""


class PictureInfo(NamedTuple):
    """What kind of picture a file holds."""

    width: int  # after EXIF rotation
    height: int
    coloured: bool  # whether colour is visible, however it is stored
    traits: list[str]  # what else is special about the file


def decode(file: BinaryIO, size: int, channels: int) -> NDArray[np.uint8]:
    """Return a PNG or JPEG picture as (channels, size, size), 0 to 255.

    EXIF orientation is applied, transparency is laid over white, 16-bit grey is scaled to 8 bits,
    and an animation gives its first frame. Raises `Unreadable`.
    """
    with _opened(file) as image:
        return fit(_flatten(ImageOps.exif_transpose(image)), size, channels)


def describe_picture(file: BinaryIO) -> PictureInfo:
    """Return what kind of picture a file holds; raises `Unreadable` whenever `decode` does."""
    with _opened(file) as image:
        is_16_bit = ";16" in str(getattr(image, "tile", ""))  # the mode does not say it
        upright = ImageOps.exif_transpose(image)
        pixels = fit(_flatten(upright), COLOUR_SIDE, 3).astype(np.int16)
        coloured = bool(np.ptp(pixels, axis=0).max() >= MIN_COLOUR)
        traits = {
            "grey stored as colour": not coloured and image.mode in ("RGB", "RGBA", "CMYK"),
            "with transparency": _is_transparent(image),
            "with a palette": image.mode == "P",
            "CMYK": image.mode == "CMYK",
            "16 bits": is_16_bit,
            "animated": image.format == "PNG" and bool(getattr(image, "is_animated", False)),
            "turned by EXIF": image.getexif().get(ORIENTATION, 1) != 1,
        }
        found = [trait for trait, present in traits.items() if present]
        return PictureInfo(upright.width, upright.height, coloured, found)


def fit(image: Image.Image, size: int, channels: int) -> NDArray[np.uint8]:
    """Return the centre square of a picture as (channels, size, size), 0 to 255.

    Scaled with Pillow's bilinear filter, like torchvision's Resize. Colour becomes luma for one
    channel; grey is repeated for three.
    """
    image = image.convert("L" if channels == 1 else "RGB")
    image = ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR)
    pixels = np.asarray(image).reshape(size, size, channels)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def fit_all(images: NDArray[np.uint8], size: int, channels: int) -> NDArray[np.uint8]:
    """Apply `fit` to grey images (N, H, W); return a writeable (N, channels, size, size).

    Images that already fit are returned as a view: copying MNIST takes 0.1 s.
    """
    count, height, width = images.shape
    if (height, width) == (size, size):
        grey = (images if images.flags.writeable else images.copy())[:, None]
    else:
        grey = np.empty((count, 1, size, size), np.uint8)
        for index, image in enumerate(images):
            grey[index] = fit(Image.fromarray(image), size, channels=1)
    return grey if channels == 1 else np.repeat(grey, channels, axis=1)


@contextmanager
def _opened(file: BinaryIO) -> Iterator[Image.Image]:
    """Open a PNG or JPEG; errors of Pillow inside the block become `Unreadable` too."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=("PNG", "JPEG")) as image:
                yield image
    except UnidentifiedImageError as error:
        file.seek(0)
        start = file.read(8)
        damaged = "truncated or damaged" if start.startswith(SIGNATURES) else "not a PNG or JPEG"
        raise Unreadable(damaged if start else "the file is empty") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        limit = f"more than {Image.MAX_IMAGE_PIXELS:,} pixels"
        raise Unreadable(f"{limit}, Pillow's limit against decompression bombs") from error
    # Pillow has no error class for damaged files; its PNG and JPEG parsers raise these.
    except (OSError, EOFError, SyntaxError, ValueError, struct.error) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise Unreadable(explain(error)) from error
        is_truncated = "truncated" in str(error).lower()
        raise Unreadable("truncated" if is_truncated else f"damaged: {error}") from error


def _is_transparent(image: Image.Image) -> bool:
    """Tell whether any pixel is transparent, not only whether the mode allows it."""
    if not image.has_transparency_data or image.mode.startswith("I"):
        return image.has_transparency_data
    lowest, _ = image.convert("RGBA").getchannel("A").getextrema()
    return lowest != 255


def _flatten(image: Image.Image) -> Image.Image:
    """Return the picture with 8 bits per channel and without transparency."""
    if image.mode.startswith("I"):  # 16-bit grey: "I;16", or "I" in older versions of Pillow
        levels = np.asarray(image).astype(np.uint32)
        if "transparency" in image.info:  # the grey level that is transparent
            levels[levels == image.info["transparency"]] = 65535
        return Image.fromarray(((levels + 128) // 257).astype(np.uint8))
    if image.has_transparency_data:
        picture = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return image
