"""Several runs beside each other in one picture: their curves, samples and figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

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
from ganctl.runs.chart_table import draw_table, table_height
from ganctl.runs.compare import Compared, differences, outcomes
from ganctl.runs.history import DISTANCE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

CURVES = 5.4
"""Inches of the picture's height that curves and samples take; the tables come below."""

SIDES = {"left": 0.055, "right": 0.73}
"""Where the curves begin and end, in shares of the width."""


def picture(runs: Sequence[Compared], real: float | None) -> bytes:
    """Return a PNG of the runs' curves and last samples, above their figures and what differs.

    Args:
        runs: 1 to `MOST`.
        real: the Fréchet distance of real images, where it is known and the same for all.
    """
    names = [run.name for run in runs]
    tables = {"figures": outcomes(runs), "configuration": differences(runs)}
    drawn = [(title, columns) for title, columns in tables.items() if columns]
    table = table_height(len(runs))
    heights = CURVES, table * len(drawn)
    with chart(11, sum(heights)) as (figure, file):
        above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)[:, 0]
        _curves(above, runs, real)
        _samples(above, runs)
        for number, (title, columns) in enumerate(drawn):
            draw_table(below, table * number, (title, names), COLOURS, columns)
    return file.getvalue()


def _curves(figure: SubFigure, runs: Sequence[Compared], real: float | None) -> None:
    """Draw them over epochs where all train on the same data, else over the images seen."""
    epochs = len({(run.config.data, run.config.batch_size) for run in runs}) == 1
    over = "epoch" if epochs else "1,000 images seen"

    def points(run: Compared, name: str) -> tuple[list[float], list[float]]:
        if epochs:
            return run.history.series(name)
        steps, values = run.history.series(name, "step")
        return [step * run.config.batch_size / 1000 for step in steps], values

    end = max((at for run in runs for at in points(run, "step")[0][-1:]), default=1)
    first = figure.add_gridspec(1, 2, **SIDES, top=0.95, bottom=0.585, wspace=0.17)
    second = figure.add_gridspec(1, 3, **SIDES, top=0.45, bottom=0.085, wspace=0.24)
    distances, outputs = (figure.add_subplot(first[place]) for place in range(2))
    g_loss, d_loss, speed = (figure.add_subplot(second[place]) for place in range(3))
    panel(distances, "Fréchet distance", over, end)
    panel(outputs, outputs_title([run.config.objective for run in runs]), over, end)
    panel(g_loss, "generator's loss", over, end)
    panel(d_loss, "discriminator's loss", over, end)
    panel(speed, "images/s", over, end)
    for run, colour in zip(runs, COLOURS, strict=False):
        line(distances, points(run, DISTANCE), "", colour, dots=40)
        line(outputs, points(run, "d_real"), "", colour)
        line(outputs, points(run, "d_fake"), "", colour, dashed=True)
        line(g_loss, points(run, "g_loss"), "", colour)
        line(d_loss, points(run, "d_loss"), "", colour)
        line(speed, points(run, "images_per_second"), "", colour)
    distance_axis(distances, [run.history for run in runs], real)
    outputs.set_ylim(-0.03, 1.03)
    outputs.plot([], [], "-", color=SOFT, label="D(x), real")
    outputs.plot([], [], "--", color=SOFT, label="D(G(z)), drawn")
    speed.set_ylim(bottom=0)
    speed.yaxis.set_major_formatter("{x:,.0f}")
    for axes in (distances, outputs):
        legend(axes)


def _samples(figure: SubFigure, runs: Sequence[Compared]) -> None:
    columns = 1 if len(runs) <= 3 else 2
    rows = max(2, -(-len(runs) // columns))
    tiles = figure.add_gridspec(
        rows, columns, left=0.765, right=0.99, top=0.94, bottom=0.01, wspace=0.08, hspace=0.26
    )
    for number, (run, colour) in enumerate(zip(runs, COLOURS, strict=False)):
        axes = figure.add_subplot(tiles[number // columns, number % columns])
        _grid(axes, run, colour, 34 // columns)


def _grid(axes: Axes, run: Compared, colour: str, longest: int) -> None:
    axes.set_axis_off()
    last = run.history.last(DISTANCE)
    said = "" if last is None else f"\nFD {last:,.{1 if last < 1000 else 0}f}"
    axes.set_title(shown(run.name, longest) + said, color=colour, fontsize=8, loc="center", pad=3)
    if run.grid is not None:
        image = run.grid[0] if len(run.grid) == 1 else run.grid.transpose(1, 2, 0)
        axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
