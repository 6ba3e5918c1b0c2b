"""What goes into a generator: a lazy function of the index, read in slices of any size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganctl.errors import BadInput
from ganctl.latents import Floats, Labels, class_labels, latents

Inputs = Callable[[int, int], tuple[Floats, Labels | None]]
"""(first, count) → z (count, latent_dim) float32, and labels (count,) int64 or None.

Row k belongs to index ``first + k``, whoever asks and for however many at once. The labels are None
for an unconditional generator.
"""

NAMES_SHOWN = 10
"""Classes that an error lists."""


def seeded(seed: int, latent_dim: int, class_shares: Sequence[float] = ()) -> Inputs:
    """Return the images of a seed: index i → latent i, and its class where there are shares.

    Args:
        seed: of both.
        latent_dim: of the generator.
        class_shares: how often each class is drawn; none for an unconditional generator.
    """

    def images(first: int, count: int) -> tuple[Floats, Labels | None]:
        labels = class_labels(seed, first, count, class_shares) if class_shares else None
        return latents(seed, first, count, latent_dim), labels

    return images


def since(images: Inputs, start: int) -> Inputs:
    """Return ``images`` counted from ``start``: index i → its index ``start + i``."""
    return lambda first, count: images(start + first, count)


def in_turn(images: Inputs, classes: Sequence[int]) -> Inputs:
    """Return ``images`` with their classes settled: index i is of class i modulo their number."""
    turns = np.array(classes, np.int64)

    def chosen(first: int, count: int) -> tuple[Floats, Labels]:
        z, _ = images(first, count)
        return z, turns[np.arange(first, first + count) % len(turns)]

    return chosen


def in_rows(images: Inputs, classes: Sequence[int], cols: int) -> Inputs:
    """Return a table, row by row: row k is of class ``classes[k]``, column j has latent j.

    So the style stays along a column. After the last row comes the first again.

    Args:
        images: gives the latents.
        classes: of the rows.
        cols: images a row.
    """
    rows = np.array(classes, np.int64)

    def cells(first: int, count: int) -> tuple[Floats, Labels]:
        row, column = np.divmod(np.arange(first, first + count), cols)
        z, _ = _at(images, column)
        return z, rows[row % len(rows)]

    return cells


def truncated(images: Inputs, psi: float) -> Inputs:
    """Return ``images`` with z drawn towards its mean: clearer digits, and less varied ones.

    w' = w̄ + ψ (w - w̄), the truncation trick (Karras et al. 2019, section B; Brock et al. 2019,
    section 3.1, cut the tails instead), here of z itself, whose mean is 0.

    Args:
        images: gives z and the labels, which stay.
        psi: ψ, above 0 and up to 1, which changes nothing.
    """

    def nearer(first: int, count: int) -> tuple[Floats, Labels | None]:
        z, labels = images(first, count)
        return z * np.float32(psi), labels

    return nearer


def walk(images: Inputs, keys: int, frames: int, ends: bool = False) -> Inputs:
    """Return the frames of a walk from image 0 to 1 and on to ``keys - 1``, then back to 0.

    Frame k of a leg lies k / frames of the way, by `slerp`. Where the two images differ in their
    class, the first half of a leg has the one's and the second half the other's.

    Args:
        images: that the walk leads through.
        keys: how many of them.
        frames: of a leg; its first is the image that it leaves.
        ends: whether each leg has one more, the image that it arrives at, which is the next leg's
            first too.
    """
    length = frames + ends

    def path(first: int, count: int) -> tuple[Floats, Labels | None]:
        leg, frame = np.divmod(np.arange(first, first + count), length)
        (z, labels), (next_z, next_labels) = _at(images, leg % keys), _at(images, (leg + 1) % keys)
        if labels is not None and next_labels is not None:
            labels = np.where(2 * frame < frames, labels, next_labels)
        return slerp(z, next_z, frame / frames), labels

    return path


def slerp(start: Floats, end: Floats, way: NDArray[np.float64]) -> Floats:
    """Return the points (N, D) at ``way`` (N,), 0 … 1, of the arcs from ``start`` to ``end``.

    sin((1 - t) Ω) / sin Ω · a + sin(t Ω) / sin Ω · b, Ω being the angle between a and b (Shoemake
    1985, "Animating rotation with quaternion curves"). A straight line would pass closer to 0 than
    any z that the generator was trained on (White 2016, "Sampling generative networks"). Where a
    and b point the same way, or opposite ways, there is no one arc, and it is the line.

    Args:
        start: (N, D).
        end: (N, D).
        way: 0 gives ``start`` and 1 gives ``end``, to the bit.
    """
    a, b = start.astype(np.float64), end.astype(np.float64)
    lengths = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    cosine = (a * b).sum(axis=1) / np.where(lengths > 0, lengths, 1)
    angle = np.arccos(np.clip(cosine, -1, 1))
    sine = np.sin(angle)
    arc = (lengths > 0) & (sine > 1e-6)
    safe = np.where(arc, sine, 1)
    from_start = np.where(arc, np.sin((1 - way) * angle) / safe, 1 - way)
    from_end = np.where(arc, np.sin(way * angle) / safe, way)
    points: Floats = (from_start[:, None] * a + from_end[:, None] * b).astype(np.float32)
    return points


def _at(images: Inputs, indices: NDArray[np.int64]) -> tuple[Floats, Labels | None]:
    """Return the rows of any indices; those that follow each other are asked for at once."""
    wanted, places = np.unique(indices, return_inverse=True)
    runs = np.split(wanted, np.flatnonzero(np.diff(wanted) != 1) + 1)
    parts = [images(int(run[0]), len(run)) for run in runs]
    z = np.concatenate([part for part, _ in parts])
    labels = [part for _, part in parts if part is not None]
    return z[places], np.concatenate(labels)[places] if labels else None


def class_numbers(
    classes: Sequence[int | str],
    path: Path,
    class_names: Sequence[str],
    class_shares: Sequence[float],
) -> list[int]:
    """Return the numbers of classes that the generator in ``path`` is asked for.

    Args:
        classes: by number, from 0, or by name; none is always right.
        path: for the errors.
        class_names: of the data that it was trained on.
        class_shares: how often each class is drawn; none for an unconditional generator.

    Raises:
        BadInput: it is not conditional, or has no such class.
    """
    if not classes:
        return []
    if not class_shares:
        raise BadInput(
            f"{path} cannot be asked for a class: its generator is not conditional",
            "draw without a class, or train one that is conditional: "
            + "ganctl train --conditional",
        )
    places = {name: number for number, name in enumerate(class_names)}
    numbers = [places.get(each, -1) if isinstance(each, str) else each for each in classes]
    for asked, number in zip(classes, numbers, strict=True):
        if not 0 <= number < len(class_names):
            raise BadInput(
                f"{path} has no class {asked!r:.100}: its classes are 0 … {len(class_names) - 1}",
                _known(class_names),
            )
    return numbers


def _known(class_names: Sequence[str]) -> str:
    """Return how classes can be asked for, the first few of them."""
    shown, more = class_names[:NAMES_SHOWN], ", …" if len(class_names) > NAMES_SHOWN else ""
    if list(class_names) == list(map(str, range(len(class_names)))):
        return f"classes: {', '.join(shown)}{more}"
    named = [f"{number} {name:.100}" for number, name in enumerate(shown)]
    return f"classes go by number or name: {', '.join(named)}{more}"
