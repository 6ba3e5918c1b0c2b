"""How far two sets of images may be apart: an ONNX file's and torch's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ganctl.errors import CheckFailed
from ganctl.images import Pixels


@dataclass(frozen=True)
class Limits:
    """How far a file's images may be from torch's before it is refused."""

    difference: float  # of values in [-1, 1], at the worst of all pixels
    levels: int  # of grey levels 0 … 255, at the worst of all pixels
    mean_levels: float  # of grey levels, on average


LIMITS = {
    "fp32": Limits(3e-5, 1, 0.001),  # measured: 8.7e-6, 1, 1.5e-5
    "fp16": Limits(0.02, 2, 0.05),  # 0.0095, 1, 0.0086
    "int8": Limits(0.4, 48, 0.5),  # 0.2, 26, 0.36
}
"""By the precision of the weights; behind each, the most that a dozen trained generators were off.

The network itself is always proven in fp32; the other two say what rounding may cost. Of int8 the
worst pixel of 203,840 lies on an edge of a stroke, 0.1 % are more than 8 levels off, and the
Fréchet distance stays the same within 1 %.
"""


@dataclass(frozen=True)
class Parity:
    """How far onnxruntime's images are from torch's."""

    max_difference: float  # of values in [-1, 1], before they are rounded
    max_levels: int  # of grey levels
    mean_levels: float  # of grey levels, over all pixels
    pixels_off: int  # grey levels that are not equal
    pixels: int  # compared


def compare(expected: Pixels, drawn: Pixels, difference: float, precision: str) -> Parity:
    """Return how far images (N, C, H, W) are apart, whose values are so before they are rounded.

    Raises:
        CheckFailed: beyond the precision's `LIMITS`.
    """
    apart = np.abs(expected.astype(np.int16) - drawn)
    parity = Parity(
        max_difference=difference,
        max_levels=int(apart.max()),
        mean_levels=float(apart.mean(dtype=np.float64)),
        pixels_off=int(np.count_nonzero(apart)),
        pixels=apart.size,
    )
    limits = LIMITS[precision]
    if (
        parity.max_difference > limits.difference
        or parity.max_levels > limits.levels
        or parity.mean_levels > limits.mean_levels
    ):
        raise CheckFailed(
            f"onnxruntime's images differ from torch's by up to {parity.max_difference:.1e} and "
            f"{parity.max_levels} grey levels, {parity.mean_levels:.1e} on average (allowed with "
            f"{precision} weights: {limits.difference}, {limits.levels} and "
            f"{limits.mean_levels}); nothing was written",
            "export another checkpoint, or train again"
            if precision == "fp32"
            else "store the weights in a higher precision: --precision fp32",
        )
    return parity
