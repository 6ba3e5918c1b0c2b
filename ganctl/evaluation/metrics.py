"""Measures of generated images: distances, scores and shares, as the papers define them.

Features (N, D) and probabilities (N, K) are those of the classifier, and N is at least 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganctl.errors import BadInput
from ganctl.images import Pixels
from ganctl.text import counted

Reals = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]

ROWS = 128  # rows of a distance matrix computed at once: 10 MB for 10,000 columns, fits a cache
BLOCK = 512  # training images compared with all images at once: 20 MB for 10,000 images
ROUNDING = 1e-12  # error of a squared distance, relative to the points' largest squared length

# The metrics of a monitored training: key -> (name, format, meaning).
MONITORED = {
    "frechet_distance": (
        "Fréchet distance",
        "{:.2f}",
        "of 2,000 images from the training images; 0 is best",
    ),
    "confidence": ("confidence", "{:.3f}", "of the classifier, on average; 1 is best"),
    "smallest_share": ("rarest class", "{:.1%}", "of the images, as classified"),
    "drawn_as_asked": ("drawn as asked", "{:.2%}", "of the images show the requested class"),
}


def caveat(class_names: Sequence[str]) -> str:
    """Return a warning about metrics of images of these classes; "" if the classes are digits."""
    if class_names and set(class_names) <= set("0123456789"):
        return ""
    return "the classifier knows handwritten digits only: trust only the trend of the metrics"


def moments(features: Reals) -> tuple[Doubles, Doubles]:
    """Return the mean (D,) and the unbiased covariance (D, D) of features (N, D).

    Raises:
        BadInput: there are fewer than two rows.
    """
    _need(features, 2, "a covariance")
    mean: Doubles = features.mean(axis=0, dtype=np.float64)
    centred = features - mean
    covariance: Doubles = centred.T @ centred / (len(features) - 1)
    return mean, covariance


def frechet_distance(
    mean_a: Reals, covariance_a: Reals, mean_b: Reals, covariance_b: Reals
) -> float:
    """Return the Fréchet distance of two Gaussians, squared as is the custom; 0 or more.

    |m_a - m_b|² + tr(A + B - 2 (A B)^½), with means (D,) and covariances (D, D); Heusel et al.
    2017, "GANs trained by a two time-scale update rule", eq. 6. The last trace is the sum of the
    singular values of A^½ B^½, which stays accurate where a feature does not vary.
    """
    difference = np.subtract(mean_a, mean_b, dtype=np.float64)
    roots = _root(covariance_a) @ _root(covariance_b)
    shared = np.linalg.svd(roots, compute_uv=False).sum()
    spread = np.trace(covariance_a, dtype=np.float64) + np.trace(covariance_b, dtype=np.float64)
    return max(float(difference @ difference + spread - 2 * shared), 0.0)


def _root(covariance: Reals) -> Doubles:
    """Return the symmetric square root of a covariance (D, D)."""
    values, vectors = np.linalg.eigh(covariance.astype(np.float64))
    root: Doubles = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    return root


def kernel_distance(
    features: Reals, reference: Reals, subsets: int = 100, subset_size: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Return the kernel distance of features (N, D) from the reference (M, D), and its error.

    The unbiased squared maximum mean discrepancy under the kernel (x·y / D + 1)³; Bińkowski et al.
    2018, "Demystifying MMD GANs", sec. 4: its mean over random subsets and the standard error of
    that mean. It may be slightly negative for equal distributions. The subsets are at most as large
    as the smaller set, which must have two rows.
    """
    size = min(subset_size, len(features), len(reference))
    random = np.random.default_rng(seed)
    distances = []
    for _ in range(subsets):
        x, y = (
            rows[random.choice(len(rows), size, replace=False)].astype(np.float64)
            for rows in (features, reference)
        )
        own = sum(kernel.sum() - np.trace(kernel) for kernel in (_kernel(x, x), _kernel(y, y)))
        distances.append(own / (size * (size - 1)) - 2 * _kernel(x, y).mean())  # Gretton 2012, eq 3
    error = np.std(distances, ddof=1) / np.sqrt(subsets) if subsets > 1 else 0.0
    return float(np.mean(distances)), float(error)


def _kernel(x: Doubles, y: Doubles) -> Doubles:
    """Return the kernel (n, n) of every row of x with every row of y."""
    kernel: Doubles = x @ y.T
    kernel /= x.shape[1]
    kernel += 1
    return kernel * kernel * kernel  # much faster than ** 3


def inception_score(probabilities: Reals) -> float:
    """Return exp(E KL(p(y|x) ‖ p(y))) of probabilities (N, K): 1 … K, over all rows at once.

    Salimans et al. 2016, "Improved techniques for training GANs", sec. 4, with the classifier in
    place of the Inception network.
    """
    p = probabilities.astype(np.float64)
    tiny = np.finfo(np.float64).tiny  # p log p is 0 where p is 0
    divergence = p * (np.log(p.clip(min=tiny)) - np.log(p.mean(axis=0).clip(min=tiny)))
    return float(np.exp(divergence.sum(axis=1).mean()))


class Manifold(NamedTuple):
    """How generated and real images lie among each other."""

    precision: float  # share of generated images within the real images' balls
    recall: float  # share of real images within the generated images' balls
    density: float  # real balls around a generated image, divided by k; may be above 1
    coverage: float  # share of real images with a generated image in their ball


def manifold(features: Reals, reference: Reals, k: int = 3, density_k: int = 5) -> Manifold:
    """Return precision, recall, density and coverage of features (N, D) against real ones (M, D).

    A ball around a point reaches to its k-th nearest neighbour of its own set, not counting itself,
    and includes its edge. Precision and recall: Kynkäänniemi et al. 2019, "Improved precision and
    recall metric for assessing generative models", eq. 1 and 2, whose k is 3. Density and coverage:
    Naeem et al. 2020, "Reliable fidelity and diversity metrics for generative models", eq. 4 and 5,
    whose k is 5. The values depend on N and M: compare them only at equal numbers.

    Raises:
        BadInput: a set has no more than k points.
    """
    most = max(k, density_k)
    _need(features, k + 1, f"the {k} nearest neighbours")
    _need(reference, most + 1, f"the {most} nearest neighbours")
    centre = reference.mean(axis=0, dtype=np.float64)  # shorter vectors lose less to rounding
    fake, real = features - centre, reference - centre
    # Without slack, rounding could exclude a ball's edge, or an exact copy of its centre.
    slack = ROUNDING * max(np.square(points).sum(axis=1).max() for points in (fake, real))
    fake_radius = _radii(fake, k)[:, k - 1] + slack
    real_radii = _radii(real, most) + slack
    real_radius, density_radius = real_radii[:, k - 1], real_radii[:, density_k - 1]
    precise, balls = 0, 0
    recalled, covered = np.zeros(len(real), bool), np.zeros(len(real), bool)
    for start, squared in _squared_distances(fake, real):
        precise += int((squared <= real_radius).any(axis=1).sum())
        within = squared <= density_radius
        balls += int(within.sum())
        covered |= within.any(axis=0)
        recalled |= (squared <= fake_radius[start : start + len(squared), None]).any(axis=0)
    return Manifold(
        precision=precise / len(fake),
        recall=float(recalled.mean()),
        density=balls / (density_k * len(fake)),
        coverage=float(covered.mean()),
    )


def _radii(points: Doubles, k: int) -> Doubles:
    """Return the squared distances (N, k) of each point to its k nearest others, ascending."""
    radii = np.empty((len(points), k))
    for start, squared in _squared_distances(points, points):
        rows = np.arange(len(squared))
        squared[rows, start + rows] = np.inf
        squared.partition(k - 1, axis=1)
        radii[start : start + len(squared)] = np.sort(squared[:, :k], axis=1)
    return radii


def _squared_distances(x: Doubles, y: Doubles) -> Iterator[tuple[int, Doubles]]:
    """Yield the squared distances of `ROWS` rows of x to all of y, with the first row's index."""
    factors = -2 * y.T
    lengths = np.square(y).sum(axis=1)
    for start in range(0, len(x), ROWS):
        rows = x[start : start + ROWS]
        squared = rows @ factors
        squared += lengths
        squared += np.square(rows).sum(axis=1)[:, None]
        yield start, squared


@dataclass(frozen=True)
class Authenticity:
    """How original images are."""

    share: float  # 0 … 1, of the images that are not copies
    ratio: Doubles  # (N,), below 1: closer to its training image than any other training image is
    index: Indices  # (N,), of the nearest training image


def authenticity(images: Pixels, training: Pixels) -> Authenticity:
    """Return how many of the images (N, …) do not copy one of the training images (M, …).

    An image is authentic if it is farther from its nearest training image than that one is from its
    own nearest other training image; Alaa et al. 2022, "How faithful is your synthetic data?", sec.
    4.3. The ratio of the two distances is above 1 then; the ratio of an exact copy is 0. Distances
    are those of the pixels, 0 … 255. M must be at least 2.
    """
    distance, index = nearest(images, training)
    copied, place = np.unique(index, return_inverse=True)  # only these training images matter
    spacing = nearest(training[copied], training, exclude=copied)[0][place]
    ratio = np.where(distance > 0, np.inf, 0.0)  # where the training image occurs twice
    np.divide(distance, spacing, out=ratio, where=spacing > 0)
    return Authenticity(float((distance > spacing).mean()), ratio, index)


def nearest(
    images: Pixels, training: Pixels, exclude: Indices | None = None
) -> tuple[Doubles, Indices]:
    """Return each image's distance to its nearest training image, and that one's index: both (N,).

    Image i is not compared with training image ``exclude[i]``. The search uses float32: of two
    training images that are equally near to within a millionth of the images' squared lengths,
    either may be found. The distance is computed from integers.
    """
    rows = images.reshape(len(images), -1).astype(np.float32)
    best = np.full(len(images), np.inf, np.float32)
    index = np.zeros(len(images), np.int64)
    for start in range(0, len(training), BLOCK):
        block = training[start : start + BLOCK].reshape(-1, rows.shape[1]).astype(np.float32)
        score = rows @ (-2 * block.T)  # |y|² - 2 x·y orders training images y as |x - y|² does
        score += np.square(block).sum(axis=1)
        if exclude is not None:
            (row,) = np.nonzero((exclude >= start) & (exclude < start + len(block)))
            score[row, exclude[row] - start] = np.inf
        found = score.argmin(axis=1)
        lowest = score[np.arange(len(rows)), found]
        closer = lowest < best
        best[closer], index[closer] = lowest[closer], start + found[closer]
    difference = images.astype(np.int32) - training[index]
    squared = np.square(difference).reshape(len(images), -1).sum(axis=1, dtype=np.int64)
    return np.sqrt(squared), index


def class_shares(probabilities: Reals) -> tuple[float, ...]:
    """Return the share of each class among the likeliest ones of probabilities (N, K)."""
    counts = np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1])
    return tuple((counts / len(probabilities)).tolist())


def distance_from_uniform(shares: tuple[float, ...]) -> float:
    """Return the total variation distance of K shares from equal ones: 0 … 1 - 1/K."""
    return float(np.abs(np.subtract(shares, 1 / len(shares))).sum() / 2)


def _need(rows: Reals, count: int, purpose: str) -> None:
    if len(rows) < count:
        raise BadInput(
            f"cannot compute {purpose} of {counted(len(rows), 'image')}: "
            f"at least {count} are needed",
            "use more images",
        )
