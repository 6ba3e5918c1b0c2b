"""What goes into a generator: a lazy function of the index, read in slices of any size."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ganctl.latents import Floats, Labels, class_labels, latents

Inputs = Callable[[int, int], tuple[Floats, Labels | None]]
"""(first, count) → z (count, latent_dim) float32, and labels (count,) int64 or None.

Row k belongs to index ``first + k``, whoever asks and for however many at once. The labels are None
for an unconditional generator.
"""


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
