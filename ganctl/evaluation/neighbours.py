"""Which training image a sample is nearest to, and whether it copies it.

In pixel space, the root of the summed squared differences of grey levels 0 … 255: a copied image is
the same pixels, whatever a judge makes of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganctl.errors import BadInput
from ganctl.images import Pixels
from ganctl.text import counted

Singles = NDArray[np.float32]
Indices = NDArray[np.int64]
Doubles = NDArray[np.float64]

ROWS = 1024
"""Images of either side compared at once: their distances take 4 MB."""


@dataclass(frozen=True)
class Authenticity:
    """How original samples are. Sort ``ratio`` to find the most suspicious ones: the smallest."""

    share: float  # 0 … 1, samples that are no copy
    ratio: Doubles  # (N,), of a sample: below 1 it is closer to its image than any other image is
    index: Indices  # (N,), of its nearest training image


def nearest(images: Pixels, training: Pixels) -> tuple[Doubles, Indices]:
    """Return the distance (N,) of each image to its nearest training image, and which that is (N,).

    The search is done in float32: of two training images that are equally near to within a
    millionth of the images' squared lengths, either may be found. The distance to it is computed
    from whole numbers: 0 is a copy.

    Args:
        images: (N, …), 0 … 255.
        training: (M, …), of the same shape.

    Raises:
        BadInput: there is no training image, or the shapes differ.
    """
    return _nearest(images, training, None)


def authenticity(images: Pixels, training: Pixels) -> Authenticity:
    """Return how many samples are no copies of training images, and how close each one comes.

    A sample is authentic when it is farther from its nearest training image than that image is from
    its own nearest other one; Alaa et al. 2022, "How faithful is your synthetic data?", sec. 4.3.
    The ratio of the two distances is above 1 then; an exact copy's is 0.

    Args:
        images: (N, …), 0 … 255.
        training: (M, …), of the same shape.

    Raises:
        BadInput: there is no sample or only one training image, or the shapes differ.
    """
    if not len(images) or len(training) < 2:
        raise BadInput(
            f"copies cannot be sought among {counted(len(images), 'sample')} and "
            f"{counted(len(training), 'training image')}: it takes at least 1 and 2",
            "use more images",
        )
    distance, index = nearest(images, training)
    copied, place = np.unique(index, return_inverse=True)  # only these training images matter
    spacing, _ = _nearest(training[copied], training, own=copied)
    spacing = spacing[place]
    ratio = np.where(distance > 0, np.inf, 0.0)  # where a training image stands there twice
    np.divide(distance, spacing, out=ratio, where=spacing > 0)
    return Authenticity(float((distance > spacing).mean()), ratio, index)


def _nearest(images: Pixels, training: Pixels, own: Indices | None) -> tuple[Doubles, Indices]:
    """Search as `nearest` does, leaving out each image's ``own`` place (N,) in ``training``."""
    if not len(training) or images.shape[1:] != training.shape[1:]:
        raise BadInput(
            f"images of {images.shape[1:]} cannot be sought among {len(training)} training images "
            f"of {training.shape[1:]}",
            "use training images of the samples' shape",
        )
    best: Singles = np.full(len(images), np.inf, np.float32)
    index = np.zeros(len(images), np.int64)
    for first, known in _blocks(training):
        turned = -2 * known.T
        lengths = np.square(known).sum(axis=1)
        for start, rows in _blocks(images):
            # |y|² - 2 x·y orders the training images y as |x - y|² does.
            score = rows @ turned
            score += lengths
            part = slice(start, start + len(rows))
            if own is not None:
                place = own[part] - first
                (inside,) = np.nonzero((place >= 0) & (place < len(known)))
                score[inside, place[inside]] = np.inf
            found = score.argmin(axis=1)
            lowest = score[np.arange(len(rows)), found]
            closer = lowest < best[part]
            best[part][closer] = lowest[closer]
            index[part][closer] = first + found[closer]
    return _distances(images, training[index]), index


def _blocks(images: Pixels) -> Iterator[tuple[int, Singles]]:
    """Yield `ROWS` images (n, D) at a time, after the first one's number."""
    for start in range(0, len(images), ROWS):
        block = images[start : start + ROWS]
        yield start, block.reshape(len(block), -1).astype(np.float32)


def _distances(images: Pixels, others: Pixels) -> Doubles:
    """Return the distance (N,) of each image to the other at its place, from whole numbers."""
    distance = np.empty(len(images))
    for start in range(0, len(images), ROWS):
        part = slice(start, start + ROWS)
        difference = images[part].astype(np.int64) - others[part]
        squared = np.square(difference).reshape(len(difference), -1).sum(axis=1)
        distance[part] = np.sqrt(squared)
    return distance
