"""Pairs in strict alternation; medians, spreads and ratios of what they took."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)

Clock = Callable[[], float]
"""Seconds since any fixed moment."""


@dataclass(frozen=True)
class Spread:
    """What a few rounds gave."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Return the median of one or more values and the two that are furthest apart."""
    return Spread(statistics.median(values), min(values), max(values))


def ratio(above: Sequence[float], below: Sequence[float]) -> Spread:
    """Return above / below round by round: what slows a whole round down cancels out."""
    return spread([a / b for a, b in zip(above, below, strict=True)])


def alternate(
    sides: Mapping[Name, Callable[[], float]], rounds: int, finished: Callable[[int], None]
) -> dict[Name, list[float]]:
    """Measure every side once a round and return each side's measurements in order.

    Every second round goes backwards, so that no side always follows the same one.

    Args:
        sides: by name; each makes one measurement, in any unit.
        rounds: 1 or more.
        finished: told the number of each finished round, from 1.
    """
    measured: dict[Name, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in sides if number % 2 == 0 else reversed(list(sides)):
            measured[name].append(sides[name]())
        finished(number + 1)
    return measured
