"""Draw what is asked of any generator, torch's or ONNX's, in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ganctl.errors import CheckFailed, WrongValue
from ganctl.images import Pixels, check_size, to_uint8, write_images
from ganctl.inputs import Inputs
from ganctl.latents import Floats, Labels

GeneratorFunction = Callable[[Floats, Labels | None], Floats]
"""(B, latent_dim) latents and, where there are classes, (B,) labels → (B, C, H, W) in [-1, 1]."""

MAX_INDEX = 2**53
"""Image indices are below it: what JSON readers and spreadsheets hold exactly."""


def draw(
    generator: GeneratorFunction, inputs: Inputs, *, start: int, count: int, batch_size: int
) -> Iterator[Pixels]:
    """Yield images ``start`` … ``start + count - 1`` of ``inputs`` as (B, C, H, W) grey levels.

    Every batch has ``batch_size`` rows: the last is drawn whole and cut, so that an image never
    depends on how many were asked for.

    Raises:
        BadInput: the seed or an index is out of its range.
        CheckFailed: the generator draws NaN or infinite values.
    """
    for first in range(start, start + count, batch_size):
        images = generator(*inputs(first, batch_size))
        images = images[: start + count - first]
        if not np.isfinite(images).all():
            raise CheckFailed(
                "the generator draws values that are not finite",
                "its training diverged, or its file is broken: train or export it again",
            )
        yield to_uint8(images)


def draw_to(
    out: Path | BinaryIO,
    generator: GeneratorFunction,
    inputs: Inputs,
    image_shape: tuple[int, int, int],
    *,
    start: int,
    count: int,
    batch_size: int,
    cols: int = 0,
    report: Callable[[int], None] = lambda drawn: None,
) -> None:
    """Draw as `draw` does and write as `write_images` does, with the errors of both.

    Args:
        out: a grid (.png), an animation (.gif), an array (.npy) or a folder; or what takes a grid.
        generator: draws the batches.
        inputs: what it draws from.
        image_shape: (C, H, W) of its images.
        start: index of the first image.
        count: how many images.
        batch_size: images drawn at once; the memory taken depends on it, not on ``count``, except
            for a grid and an animation.
        cols: images a row of a grid; 0 for a square.
        report: called with the number of images drawn and written, after each batch.

    Raises:
        BadInput: also where an index is MAX_INDEX or more, or the picture too large.
    """
    check_indices(start, count)
    check_size(out, count, image_shape, cols)
    batches = draw(generator, inputs, start=start, count=count, batch_size=batch_size)
    write_images(out, _reported(batches, report), count, start, cols)


def check_indices(start: int, count: int) -> None:
    """Refuse indices that are too large.

    Raises:
        WrongValue: one of ``start`` … ``start + count - 1`` is MAX_INDEX or more.
    """
    if start + count > MAX_INDEX:
        raise WrongValue(f"image indices are 0 … {MAX_INDEX - 1}", "use a smaller start or count")


def _reported(batches: Iterable[Pixels], report: Callable[[int], None]) -> Iterator[Pixels]:
    done = 0
    for batch in batches:
        yield batch
        done += len(batch)
        report(done)
