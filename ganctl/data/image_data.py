"""Data sets in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DIGIT_NAMES = tuple("0123456789")  # class names of every data set of digits


@dataclass(frozen=True)
class ImageData:
    """A data set, scaled to the size that it is used at."""

    name: str  # of a known data set, or the base name of the folder or zip; never a path
    images: NDArray[np.uint8]  # (N, C, H, W), 0 to 255
    labels: NDArray[np.int64] | None  # (N,), indices into class_names; None if unlabelled
    class_names: tuple[str, ...]  # empty if unlabelled
    fingerprint: str  # SHA-256 of shape, pixels and labels, in hexadecimal
    note: str = ""  # what users of a model trained on it should know

    @property
    def class_shares(self) -> tuple[float, ...]:
        """Return how often each class occurs; the shares sum to 1. Empty when unlabelled."""
        if self.labels is None:
            return ()
        counts = np.bincount(self.labels, minlength=len(self.class_names))
        return tuple((counts / counts.sum()).tolist())


class GreyImages(NamedTuple):
    """A labelled greyscale data set at its original size."""

    images: NDArray[np.uint8]  # (N, H, W), 0 to 255
    labels: NDArray[np.int64]  # (N,), indices into class_names
    class_names: tuple[str, ...]


def fingerprint(images: NDArray[np.uint8], labels: NDArray[np.int64] | None) -> str:
    """Return the SHA-256, in hexadecimal, of the shape, pixels (N, C, H, W) and labels (N,)."""
    digest = hashlib.sha256(repr(images.shape).encode())
    digest.update(np.ascontiguousarray(images).data)
    if labels is not None:
        digest.update(labels.astype("<i8").tobytes())
    return digest.hexdigest()
