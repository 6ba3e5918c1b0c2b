"""A run's figures through its epochs."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganctl.card_rules import is_kept, is_number
from ganctl.runs.run_files import METRICS

DISTANCE = "frechet_distance"

MAX_BYTES = 200_000_000
"""Of a file of figures, a million epochs: what lies beyond is not read."""

Line = dict[str, Any]


@dataclass(frozen=True)
class History:
    """A line an epoch, the oldest first: figures by their names, any of which may be missing."""

    lines: Sequence[Line]

    def series(self, name: str, over: str = "epoch") -> tuple[list[float], list[float]]:
        """Return the values of ``over`` and of ``name`` of all lines that have both."""
        pairs = [
            (line[over], line[name])
            for line in self.lines
            if is_number(line.get(over)) and is_number(line.get(name))
        ]
        return [at for at, _ in pairs], [value for _, value in pairs]

    def until(self, step: int) -> History:
        """Return the figures without those of later steps than ``step``."""
        lines = self.lines
        return History([x for x in lines if not is_number(x.get("step")) or x["step"] <= step])

    def last(self, name: str) -> float | None:
        """Return the newest value of a figure; None where there is none."""
        values = self.series(name, name)[1]
        return values[-1] if values else None

    @property
    def best(self) -> tuple[float, float] | None:
        """The smallest Fréchet distance and its epoch; None where nothing was measured."""
        epochs, distances = self.series(DISTANCE)
        return min(zip(distances, epochs, strict=True), default=None)

    @property
    def measured(self) -> Line:
        """The newest line of an epoch whose images were measured; {} where none was."""
        return next((line for line in reversed(self.lines) if is_number(line.get(DISTANCE))), {})


def read_history(folder: Path) -> History:
    """Return a run's figures; lines that are torn or no figures are left out."""
    path = folder / METRICS
    if not os.path.isfile(path):  # nothing that never ends
        return History([])
    try:
        with open(path, "rb") as file:
            written = file.read(MAX_BYTES).splitlines()
    except OSError:
        return History([])
    return History([line for line in map(_line, written) if line])


def _line(written: bytes) -> Line:
    try:
        figures = json.loads(written)
    except (ValueError, RecursionError):
        return {}  # torn
    return figures if isinstance(figures, dict) and is_kept(figures) else {}
