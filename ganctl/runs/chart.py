"""How charts look, and how they become a PNG: matplotlib without a window or a global state."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from PIL import Image

from ganctl.runs.history import DISTANCE, History
from ganctl.text import inert

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAPER, INK, SOFT, RULE = "#ffffff", "#1b1f27", "#667085", "#e4e7ee"
BLUE, ORANGE, GREY = "#2f62e0", "#e0702f", "#8b93a5"
COLOURS = (BLUE, ORANGE, "#1f9d6b", "#c2379b", "#7a5cd6", "#b08a00", "#1aa3b8", "#d0342c")
"""Of several runs."""

FEW = 3
"""Values up to which each is marked by a dot: a line alone would not be seen."""

LONGEST = 60
"""Characters of a name."""

STYLE = {
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a run may be called $x$
    "axes.edgecolor": RULE,
    "axes.labelcolor": SOFT,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.4,
    "lines.markersize": 3.5,
}


@contextmanager
def chart(width: float, height: float) -> Iterator[tuple[Figure, io.BytesIO]]:
    """Open a figure of so many inches, 100 pixels each; at the end it is a PNG in the file.

    What the user's own matplotlib is set to has no say in it.
    """
    from matplotlib import style
    from matplotlib.figure import Figure

    file = io.BytesIO()
    with style.context(STYLE, after_reset=True), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that its font lacks
        figure = Figure(figsize=(width, height), dpi=100, facecolor=PAPER)
        yield figure, file
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png")
    drawn.seek(0)
    # A palette takes a third of the bytes; this method keeps the rare colours, which lines have.
    coverage, plain = Image.Quantize.MAXCOVERAGE, Image.Dither.NONE
    few = Image.open(drawn).convert("RGB").quantize(256, method=coverage, dither=plain)
    few.save(file, "PNG", optimize=True)


def shown(text: str, longest: int = LONGEST) -> str:
    """Return a text from outside as a chart shows it: one line, its middle cut if it is too long.

    What tells two names apart often stands at their ends.
    """
    plain = inert(text)
    end = (longest - 1) // 2
    return plain if len(plain) <= longest else f"{plain[: longest - 1 - end]}…{plain[-end:]}"


def panel(axes: Axes, title: str, over: str, end: float) -> None:
    """Give a panel its title and what it is drawn over, from 0 to ``end``."""
    from matplotlib.ticker import MaxNLocator

    axes.set_title(title)
    axes.set_xlabel(over)
    axes.set_xlim(0, max(end, 1) * 1.02)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, steps=[1, 2, 5, 10]))
    axes.set_axisbelow(True)


def line(
    axes: Axes,
    points: tuple[Sequence[float], Sequence[float]],
    label: str,
    colour: str,
    dashed: bool = False,
    dots: int = FEW,
) -> None:
    """Draw a line through points, with dots where there are not more; without points its label."""
    marker = "o" if len(points[0]) <= dots else ""
    axes.plot(*points, marker, ls="--" if dashed else "-", color=colour, label=label)


def distance_axis(axes: Axes, runs: Sequence[History], real: float | None) -> None:
    """Make the axis of Fréchet distances logarithmic, with a line where real images are."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    values = [value for run in runs for value in run.series(DISTANCE)[1] if value > 0]
    if not values:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "not measured", color=SOFT, ha="center", transform=axes.transAxes)
        return
    if real is not None:
        axes.axhline(real, color=GREY, lw=1, ls=":", label="real test digits")
        values.append(real)
    low, high = min(values), max(values)
    axes.set_yscale("log")
    axes.set_ylim(low / 1.3, high * 1.3)
    wide = high / low > 30
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 3) if wide else (1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.4g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def outputs_title(objectives: Sequence[str]) -> str:
    """Return what D's outputs are: probabilities, unless the objective is Wasserstein's."""
    if "wasserstein" not in objectives:
        return "discriminator's outputs"
    if len(set(objectives)) == 1:
        return "sigmoid of the critic's outputs: no probability"
    return "sigmoid of outputs; of Wasserstein's no probability"


def legend(axes: Axes) -> None:
    """Name the lines of a panel, if there are any."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best", handlelength=1.6, borderaxespad=0.2)
