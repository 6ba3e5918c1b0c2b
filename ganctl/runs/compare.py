"""Several runs beside each other: the settings that differ, and their figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganctl.card_rules import is_number
from ganctl.config import TrainConfig, flat
from ganctl.evaluation.metrics import MONITORED
from ganctl.images import Pixels
from ganctl.runs.chart import COLOURS
from ganctl.runs.film import read_grid
from ganctl.runs.history import History, read_status
from ganctl.runs.run_dir import RunDir
from ganctl.runs.words import FIGURES
from ganctl.text import duration

LAST = ("images_per_second", "g_loss", "d_loss")
"""Figures of the last epoch."""

MOST = len(COLOURS)
"""Runs in one picture."""


@dataclass(frozen=True)
class Compared:
    """One of the runs."""

    name: str
    config: TrainConfig
    history: History
    grid: Pixels | None  # its last samples, (C, H, W)


def read_run(run: RunDir) -> Compared:
    """Return what is compared of a run.

    Raises:
        BadInput: its configuration cannot be read.
    """
    grids = run.samples()
    grid = read_grid(grids[-1]) if grids else None
    return Compared(run.name, run.read_config(), read_status(run).history, grid)


def differences(runs: Sequence[Compared]) -> list[tuple[str, list[str]]]:
    """Return the fields of the configuration that are not the same in all runs, a value a run."""
    settings = [flat(run.config) for run in runs]
    rows = [(name, [str(each[name]) for each in settings]) for name in settings[0]]
    return [(name.replace("_", " "), values) for name, values in rows if len(set(values)) > 1]


def outcomes(runs: Sequence[Compared]) -> list[tuple[str, list[str]]]:
    """Return how far each run came and its last figures, a value a run."""
    rows = [("epochs done", [_epochs(run) for run in runs])]
    best = [run.history.best or (None, None) for run in runs]
    rows.append(("best Fréchet distance", [_text(distance, "{:.2f}") for distance, _ in best]))
    rows.append(("after epoch", [_text(epoch, "{:,.0f}") for _, epoch in best]))
    for key in MONITORED:
        name, form = FIGURES[key]
        rows.append((name, [_text(run.history.measured.get(key), form) for run in runs]))
    rows.append(("training time", [_time(run) for run in runs]))
    for key in LAST:
        name, form = FIGURES[key]
        rows.append((name, [_text(run.history.last(key), form) for run in runs]))
    return [(name, values) for name, values in rows if any(values)]


def _epochs(run: Compared) -> str:
    return f"{run.history.last('epoch') or 0:,.0f} of {run.config.epochs:,}"


def _time(run: Compared) -> str:
    seconds = run.history.series("seconds")[1]
    return duration(sum(seconds)) if seconds else ""


def _text(value: float | None, form: str) -> str:
    return form.format(value) if is_number(value) else ""
