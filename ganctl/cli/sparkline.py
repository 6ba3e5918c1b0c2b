"""A figure's course over a run, as a small curve of block characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

BLOCKS = " ▁▂▃▄▅▆▇█"
EIGHTHS = len(BLOCKS) - 1

ROUNDING = 1e-9
"""Of a value, what sums may differ by and be alike."""

MOST_POINTS = 512
"""That a curve keeps: of a longer one, two become one."""


@dataclass
class Curve:
    """A figure's means over stretches of steps, which may be of any lengths."""

    points: list[tuple[float, float]] = field(default_factory=list)  # (steps, mean over them)
    longest: float = 0  # steps that a point is to have

    def add(self, steps: float, mean: float) -> None:
        """Add the mean over so many more steps, above 0; a short stretch joins the last one."""
        self.longest = max(self.longest, steps)
        is_short = steps < self.longest / 2
        if self.points and is_short and self.points[-1][0] <= self.longest:
            self.points[-1] = _joined([self.points[-1], (steps, mean)])
        else:
            self.points.append((steps, mean))
        if len(self.points) > MOST_POINTS:
            pairs = range(0, len(self.points), 2)
            self.points = [_joined(self.points[first : first + 2]) for first in pairs]
            self.longest *= 2

    def values(self, width: int) -> list[float]:
        """Return ``width`` values, each the mean over as many steps; of no point none."""
        points, count = self.points, width if self.points else 0
        total = sum(steps for steps, _ in points)
        values, index, left = [], 0, points[0][0] if points else 0.0
        for _ in range(count):
            wanted, taken = total / count, 0.0
            while wanted > left and index + 1 < len(points):
                taken += left * points[index][1]
                wanted -= left
                index += 1
                left = points[index][0]
            taken += wanted * points[index][1]
            left -= wanted
            values.append(taken / (total / count))
        return values


def _joined(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    total = sum(steps for steps, _ in points)
    return total, sum(steps * mean for steps, mean in points) / total


def sparkline(values: Sequence[float], low: float, high: float, rows: int) -> list[str]:
    """Return ``rows`` lines, the upper one first, of a character a value.

    ``low`` is an eighth of a row high, so that it is seen, and ``high`` fills all rows.
    """
    heights = [_height(value, low, high, rows) for value in values]
    return [
        "".join(BLOCKS[min(max(height - row * EIGHTHS, 0), EIGHTHS)] for height in heights)
        for row in reversed(range(rows))
    ]


def _height(value: float, low: float, high: float, rows: int) -> int:
    share = (value - low) / (high - low) if high - low > ROUNDING * abs(high) else 0.5
    return 1 + round(min(max(share, 0.0), 1.0) * (rows * EIGHTHS - 1))
