"""Images in memory: MNIST and similar sets, folders and zips of pictures, the embedded digits.

`load_data` is the entry point. It returns one uint8 array with its labels and fingerprint.
"""

from ganctl.data.image_data import ImageData
from ganctl.data.load import load_data

__all__ = ["ImageData", "load_data"]
