"""Several runs beside each other: one picture, the settings that differ, and their figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ganctl.card_rules import is_number
from ganctl.config import TrainConfig, flat
from ganctl.images import Pixels
from ganctl.quality.explain import MONITORED
from ganctl.run_files import samples
from ganctl.runs.chart import (
    COLOURS,
    SOFT,
    chart,
    distance_axis,
    legend,
    line,
    outputs_title,
    panel,
    shown,
)
from ganctl.runs.film import read_grid
from ganctl.runs.folder import read_config
from ganctl.runs.history import DISTANCE, History
from ganctl.runs.standing import read_standing
from ganctl.runs.words import FIGURES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LAST = ("g_loss", "d_loss", "images_per_second")
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


def read_run(folder: Path) -> Compared:
    """Return what is compared of a run.

    Raises:
        BadInput: its configuration cannot be read.
    """
    grids = samples(folder)
    grid = read_grid(grids[-1]) if grids else None
    return Compared(folder.name, read_config(folder), read_standing(folder).history, grid)


def differences(runs: Sequence[Compared]) -> list[tuple[str, list[str]]]:
    """Return the fields of the configuration that are not the same in all runs, a value a run."""
    settings = [flat(run.config) for run in runs]
    rows = [(name, [str(each[name]) for each in settings]) for name in settings[0]]
    return [(name.replace("_", " "), values) for name, values in rows if len(set(values)) > 1]


def outcomes(runs: Sequence[Compared]) -> list[tuple[str, list[str]]]:
    """Return how far each run came and its last figures, a value a run."""
    rows = [("epochs done", [_epochs(run) for run in runs])]
    rows.append(("best Fréchet distance", [_best(run) for run in runs]))
    for key in MONITORED:
        name, form = FIGURES[key]
        rows.append((name, [_text(run.history.measured.get(key), form) for run in runs]))
    for key in LAST:
        name, form = FIGURES[key]
        rows.append((name, [_text(run.history.last(key), form) for run in runs]))
    return [(name, values) for name, values in rows if any(values)]


def _epochs(run: Compared) -> str:
    return f"{run.history.last('epoch') or 0:,.0f} of {run.config.epochs:,}"


def _best(run: Compared) -> str:
    best = run.history.best
    return "" if best is None else f"{best[0]:.2f} (epoch {best[1]:,.0f})"


def _text(value: float | None, form: str) -> str:
    return form.format(value) if is_number(value) else ""


def picture(runs: Sequence[Compared], real: float | None) -> bytes:
    """Return a PNG of the runs' curves and last samples.

    They are drawn over epochs where all train on the same data, else over the images seen.

    Args:
        runs: 1 to `MOST`.
        real: the Fréchet distance of real images, where it is known and the same for all.
    """
    epochs = len({(run.config.data, run.config.batch_size) for run in runs}) == 1
    over = "epoch" if epochs else "1,000 images seen"

    def points(run: Compared, name: str) -> tuple[list[float], list[float]]:
        if epochs:
            return run.history.series(name)
        steps, values = run.history.series(name, "step")
        return [step * run.config.batch_size / 1000 for step in steps], values

    end = max((at for run in runs for at in points(run, "step")[0][-1:]), default=1)
    with chart(11, 5.4) as (figure, file):
        grid = figure.add_gridspec(
            2, 2, left=0.055, right=0.73, top=0.95, bottom=0.085, wspace=0.17, hspace=0.38
        )
        distances, outputs, g_loss, d_loss = (
            figure.add_subplot(grid[place]) for place in ((0, 0), (0, 1), (1, 0), (1, 1))
        )
        panel(distances, "Fréchet distance", over, end)
        panel(outputs, outputs_title([run.config.objective for run in runs]), over, end)
        panel(g_loss, "generator's loss", over, end)
        panel(d_loss, "discriminator's loss", over, end)
        outputs.set_ylim(-0.03, 1.03)
        for run, colour in zip(runs, COLOURS, strict=False):
            line(distances, points(run, DISTANCE), shown(run.name, 32), colour, dots=40)
            line(outputs, points(run, "d_real"), "", colour)
            line(outputs, points(run, "d_fake"), "", colour, dashed=True)
            line(g_loss, points(run, "g_loss"), "", colour)
            line(d_loss, points(run, "d_loss"), "", colour)
        distance_axis(distances, [run.history for run in runs], real)
        legend(distances)
        outputs.plot([], [], "-", color=SOFT, label="D(x), real")
        outputs.plot([], [], "--", color=SOFT, label="D(G(z)), drawn")
        legend(outputs)
        columns = 1 if len(runs) <= 3 else 2
        rows = max(2, -(-len(runs) // columns))
        tiles = figure.add_gridspec(
            rows, columns, left=0.765, right=0.99, top=0.94, bottom=0.01, wspace=0.08, hspace=0.26
        )
        for number, (run, colour) in enumerate(zip(runs, COLOURS, strict=False)):
            axes = figure.add_subplot(tiles[number // columns, number % columns])
            _samples(axes, run, colour, 34 // columns)
    return file.getvalue()


def _samples(axes: Axes, run: Compared, colour: str, longest: int) -> None:
    axes.set_axis_off()
    last = run.history.last(DISTANCE)
    said = "" if last is None else f"\nFD {last:,.{1 if last < 1000 else 0}f}"
    axes.set_title(shown(run.name, longest) + said, color=colour, fontsize=8, loc="center", pad=3)
    if run.grid is not None:
        image = run.grid[0] if len(run.grid) == 1 else run.grid.transpose(1, 2, 0)
        axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
