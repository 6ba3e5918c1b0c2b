"""What images are drawn from: (seed, index) → latents and classes, and drawing them in batches.

Latents and classes come in fixed blocks from a counter-based generator (Philox; Salmon et al. 2011,
"Parallel random numbers: as easy as 1, 2, 3"), with the seed as the key and the block number as the
counter. So image i of a seed does not depend on the batch size, on the first index or on whether
torch or ONNX draws it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganctl.config import MAX_SEED
from ganctl.errors import BadInput, CheckFailed, WrongValue
from ganctl.images import Pixels, to_uint8

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]
Indices = NDArray[np.int64]
Batch = tuple[Floats, Labels | None]  # z (B, latent_dim), and labels (B,) if conditional
GeneratorFunction = Callable[[Floats, Labels | None], Floats]  # → (B, C, H, W) in [-1, 1]

BLOCK = 256  # latents drawn together; part of the format: another value would change every image
MAX_INDEX = 2**53  # image indices are below it: JSON readers hold them exactly
NAMES_SHOWN = 10  # classes that an error lists


class Stream(IntEnum):
    """The purpose of random numbers: the streams of a seed are independent."""

    LATENTS = 0
    ORDER = 1
    STATISTICS = 2
    LABELS = 3


def random_generator(seed: int, stream: Stream, block: int) -> np.random.Generator:
    """Return the generator of one block of a stream: a pure function of its arguments."""
    return np.random.Generator(np.random.Philox(key=[seed, stream], counter=[0, 0, block, 0]))


def latents(
    seed: int, start: int, count: int, latent_dim: int, stream: Stream = Stream.LATENTS
) -> Floats:
    """Return z of images ``start`` … ``start + count - 1``: (count, latent_dim), standard normal.

    Raises:
        BadInput: the seed is outside 0 … MAX_SEED, or an index is negative.
    """
    return _latents_at(np.arange(start, start + count), seed, latent_dim, stream)


def class_labels(seed: int, start: int, count: int, class_shares: Sequence[float]) -> Labels:
    """Return the classes of images ``start`` … ``start + count - 1``: (count,), 0 … classes - 1.

    They are drawn with the probabilities ``class_shares``, by inverting the cumulative sum.

    Raises:
        BadInput: as `latents`.
    """
    return _labels_at(np.arange(start, start + count), seed, class_shares)


def _latents_at(indices: Indices, seed: int, latent_dim: int, stream: Stream) -> Floats:
    z = np.empty((len(indices), latent_dim), np.float32)
    return _fill(z, seed, indices, partial(_normal_block, stream=stream, latent_dim=latent_dim))


def _labels_at(indices: Indices, seed: int, class_shares: Sequence[float]) -> Labels:
    uniform = _fill(np.empty(len(indices)), seed, indices, _uniform_block)
    cumulative = np.cumsum(class_shares, dtype=np.float64)
    return np.searchsorted(cumulative / cumulative[-1], uniform, side="right").astype(np.int64)


def _fill(
    rows: NDArray[Any], seed: int, indices: Indices, draw_block: Callable[..., NDArray[Any]]
) -> NDArray[Any]:
    """Fill ``rows`` with those of the indices, from the blocks that ``draw_block`` draws."""
    if not 0 <= seed <= MAX_SEED:
        raise BadInput(f"seed {seed} is outside 0 … {MAX_SEED}", "choose another seed")
    if (indices < 0).any():
        raise BadInput("image indices start at 0", "use a start of 0 or more")
    blocks, offsets = np.divmod(indices, BLOCK)
    for block in np.unique(blocks).tolist():
        in_block = blocks == block
        rows[in_block] = draw_block(seed=seed, block=block)[offsets[in_block]]
    return rows


@lru_cache(maxsize=2)  # consecutive batches that are smaller than a block share it
def _normal_block(seed: int, stream: Stream, block: int, latent_dim: int) -> Floats:
    return random_generator(seed, stream, block).standard_normal((BLOCK, latent_dim), np.float32)


@lru_cache(maxsize=2)
def _uniform_block(seed: int, block: int) -> NDArray[np.float64]:
    return random_generator(seed, Stream.LABELS, block).random(BLOCK)


@dataclass(frozen=True)
class Inputs:
    """The inputs of a generator as a function of the image index: ``inputs(first, count)``."""

    at: Callable[[Indices], Batch]  # returns the rows of any indices (B,)

    def __call__(self, first: int, count: int) -> Batch:
        """Return z (count, latent_dim) and labels (count,) of ``first`` … ``first + count - 1``."""
        return self.at(np.arange(first, first + count))

    def shift(self, start: int) -> Inputs:
        """Return inputs whose index i is this index ``start + i``."""
        return Inputs(lambda indices: self.at(indices + start))

    def truncate(self, psi: float) -> Inputs:
        """Return the inputs with z scaled by ``psi``, 0 < ψ ≤ 1: clearer images, less varied.

        The truncation trick, w' = w̄ + ψ (w - w̄) (Karras et al. 2019, section B; Brock et al. 2019,
        section 3.1, cut the tails instead), applied to z, whose mean is 0.
        """

        def truncated(indices: Indices) -> Batch:
            z, labels = self.at(indices)
            return z * np.float32(psi), labels

        return Inputs(truncated)

    def cycle_classes(self, classes: Sequence[int]) -> Inputs:
        """Return the inputs with the classes in turn: index i has class i modulo their number."""
        numbers = np.array(classes, np.int64)
        return Inputs(lambda indices: (self.at(indices)[0], numbers[indices % len(numbers)]))

    def class_rows(self, classes: Sequence[int], cols: int) -> Inputs:
        """Return the inputs of a table: row k has class ``classes[k]``, column j has latent j.

        So an image keeps its style along a column. After the last row the first follows again.
        """
        numbers = np.array(classes, np.int64)

        def cells(indices: Indices) -> Batch:
            row, column = np.divmod(indices, cols)
            return self.at(column)[0], numbers[row % len(numbers)]

        return Inputs(cells)

    def interpolate(self, keys: int, frames: int, ends: bool = False) -> Inputs:
        """Return inputs that lead from image 0 to 1, and so on to ``keys - 1``, then back to 0.

        Each section from one image to the next has ``frames`` frames, the first being the image
        that it leaves, and one more for the image that it leads to if ``ends``. Frame k is `slerp`
        at k / ``frames``, and has the nearer image's class.
        """

        def frame_inputs(indices: Indices) -> Batch:
            section, frame = np.divmod(indices, frames + ends)
            z, labels = self.at(section % keys)
            next_z, next_labels = self.at((section + 1) % keys)
            if labels is not None and next_labels is not None:
                labels = np.where(2 * frame < frames, labels, next_labels)
            return slerp(z, next_z, frame / frames), labels

        return Inputs(frame_inputs)


def seeded(seed: int, latent_dim: int, class_shares: Sequence[float] = ()) -> Inputs:
    """Return the inputs of a seed, with classes drawn by their shares if there are any."""

    def at(indices: Indices) -> Batch:
        labels = _labels_at(indices, seed, class_shares) if class_shares else None
        return _latents_at(indices, seed, latent_dim, Stream.LATENTS), labels

    return Inputs(at)


def slerp(start: Floats, end: Floats, t: NDArray[np.float64]) -> Floats:
    """Return the points (N, D) at ``t`` (N,), 0 … 1, of the arcs from ``start`` to ``end`` (N, D).

    sin((1 - t) Ω) / sin Ω · a + sin(t Ω) / sin Ω · b, where Ω is the angle between a and b
    (Shoemake 1985, "Animating rotation with quaternion curves"). A straight line would pass closer
    to 0 than any z that the generator was trained on (White 2016, "Sampling generative networks").
    It is used where a and b are parallel or opposite, so that there is no unique arc. t = 0 gives
    ``start`` and t = 1 gives ``end``, bit for bit.
    """
    a, b = start.astype(np.float64), end.astype(np.float64)
    lengths = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    cosine = (a * b).sum(axis=1) / np.where(lengths > 0, lengths, 1)
    angle = np.arccos(np.clip(cosine, -1, 1))
    sine = np.sin(angle)
    is_arc = (lengths > 0) & (sine > 1e-6)
    safe = np.where(is_arc, sine, 1)
    from_start = np.where(is_arc, np.sin((1 - t) * angle) / safe, 1 - t)
    from_end = np.where(is_arc, np.sin(t * angle) / safe, t)
    points: Floats = (from_start[:, None] * a + from_end[:, None] * b).astype(np.float32)
    return points


def class_numbers(
    classes: Sequence[int | str],
    path: Path,
    class_names: Sequence[str],
    class_shares: Sequence[float],
) -> list[int]:
    """Return the numbers of ``classes``, which are given by number, from 0, or by name.

    Raises:
        BadInput: the generator in ``path`` is not conditional (it has no class shares), or has no
            such class.
    """
    if not classes:
        return []
    if not class_shares:
        raise BadInput(
            f"{path} cannot be asked for a class: its generator is not conditional",
            "draw without a class, or train one that is conditional: ganctl train --conditional",
        )
    numbers = {name: number for number, name in enumerate(class_names)}
    found = [numbers.get(each, -1) if isinstance(each, str) else each for each in classes]
    for given, number in zip(classes, found, strict=True):
        if not 0 <= number < len(class_names):
            shown = enumerate(class_names[:NAMES_SHOWN])
            names = [name if name == str(n) else f"{n} {name:.100}" for n, name in shown]
            more = ", …" if len(class_names) > NAMES_SHOWN else ""
            raise BadInput(
                f"{path} has no class {given!r:.100}: its classes are 0 … {len(class_names) - 1}",
                f"classes go by number or name: {', '.join(names)}{more}",
            )
    return found


def check_indices(start: int, count: int) -> None:
    """Check that the indices ``start`` … ``start + count - 1`` are below `MAX_INDEX`.

    Raises:
        WrongValue: they are not.
    """
    if start + count > MAX_INDEX:
        raise WrongValue(f"image indices are 0 … {MAX_INDEX - 1}", "use a smaller start or count")


def draw(
    generator: GeneratorFunction,
    inputs: Callable[[int, int], Batch],
    *,
    start: int,
    count: int,
    batch_size: int,
    report: Callable[[int], None] = lambda drawn: None,
) -> Iterator[Pixels]:
    """Yield images ``start`` … ``start + count - 1`` of ``inputs`` as uint8 (B, C, H, W).

    Every batch is drawn with ``batch_size`` rows, and the last one cut, so that an image does not
    depend on how many are drawn. ``report`` is called with the number of images used so far.

    Raises:
        BadInput: the seed or an index is out of range.
        CheckFailed: the generator draws NaN or infinite values.
    """
    for done in range(0, count, batch_size):
        images = generator(*inputs(start + done, batch_size))[: count - done]
        if not np.isfinite(images).all():
            raise CheckFailed(
                "the generator draws NaN or infinite values",
                "its training diverged, or its file is broken: train or export it again",
            )
        yield to_uint8(images)
        report(done + len(images))
