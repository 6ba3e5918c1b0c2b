"""What an evaluation finds: one row of figures a set of images, and what there is to look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganctl.images import Pixels


@dataclass(frozen=True)
class Figures:
    """One row of the table: so many images, measured against the same reference."""

    samples: int
    frechet_distance: float  # 0 or more, lower is better
    kernel_distance: float  # about 0 or more, lower is better; slightly negative by chance
    kernel_distance_error: float  # its standard error over the subsets
    inception_score: float  # 1 … classes, higher is better
    precision: float  # 0 … 1, higher is better
    recall: float  # 0 … 1, higher is better
    density: float  # 0 or more, about 1 for real images
    coverage: float  # 0 … 1, higher is better
    authenticity: float  # 0 … 1, the share that copies no training image
    class_shares: tuple[float, ...]  # a class, adding up to 1
    distance_from_uniform: float  # 0 … 1, of the class shares
    confidence: float  # 0 … 1, mean of the judge's largest probability
    drawn_as_asked: float | None  # 0 … 1; None when the generator is not conditional


@dataclass(frozen=True)
class Pair:
    """A suspicious sample beside the training image that is nearest to it."""

    index: int  # of the sample
    image: Pixels  # (C, H, W)
    neighbour: Pixels  # (C, H, W)
    ratio: float  # below 1: closer than that training image is to any other


@dataclass(frozen=True)
class Evaluation:
    """All that a report shows."""

    target: str  # what was evaluated
    reference: str  # such as "MNIST, 60,000 training digits"
    figures: Figures
    real: Figures  # of real images that are not in the reference
    real_name: str  # such as "10,000 MNIST test digits"
    images: Pixels  # (n, C, H, W), the first samples
    labels: NDArray[np.int64]  # (n,), what the judge sees in them
    pairs: tuple[Pair, ...]  # most suspicious first
    notes: tuple[str, ...]  # what the reader must know
    class_names: tuple[str, ...]
