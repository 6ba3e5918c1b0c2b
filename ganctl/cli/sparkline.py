"""The values of a metric over a run, drawn as a small curve of block characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

BLOCKS = " ▁▂▃▄▅▆▇█"
EIGHTHS = len(BLOCKS) - 1

ROUNDING = 1e-9  # relative difference below which two sums are equal
MOST_POINTS = 512  # of a curve; when there are more, each pair of points becomes one


@dataclass
class Curve:
    """The means of a metric over intervals of steps, which may have any lengths."""

    points: list[tuple[float, float]] = field(default_factory=list)  # (steps, mean over them)
    longest: float = 0  # steps of the longest interval

    def add(self, steps: float, mean: float) -> None:
        """Add the mean over the next ``steps`` steps; a short interval is joined with the last."""
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
        """Return ``width`` means over intervals of equal length; [] if there are no points."""
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
    """Return ``rows`` lines, the top one first, with one character per value.

    ``low`` is an eighth of a row high, so that it is visible; ``high`` fills all rows.
    """
    heights = [_height(value, low, high, rows) for value in values]
    return [
        "".join(BLOCKS[min(max(height - row * EIGHTHS, 0), EIGHTHS)] for height in heights)
        for row in reversed(range(rows))
    ]


def _height(value: float, low: float, high: float, rows: int) -> int:
    share = (value - low) / (high - low) if high - low > ROUNDING * abs(high) else 0.5
    return 1 + round(min(max(share, 0.0), 1.0) * (rows * EIGHTHS - 1))
