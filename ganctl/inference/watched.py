"""Whether another tool's generator keeps to the range of values that it is taken to have."""

from __future__ import annotations

import numpy as np

from ganctl.images import SLACK
from ganctl.latents import Floats, GeneratorFunction, Labels


class Watched:
    """Draws as the generator does, and counts the values outside [-1, 1]: they will be cut off."""

    def __init__(self, generator: GeneratorFunction) -> None:
        self._generator = generator
        self._beyond = self._values = 0

    def __call__(self, latents: Floats, labels: Labels | None = None) -> Floats:
        """Return ``generator(latents, labels)``, (B, C, H, W)."""
        images = self._generator(latents, labels)
        for beyond in (images > 1 + SLACK, images < -1 - SLACK):
            self._beyond += int(np.count_nonzero(beyond))
        self._values += images.size
        return images

    @property
    def share_beyond(self) -> float:
        """Return the share of all values so far that lay outside."""
        return self._beyond / self._values if self._values else 0.0
