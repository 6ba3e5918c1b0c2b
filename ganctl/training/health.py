"""Signs that a training is sick, from statistics that cost next to nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ganctl.images import Pixels

CERTAIN = 0.02
"""A discriminator whose mean outputs over an epoch are so close to the truths has won."""

ALIKE = 0.25
"""Of the data's variety, what tells collapse: healthy generators have 0.87 to 1.05, one that draws
three digits, each always in one way, has 0.03 (`variety` of 64 images)."""

LEARNT = 2000
"""Steps before which few pictures are no sign: every generator begins with them."""

SAME = 1.0
"""Grey levels that a dead generator's pictures differ by at the most, on average."""

SIDE = 32
"""Pixels of a row that are looked at, of larger images."""

COMPARED = 64
"""Images that are compared with each other, of the generator's and of the data's."""


def saturation(d_real: float, d_fake: float) -> str:
    """Return what is to be said where the discriminator has won, else "".

    Args:
        d_real: mean D(x) over an epoch.
        d_fake: mean D(G(z)).
    """
    if d_real < 1 - CERTAIN or d_fake > CERTAIN:
        return ""
    return (
        f"the discriminator tells all images apart (D(x) {d_real:.2f}, D(G(z)) {d_fake:.2f}): "
        f"the generator learns little from it; try a lower --lr"
    )


def monotony(drawn: Pixels, real: Pixels, steps: int) -> str:
    """Return what is to be said where a generator draws too few pictures, else "".

    Data that is one picture over and over is learnt well by a generator that draws it.

    Args:
        drawn: (N, C, H, W), one class or all as the data has them.
        real: (M, C, H, W), of the data.
        steps: that the generator has learnt for.
    """
    if steps < LEARNT or spread(real) < SAME:
        return ""
    if spread(drawn) < SAME:
        return (
            "the generator is dead: it draws one picture from all latents; begin again with a "
            "lower --lr or another --seed"
        )
    expected = variety(real)
    if not expected or variety(drawn) > ALIKE * expected:
        return ""
    return (
        f"mode collapse: the pictures have {variety(drawn) / expected:.0%} of the data's variety; "
        f"begin again with a lower --lr, another --seed or "
        f"--recipe default"
    )


def spread(images: Pixels) -> float:
    """Return the standard deviation of a pixel over images (N, C, H, W), the mean of all pixels."""
    return float(_rows(images).std(axis=0).mean())


def variety(images: Pixels) -> float:
    """Return how far an image is from the one that is most like it: the median, in grey levels.

    It is the Euclidean distance over all pixels, among the first `COMPARED` of (N, C, H, W).
    """
    rows = _rows(images[:COMPARED])
    squares = (rows**2).sum(axis=1)
    distances = squares[:, None] + squares - 2 * rows @ rows.T
    np.fill_diagonal(distances, np.inf)
    return float(np.sqrt(np.maximum(np.median(distances.min(axis=1)), 0)))


def _rows(images: Pixels) -> NDArray[np.float64]:
    """Return images (N, C, H, W) as (N, pixels), thinned out to some `SIDE` a side."""
    apart = max(1, images.shape[2] // SIDE)
    thin = images[:, :, ::apart, ::apart]
    return thin.reshape(len(thin), -1).astype(np.float64)
