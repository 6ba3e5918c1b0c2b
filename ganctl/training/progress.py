"""Where a run stands, as it is reported and recorded, and the clock by which it is."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass

REPORT_SECONDS = 0.5


@dataclass(frozen=True)
class Progress:
    """Where a run stands; losses and D's outputs are means over the epoch so far."""

    epoch: int  # the current one, from 1
    epochs: int
    step: int  # finished in this epoch
    steps: int  # in an epoch
    g_loss: float
    d_loss: float
    d_real: float  # D(x): 1 where the discriminator believes in real images
    d_fake: float  # D(G(z)): 0 where it sees through the generated ones
    images_per_second: float
    frechet_distance: float | None = None  # as last measured

    def __str__(self) -> str:
        """Return it as a line, for those who print it."""
        distance = self.frechet_distance
        return (
            f"epoch {self.epoch}/{self.epochs}, step {self.step}/{self.steps}: "
            f"G {self.g_loss:.3f}, D {self.d_loss:.3f}, D(x) {self.d_real:.2f}, "
            f"D(G(z)) {self.d_fake:.2f}, {self.images_per_second:,.0f} images/s"
        ) + (f", FD {distance:.1f}" if distance is not None else "")

    def line(self, step: int, seconds: float) -> dict[str, float]:
        """Return a finished epoch's line of metrics.

        Args:
            step: finished, counted from the run's start.
            seconds: that the epoch has taken.
        """
        figures = dataclasses.asdict(self)
        del figures["epochs"], figures["steps"], figures["frechet_distance"]
        return figures | {"step": step, "seconds": round(seconds, 3)}


class Clock:
    """Counts an epoch's images and says when the next report is due."""

    def __init__(self) -> None:
        self.start = self.reported = time.perf_counter()
        self.images = 0

    def is_due(self) -> bool:
        """Tell whether a report is due; if so, the next is in `REPORT_SECONDS`."""
        now = time.perf_counter()
        if now - self.reported < REPORT_SECONDS:
            return False
        self.reported = now
        return True

    def seconds(self) -> float:
        """Return how long it has run."""
        return time.perf_counter() - self.start
