"""Images in memory: MNIST and its relatives, folders and zips, the embedded digits.

``load_data`` is the way in; what it returns is one uint8 array with its labels and fingerprint.
"""

from ganctl.data.image_data import ImageData
from ganctl.data.load import load_data
from ganctl.data.transforms import normalise

__all__ = ["ImageData", "load_data", "normalise"]
