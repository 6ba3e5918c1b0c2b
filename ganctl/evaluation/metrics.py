"""How far samples are from real images: distances, scores and shares, by the papers' definitions.

Features are what the judge computes of images, (N, D); probabilities are what it makes of them,
(N, K). Everything is computed in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganctl.errors import BadInput
from ganctl.text import counted

Reals = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]

ROWS = 128
"""Rows of a distance matrix held at once: 10 MB beside 10,000 columns, which a cache holds."""

ROUNDING = 1e-12
"""What a squared distance may be off by, as a part of the points' largest squared length."""


def moments(features: Reals) -> tuple[Doubles, Doubles]:
    """Return the mean (D,) and the unbiased covariance (D, D) of features (N, D), as `np.cov`.

    Raises:
        BadInput: there are fewer than two.
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

    |m_a - m_b|² + tr(A + B - 2 (A B)^½); Heusel et al. 2017, "GANs trained by a two time-scale
    update rule", eq. 6. The last trace is the sum of the singular values of A^½ B^½, which needs no
    root of a matrix that is not symmetric and stays accurate where a feature does not vary.

    Args:
        mean_a: (D,).
        covariance_a: (D, D).
        mean_b: (D,).
        covariance_b: (D, D).
    """
    between = np.subtract(mean_a, mean_b, dtype=np.float64)
    roots = _root(covariance_a) @ _root(covariance_b)
    shared = np.linalg.svd(roots, compute_uv=False).sum()
    spread = np.trace(covariance_a, dtype=np.float64) + np.trace(covariance_b, dtype=np.float64)
    return max(float(between @ between + spread - 2 * shared), 0.0)


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
    that mean. Near 0 for equal distributions, where it may be negative. A set smaller than
    ``subset_size`` makes the subsets as large as itself: the mean stays unbiased.

    Raises:
        BadInput: there are fewer than two of either.
    """
    _need(features, 2, "the kernel distance")
    _need(reference, 2, "the kernel distance")
    size = min(subset_size, len(features), len(reference))
    random = np.random.default_rng(seed)
    distances = [
        _mmd(
            features[random.choice(len(features), size, replace=False)].astype(np.float64),
            reference[random.choice(len(reference), size, replace=False)].astype(np.float64),
        )
        for _ in range(subsets)
    ]
    error = np.std(distances, ddof=1) / np.sqrt(subsets) if subsets > 1 else 0.0
    return float(np.mean(distances)), float(error)


def _mmd(x: Doubles, y: Doubles) -> float:
    """Return the unbiased MMD² of x and y, both (n, D); Gretton et al. 2012, eq. 3."""
    n = len(x)
    own = (_kernel(x, x), _kernel(y, y))
    within = sum(kernel.sum() - np.trace(kernel) for kernel in own)
    return float(within / (n * (n - 1)) - 2 * _kernel(x, y).mean())


def _kernel(x: Doubles, y: Doubles) -> Doubles:
    """Return the kernel (n, n) of every row of x with every row of y."""
    kernel = x @ y.T
    kernel /= x.shape[1]
    kernel += 1
    cubes: Doubles = kernel * kernel  # ** 3 would take most of the time
    cubes *= kernel
    return cubes


def inception_score(probabilities: Reals) -> float:
    """Return exp(E KL(p(y|x) ‖ p(y))) of probabilities (N, K): 1 … K, over all of them at once.

    Salimans et al. 2016, "Improved techniques for training GANs", sec. 4, with the judge in place
    of the Inception network.

    Raises:
        BadInput: there are none.
    """
    _need(probabilities, 1, "the inception score")
    p = probabilities.astype(np.float64)
    tiny = np.finfo(np.float64).tiny  # p log p is 0 where p is
    divergence = p * (np.log(p.clip(min=tiny)) - np.log(p.mean(axis=0).clip(min=tiny)))
    return float(np.exp(divergence.sum(axis=1).mean()))


@dataclass(frozen=True)
class Manifold:
    """How samples and real images lie among each other."""

    precision: float  # share of samples within the real images' balls
    recall: float  # share of real images within the samples' balls
    density: float  # real balls around a sample, over k; may be above 1
    coverage: float  # share of real images with a sample in their ball


def manifold_figures(features: Reals, reference: Reals, k: int = 3, density_k: int = 5) -> Manifold:
    """Return precision, recall, density and coverage of features (N, D) against real ones (M, D).

    A ball around a point reaches to its k-th nearest neighbour of its own set, not counting itself,
    and holds its edge. Precision and recall: Kynkäänniemi et al. 2019, "Improved precision and
    recall metric for assessing generative models", eq. 1 and 2, whose k is 3. Density and coverage:
    Naeem et al. 2020, "Reliable fidelity and diversity metrics for generative models", eq. 4 and 5,
    whose k is 5. The figures depend on N and M: compare them only at the same numbers.

    Raises:
        BadInput: there are not more than k points in a set.
    """
    _need(features, k + 1, f"the {k} nearest neighbours")
    _need(reference, max(k, density_k) + 1, f"the {max(k, density_k)} nearest neighbours")
    centre = reference.mean(axis=0, dtype=np.float64)  # shorter vectors: less is lost to rounding
    fake, real = features - centre, reference - centre
    # The edge belongs to the ball, and copies lie at no distance: neither may hang on rounding.
    slack = ROUNDING * max(np.square(points).sum(axis=1).max() for points in (fake, real))
    fake_radius = _radii(fake, k)[:, k - 1] + slack
    real_radii = _radii(real, max(k, density_k)) + slack
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
    """Yield the squared distances of `ROWS` rows of x to all of y, after the first one's number."""
    turned = -2 * y.T
    lengths = np.square(y).sum(axis=1)
    for start in range(0, len(x), ROWS):
        rows = x[start : start + ROWS]
        squared = rows @ turned
        squared += lengths
        squared += np.square(rows).sum(axis=1)[:, None]
        yield start, squared


def class_shares(probabilities: Reals) -> tuple[float, ...]:
    """Return the share of each class among the likeliest ones of probabilities (N, K).

    Raises:
        BadInput: there are none.
    """
    _need(probabilities, 1, "the shares of the classes")
    counts = np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1])
    return tuple((counts / len(probabilities)).tolist())


def distance_from_uniform(shares: tuple[float, ...]) -> float:
    """Return the total variation distance of shares from equal ones.

    0 when all classes are as frequent, 1 - 1/K when all images are of one of K classes.
    """
    return float(np.abs(np.subtract(shares, 1 / len(shares))).sum() / 2)


def _need(rows: Reals, count: int, purpose: str) -> None:
    if len(rows) < count:
        raise BadInput(
            f"{purpose} cannot be computed of {counted(len(rows), 'image')}: "
            f"it takes at least {count}",
            "use more images",
        )
