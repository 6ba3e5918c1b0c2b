"""Compare the images of an ONNX file with those of the torch generator that it was made from."""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np
import torch

from ganctl.errors import CheckFailed
from ganctl.images import to_uint8
from ganctl.inference.generator import OnnxGenerator
from ganctl.latents import seeded
from ganctl.models.networks import Generator

SEED = 20_261_123  # latents that no default draws

# By the precision of the weights: the largest max_difference, max_levels and mean_levels that are
# accepted. The comments give the largest ones of a dozen trained generators. The network itself is
# always checked in fp32; the others only measure rounding. With int8 the worst of 203,840 pixels
# lies on the edge of a stroke, 0.1 % of the pixels differ by more than 8 levels, and the Fréchet
# distance changes by less than 1 %.
LIMITS = {
    "fp32": (3e-5, 1, 0.001),  # 8.7e-6, 1, 1.5e-5
    "fp16": (0.02, 2, 0.05),  # 0.0095, 1, 0.0086
    "int8": (0.4, 48, 0.5),  # 0.2, 26, 0.36
}


class Parity(NamedTuple):
    """The differences between onnxruntime's images and torch's."""

    max_difference: float  # of values in [-1, 1], before they are rounded
    max_levels: int  # of grey levels 0 to 255
    mean_levels: float  # of grey levels, over all pixels
    pixels_off: int  # values whose grey levels differ
    pixels: int  # values compared


def batch_sizes(classes: int) -> tuple[int, int, int]:
    """Return the sizes of the batches that are compared; together they contain every class."""
    return 1, 2, max(257, classes)


def measure_parity(
    generator: Generator,
    exported: OnnxGenerator,
    precision: str = "fp32",
    float_difference: float | None = None,
) -> Parity:
    """Compare images of the same latents, of every class in turn.

    torch draws in float64. In float32 it is as inexact as onnxruntime (about 1e-5 at the worst of a
    million pixels), which would hide errors of the file.

    Args:
        generator: in float32, in eval mode.
        exported: the ONNX file.
        precision: of its weights.
        float_difference: if the file draws uint8 (batch, 3, H, W), the ``max_difference`` of the
            same network with float32 images.

    Raises:
        CheckFailed: the differences exceed the precision's `LIMITS`, the images have another shape,
            or one of the two draws NaN or infinite values.
    """
    inputs = seeded(SEED, generator.latent_dim)
    if generator.classes:
        inputs = inputs.cycle_classes(range(generator.classes))
    sizes = batch_sizes(generator.classes)
    drawn = np.concatenate(
        [exported(*inputs(sum(sizes[:index]), size)) for index, size in enumerate(sizes)]
    )
    z, *labels = (torch.from_numpy(each) for each in inputs(0, sum(sizes)) if each is not None)
    with torch.inference_mode():
        expected = copy.deepcopy(generator).double()(z.double(), *labels).numpy()
    if not (np.isfinite(expected).all() and np.isfinite(drawn).all()):
        raise CheckFailed("the generator draws NaN or infinite values", "train it again")

    channels = 1 if float_difference is None else 3 // expected.shape[1]
    levels = to_uint8(expected).repeat(channels, axis=1)
    if drawn.shape != levels.shape:
        raise CheckFailed(
            f"onnxruntime draws {drawn.shape}, not {levels.shape}",
            "use a generator whose images have the shape image_shape",
        )
    apart = np.abs(levels.astype(np.int16) - to_uint8(drawn))
    if float_difference is None:
        float_difference = float(np.abs(expected - drawn).max())
    parity = Parity(
        float_difference,
        int(apart.max()),
        float(apart.mean(dtype=np.float64)),
        int(np.count_nonzero(apart)),
        apart.size,
    )
    limits = LIMITS[precision]
    if any(value > limit for value, limit in zip(parity, limits, strict=False)):
        raise CheckFailed(
            f"onnxruntime's images differ from torch's by up to {parity.max_difference:.1e} and "
            f"{parity.max_levels} grey levels, {parity.mean_levels:.1e} on average (allowed with "
            f"{precision} weights: {limits[0]}, {limits[1]} and {limits[2]})",
            "export another checkpoint, or train again"
            if precision == "fp32"
            else "store the weights in a higher precision: --precision fp32",
        )
    return parity
