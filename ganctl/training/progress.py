"""How far a run is, and how often something may be shown beside the training. Needs no torch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Where a run stands; losses and discriminator outputs are means over the epoch so far."""

    epoch: int  # the current one, from 1
    epochs: int
    step: int  # finished in this epoch
    steps: int  # in an epoch
    g_loss: float
    d_loss: float
    d_real: float  # D(x): 1 if the discriminator takes real images for real
    d_fake: float  # D(G(z)): 0 if it recognises the generated ones
    images_per_second: float
    frechet_distance: float | None = None  # as last measured

    def __str__(self) -> str:
        """Return it as one line."""
        distance = self.frechet_distance
        return (
            f"epoch {self.epoch}/{self.epochs}, step {self.step}/{self.steps}: "
            f"G {self.g_loss:.3f}, D {self.d_loss:.3f}, D(x) {self.d_real:.2f}, "
            f"D(G(z)) {self.d_fake:.2f}, {self.images_per_second:,.0f} images/s"
        ) + (f", FD {distance:.1f}" if distance is not None else "")


class Throttle:
    """Limits work beside the training to a share of the time.

    Args:
        share: of the time that the work may take, above 0.
        seconds: between two of them, at least.
    """

    def __init__(self, share: float, seconds: float) -> None:
        self._share, self._seconds = share, seconds
        self._due = 0.0

    def is_due(self) -> bool:
        """Tell whether the work may be done now; at first it may."""
        return time.perf_counter() >= self._due

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Do the work within this block, which is timed."""
        began = time.perf_counter()
        try:
            yield
        finally:
            now = time.perf_counter()
            self._due = now + max(self._seconds, (now - began) / self._share)
