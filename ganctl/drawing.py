"""Draw images i … i + n - 1 of a seed from any generator, torch's or ONNX's, in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganctl.errors import BadInput, CheckFailed
from ganctl.images import Pixels, check_grid, to_uint8, write_images
from ganctl.latents import latents

Floats = NDArray[np.float32]

GeneratorFunction = Callable[[Floats], Floats]
"""(B, latent_dim) latents → (B, C, H, W) images in [-1, 1]."""

MAX_INDEX = 2**53
"""Image indices are below it: what JSON readers and spreadsheets hold exactly."""


def draw(
    generator: GeneratorFunction,
    latent_dim: int,
    *,
    seed: int,
    start: int,
    count: int,
    batch_size: int,
) -> Iterator[Pixels]:
    """Yield images ``start`` … ``start + count - 1`` of ``seed`` as (B, C, H, W) grey levels.

    Every batch has ``batch_size`` rows: the last is drawn whole and cut, so that an image never
    depends on how many were asked for.

    Raises:
        BadInput: the seed or an index is out of its range.
        CheckFailed: the generator draws NaN or infinite values.
    """
    for first in range(start, start + count, batch_size):
        images = generator(latents(seed, first, batch_size, latent_dim))
        images = images[: start + count - first]
        if not np.isfinite(images).all():
            raise CheckFailed("the generator draws values that are not finite", "train it again")
        yield to_uint8(images)


def draw_to(
    out: Path,
    generator: GeneratorFunction,
    latent_dim: int,
    image_shape: tuple[int, int, int],
    *,
    seed: int,
    start: int,
    count: int,
    batch_size: int,
    cols: int = 0,
    report: Callable[[int], None] = lambda drawn: None,
) -> None:
    """Draw as `draw` does and write as `write_images` does, with the errors of both.

    Args:
        out: a grid (.png), an array (.npy) or a folder.
        generator: draws the batches.
        latent_dim: of the generator.
        image_shape: (C, H, W) of its images.
        seed: of the latents.
        start: index of the first image.
        count: how many images.
        batch_size: images drawn at once; the memory taken depends on it, not on ``count``, except
            for a grid.
        cols: images a row of a grid; 0 for a square.
        report: called with the number of images drawn and written, after each batch.

    Raises:
        BadInput: also where an index is MAX_INDEX or more, or the grid too large for a PNG.
    """
    if start + count > MAX_INDEX:
        raise BadInput(f"image indices are 0 … {MAX_INDEX - 1}", "use a smaller start or count")
    check_grid(out, count, image_shape, cols)
    batches = draw(
        generator, latent_dim, seed=seed, start=start, count=count, batch_size=batch_size
    )
    write_images(out, _reported(batches, report), count, start, cols)


def _reported(batches: Iterable[Pixels], report: Callable[[int], None]) -> Iterator[Pixels]:
    done = 0
    for batch in batches:
        yield batch
        done += len(batch)
        report(done)
