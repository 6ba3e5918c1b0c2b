"""Checks for failing training, from statistics that cost next to nothing. Needs no torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ganctl.images import Pixels

# A discriminator whose mean outputs over an epoch are this close to the targets has won.
CERTAIN = 0.02
# Share of the data's variety below which the generator has collapsed: healthy generators have 0.87
# to 1.05; one that draws three digits, each always in one way, has 0.03 (`variety` of 64 images).
ALIKE = 0.25
WARM_UP = 2000  # steps before which low variety means nothing: every generator begins with it
SAME = 1.0  # grey levels by which a dead generator's images differ at most, on average
SIDE = 32  # larger images are subsampled to about this side
COMPARED = 64  # images that are compared with each other


def discriminator_saturated(d_real: float, d_fake: float) -> str:
    """Return a warning if the discriminator has won, else "".

    Args:
        d_real: mean D(x) over an epoch.
        d_fake: mean D(G(z)).
    """
    if d_real < 1 - CERTAIN or d_fake > CERTAIN:
        return ""
    return (
        f"the discriminator recognises all images (D(x) {d_real:.2f}, D(G(z)) {d_fake:.2f}): the "
        "generator learns little from it; try a lower --lr"
    )


def mode_collapse(drawn: Pixels, real: Pixels, steps: int) -> str:
    """Return a warning if a generator draws too few different images, else "".

    Data without variety is no reason for one.

    Args:
        drawn: (N, C, H, W), of one class, or of all as in the data.
        real: (M, C, H, W), of the data.
        steps: that the generator has been trained for.
    """
    if steps < WARM_UP or spread(real) < SAME:
        return ""
    if spread(drawn) < SAME:
        return (
            "the generator is dead: it draws the same image from all latents; start again with a "
            "lower --lr or another --seed"
        )
    expected = variety(real)
    if not expected or variety(drawn) > ALIKE * expected:
        return ""
    return (
        f"mode collapse: the images have {variety(drawn) / expected:.0%} of the data's variety; "
        "start again with a lower --lr, another --seed or --recipe default"
    )


def spread(images: Pixels) -> float:
    """Return the standard deviation of a pixel over images (N, C, H, W), averaged over pixels."""
    return float(_rows(images).std(axis=0).mean())


def variety(images: Pixels) -> float:
    """Return the median distance of an image from the most similar other one, in grey levels.

    It is the Euclidean distance over all pixels, among the first `COMPARED` of (N, C, H, W).
    """
    rows = _rows(images[:COMPARED])
    squares = (rows**2).sum(axis=1)
    distances = squares[:, None] + squares - 2 * rows @ rows.T
    np.fill_diagonal(distances, np.inf)
    return float(np.sqrt(np.maximum(np.median(distances.min(axis=1)), 0)))


def _rows(images: Pixels) -> NDArray[np.float64]:
    """Return images (N, C, H, W) as (N, pixels), subsampled to a side of about `SIDE`."""
    apart = max(1, images.shape[2] // SIDE)
    thin = images[:, :, ::apart, ::apart]
    return thin.reshape(len(thin), -1).astype(np.float64)
