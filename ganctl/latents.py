"""(seed, index) → z: the latents of image *i* under seed *s*, at random access.

Latents come in fixed blocks from a counter-based generator (Philox; Salmon et al. 2011, "Parallel
random numbers: as easy as 1, 2, 3"), keyed by the seed, the block number being the counter. So z_i
does not depend on the batch size, on where a run started or on who asks: torch or ONNX.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ganctl.config import MAX_SEED
from ganctl.errors import BadInput

BLOCK = 256
"""Latents drawn together. Part of the format: another value would change every picture."""


class Stream(IntEnum):
    """What the random numbers are for: one seed serves them all without their meeting."""

    LATENTS = 0
    ORDER = 1
    STATISTICS = 2


def random_generator(seed: int, stream: Stream, block: int) -> np.random.Generator:
    """Return the generator of one block of one stream: a pure function of its arguments."""
    return np.random.Generator(np.random.Philox(key=[seed, stream], counter=[0, 0, block, 0]))


def latents(
    seed: int, start: int, count: int, latent_dim: int, stream: Stream = Stream.LATENTS
) -> NDArray[np.float32]:
    """Return z of images ``start`` … ``start + count - 1``: (count, latent_dim), standard normal.

    Raises:
        BadInput: the seed is outside 0 … MAX_SEED, or an index is negative.
    """
    if not 0 <= seed <= MAX_SEED:
        raise BadInput(f"seed {seed} is outside 0 … {MAX_SEED}", "choose another seed")
    if start < 0 or count < 0:
        raise BadInput("image indices start at 0", "use a start and a count of 0 or more")
    z = np.empty((count, latent_dim), np.float32)
    filled = 0
    while filled < count:
        block, offset = divmod(start + filled, BLOCK)
        take = min(BLOCK - offset, count - filled)
        z[filled : filled + take] = _block(seed, stream, block, latent_dim)[offset : offset + take]
        filled += take
    return z


@lru_cache(maxsize=1)  # a batch smaller than a block does not draw the whole block again
def _block(seed: int, stream: Stream, block: int, latent_dim: int) -> NDArray[np.float32]:
    return random_generator(seed, stream, block).standard_normal((BLOCK, latent_dim), np.float32)
