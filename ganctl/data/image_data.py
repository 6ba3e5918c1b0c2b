"""What a data set is once it is in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DIGIT_NAMES = tuple("0123456789")
"""Class names of every set of digits."""


@dataclass(frozen=True)
class ImageData:
    """A whole data set at its final size."""

    name: str
    """The known name, or the base name of the folder or zip; never a path."""
    images: NDArray[np.uint8]
    """(N, C, H, W), 0 … 255."""
    labels: NDArray[np.int64] | None
    """(N,), an index into ``class_names``; None when unlabelled."""
    class_names: tuple[str, ...]
    """Empty when unlabelled."""
    fingerprint: str
    """SHA-256 of shape, pixels and labels, in hex."""
    note: str = ""
    """What whoever receives the model must know of its data."""

    @property
    def class_shares(self) -> tuple[float, ...]:
        """Return how often each class occurs; the shares sum to 1. Empty when unlabelled."""
        if self.labels is None:
            return ()
        counts = np.bincount(self.labels, minlength=len(self.class_names))
        return tuple((counts / counts.sum()).tolist())


class GreyImages(NamedTuple):
    """A labelled grey data set at its own size, as its files hold it."""

    images: NDArray[np.uint8]
    """(N, H, W), 0 … 255."""
    labels: NDArray[np.int64]
    """(N,), an index into ``class_names``."""
    class_names: tuple[str, ...]


def fingerprint(images: NDArray[np.uint8], labels: NDArray[np.int64] | None) -> str:
    """Return the SHA-256, in hex, of the shape, the pixels and, where there are any, the labels.

    Args:
        images: (N, C, H, W).
        labels: (N,) or None.
    """
    digest = hashlib.sha256(repr(images.shape).encode())
    digest.update(np.ascontiguousarray(images).data)
    if labels is not None:
        digest.update(labels.astype("<i8").tobytes())
    return digest.hexdigest()
