"""(seed, index) → z and class: what image *i* of seed *s* is drawn from, at random access.

Both come in fixed blocks from a counter-based generator (Philox; Salmon et al. 2011, "Parallel
random numbers: as easy as 1, 2, 3"), keyed by the seed, the block number being the counter. So z_i
does not depend on the batch size, on where a run started or on who asks: torch or ONNX.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganctl.config import MAX_SEED
from ganctl.errors import BadInput

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]

BLOCK = 256
"""Latents drawn together. Part of the format: another value would change every picture."""


class Stream(IntEnum):
    """What the random numbers are for: one seed serves them all without their meeting."""

    LATENTS = 0
    ORDER = 1
    STATISTICS = 2
    LABELS = 3


def random_generator(seed: int, stream: Stream, block: int) -> np.random.Generator:
    """Return the generator of one block of one stream: a pure function of its arguments."""
    return np.random.Generator(np.random.Philox(key=[seed, stream], counter=[0, 0, block, 0]))


def latents(
    seed: int, start: int, count: int, latent_dim: int, stream: Stream = Stream.LATENTS
) -> Floats:
    """Return z of images ``start`` … ``start + count - 1``: (count, latent_dim), standard normal.

    Raises:
        BadInput: the seed is outside 0 … MAX_SEED, or an index is negative.
    """
    z = np.empty((count, latent_dim), np.float32)
    _fill(z, seed, start, partial(_normal_block, stream=stream, latent_dim=latent_dim))
    return z


def class_labels(seed: int, start: int, count: int, class_shares: Sequence[float]) -> Labels:
    """Return the classes of images ``start`` … ``start + count - 1``: (count,), 0 … classes - 1.

    Each is drawn with the probabilities ``class_shares`` by inverting their cumulative sum.

    Raises:
        BadInput: as `latents`.
    """
    uniform = np.empty(count, np.float64)
    _fill(uniform, seed, start, _uniform_block)
    cumulative = np.cumsum(class_shares, dtype=np.float64)
    return np.searchsorted(cumulative / cumulative[-1], uniform, side="right").astype(np.int64)


def _fill(
    values: NDArray[Any], seed: int, start: int, draw_block: Callable[..., NDArray[Any]]
) -> None:
    """Fill ``values`` with rows ``start`` … of the blocks that ``draw_block`` draws."""
    if not 0 <= seed <= MAX_SEED:
        raise BadInput(f"seed {seed} is outside 0 … {MAX_SEED}", "choose another seed")
    if start < 0:
        raise BadInput("image indices start at 0", "use a start of 0 or more")
    filled = 0
    while filled < len(values):
        block, offset = divmod(start + filled, BLOCK)
        rows = draw_block(seed=seed, block=block)[offset : offset + len(values) - filled]
        values[filled : filled + len(rows)] = rows
        filled += len(rows)


@lru_cache(maxsize=1)  # a batch smaller than a block does not draw the whole block again
def _normal_block(seed: int, stream: Stream, block: int, latent_dim: int) -> Floats:
    return random_generator(seed, stream, block).standard_normal((BLOCK, latent_dim), np.float32)


@lru_cache(maxsize=1)
def _uniform_block(seed: int, block: int) -> NDArray[np.float64]:
    return random_generator(seed, Stream.LABELS, block).random(BLOCK)
