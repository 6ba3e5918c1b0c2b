"""Pictures of any size and mode to uint8 arrays of one size and number of channels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps


def fit(image: Image.Image, size: int, channels: int) -> NDArray[np.uint8]:
    """Return the picture's centre square as (channels, size, size), 0 … 255.

    The scaling is Pillow's bilinear filter, as in torchvision's Resize; colours become luma where
    one channel is wanted, and grey is repeated where three are.
    """
    image = image.convert("L" if channels == 1 else "RGB")
    image = ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR)
    pixels = np.asarray(image).reshape(size, size, channels)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def fit_all(images: NDArray[np.uint8], size: int, channels: int) -> NDArray[np.uint8]:
    """Return grey images (N, H, W) as (N, channels, size, size), each as `fit` does, writeable.

    Where there is nothing to do it is a view: a copy of MNIST would take a tenth of a second.
    """
    count, height, width = images.shape
    if (height, width) == (size, size):
        grey = (images if images.flags.writeable else images.copy())[:, None]
    else:
        grey = np.empty((count, 1, size, size), np.uint8)
        for index, image in enumerate(images):
            grey[index] = fit(Image.fromarray(image), size, channels=1)
    return grey if channels == 1 else np.repeat(grey, channels, axis=1)
