"""Images in memory: MNIST and its relatives, folders and zips, the embedded digits.

``load_data`` is the way in; what it returns is one uint8 array with its labels and fingerprint.
"""

from ganctl.data.image_data import ImageData
from ganctl.data.load import load_data

__all__ = ["ImageData", "load_data"]
