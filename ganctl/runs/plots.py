"""Pictures of runs: curves.png, progress.gif and compare.png. They open no window."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from PIL import Image

from ganctl.images import PADDING, Pixels, encode_gif
from ganctl.runs.history import DISTANCE, ComparedRun, Table, describe
from ganctl.runs.run_dir import RunDir
from ganctl.text import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

T = TypeVar("T")

INK, SOFT, RULE = "#1b1f27", "#667085", "#e4e7ee"
BLUE, ORANGE, GREY = "#2f62e0", "#e0702f", "#8b93a5"
COLOURS = (BLUE, ORANGE, "#1f9d6b", "#c2379b", "#7a5cd6", "#b08a00", "#1aa3b8", "#d0342c")
MAX_RUNS = len(COLOURS)  # in one picture

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
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "legend.handlelength": 1.6,
    "legend.borderaxespad": 0.2,
    "lines.linewidth": 1.4,
    "lines.markersize": 3.5,
}

SPACES = {"wspace": 0.9, "hspace": 0.42}  # between curves, in their sizes
FEW = 3  # points up to which a line gets dots, since a single point would be invisible
FEW_DISTANCES = 40  # the same for distances, which are not measured every epoch

CURVES_INCHES, ROW_INCHES, GAP_INCHES = 5.4, 0.2, 0.15  # heights

MAX_FRAMES, MAX_COLOUR_FRAMES = 100, 25  # of progress.gif; colour takes long to encode
FRAME_MS, LAST_FRAME_MS = 200, 2000
GREY_LEVELS = 17  # enough for digits, and halves the file
MAX_SIDE = 488  # pixels of a frame; shows as many images of the grid as fit
MAX_GIF_BYTES = 2_000_000  # frames are left out until the file is smaller


def draw_curves(run: ComparedRun, real: float | None) -> bytes:
    """Return a PNG with a run's Fréchet distance, discriminator outputs, losses and speed.

    Args:
        run: its metrics; missing values are left out.
        real: Fréchet distance of real images, if known.
    """
    with _figure(9, CURVES_INCHES) as (figure, png):
        figure.text(0.065, 0.955, shorten(run.run.name), fontsize=13, color=INK)
        figure.text(0.065, 0.92, shorten(describe(run.config), 130), color=SOFT)
        _draw_panels(figure, [run], real, right=0.985, top=0.86)
    return png.getvalue()


def draw_comparison(
    runs: Sequence[ComparedRun], tables: Mapping[str, Table], real: float | None
) -> bytes:
    """Return a PNG with the curves and the last samples of runs, above tables.

    Args:
        runs: 1 to `MAX_RUNS`.
        tables: by title; one value per run in each row.
        real: Fréchet distance of real images, if known and equal for all runs.
    """
    tables = {title: rows for title, rows in tables.items() if rows}
    heights = [CURVES_INCHES]
    heights += [GAP_INCHES + ROW_INCHES * (1 + len(rows)) for rows in tables.values()]
    with _figure(11, sum(heights)) as (figure, png):
        parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
        _draw_panels(parts[0], runs, real, right=0.73, top=0.95)
        _draw_samples(parts[0], runs)
        for part, height, (title, rows) in zip(parts[1:], heights[1:], tables.items(), strict=True):
            _draw_table(part, GAP_INCHES / height, title, [run.run.name for run in runs], rows)
    return png.getvalue()


def draw_animation(run: RunDir, img_size: int, channels: int) -> bytes | None:
    """Return a run's sample grids as an animated GIF; None with fewer than two readable grids.

    Args:
        run: with sample grids.
        img_size: height and width of its images.
        channels: of its images, 1 or 3.
    """
    paths = spread(run.samples(), MAX_FRAMES if channels == 1 else MAX_COLOUR_FRAMES)
    grids = [grid for grid in map(read_grid, paths) if grid is not None]
    columns = max(1, (MAX_SIDE - PADDING) // (img_size + PADDING))
    side, step = columns * (img_size + PADDING) + PADDING, 255 / (GREY_LEVELS - 1)
    levels = np.rint(np.rint(np.arange(256) / step) * step).astype(np.uint8)
    frames = [levels[grid[:, :side, :side]] for grid in grids if grid.shape == grids[-1].shape]
    while len(frames) > 1:
        data = encode_gif(np.stack(frames), [*(len(frames) - 1) * [FRAME_MS], LAST_FRAME_MS])
        if len(data) <= MAX_GIF_BYTES or len(frames) == 2:
            return data
        frames = spread(frames, max(2, len(frames) // 2))
    return None


def read_grid(path: Path) -> Pixels | None:
    """Return a sample grid as (C, H, W); None if it cannot be read."""
    try:
        with Image.open(io.BytesIO(path.read_bytes()), formats=["PNG"]) as image:
            pixels = np.asarray(image if image.mode == "L" else image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def last_sample(run: RunDir) -> Path | None:
    """Return the path of a run's latest readable sample grid."""
    return next((path for path in reversed(run.samples()) if read_grid(path) is not None), None)


def spread(items: Sequence[T], count: int) -> list[T]:
    """Return at most ``count`` items, evenly spread, including the first and the last."""
    indices = np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int)
    return [items[index] for index in indices]


def shorten(text: str, length: int = 60) -> str:
    """Return foreign text as one line without its middle, since names often differ at the end."""
    plain = printable(text)
    end = (length - 1) // 2
    return plain if len(plain) <= length else f"{plain[: length - 1 - end]}…{plain[-end:]}"


@contextmanager
def _figure(width: float, height: float) -> Iterator[tuple[Figure, io.BytesIO]]:
    """Yield a figure of this size in inches, and the file that will hold it as a PNG.

    The user's own matplotlib settings are neither used nor changed.
    """
    from matplotlib import style
    from matplotlib.figure import Figure

    png, drawn = io.BytesIO(), io.BytesIO()
    with style.context(STYLE, after_reset=True), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters that the font lacks
        figure = Figure(figsize=(width, height), dpi=100)
        yield figure, png
        figure.savefig(drawn, format="png")
    # A palette takes a third of the bytes; MAXCOVERAGE keeps the rare colours of the lines.
    image = Image.open(drawn).convert("RGB")
    few = image.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(png, "PNG", optimize=True)


def _draw_panels(
    figure: Figure | SubFigure,
    runs: Sequence[ComparedRun],
    real: float | None,
    right: float,
    top: float,
) -> None:
    """Draw the curves: a colour per run, or of a single run a colour per network.

    The x axis shows epochs if all runs train on the same data, else the images seen.
    """
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    by_epoch = len({(run.config.data, run.config.batch_size) for run in runs}) == 1

    def series(run: ComparedRun, metric: str) -> tuple[list[float], list[float]]:
        if by_epoch:
            return run.history.series(metric)
        steps, values = run.history.series(metric, "step")
        return [step * run.config.batch_size / 1000 for step in steps], values

    axes = figure.subplot_mosaic(
        "AAABBB;CCDDEE",
        gridspec_kw={"left": 0.065, "bottom": 0.085, "right": right, "top": top, **SPACES},
    )
    distance, outputs, g_loss, d_loss, speed = (axes[letter] for letter in "ABCDE")
    end = max((x for run in runs for x in series(run, "step")[0][-1:]), default=1)
    titles = ["Fréchet distance", "discriminator outputs", "generator loss", "discriminator loss"]
    if any(run.config.objective == "wasserstein" for run in runs):
        titles[1] = "sigmoid of outputs (Wasserstein: not a probability)"
    for each, title in zip(axes.values(), [*titles, "images/s"], strict=True):
        each.set_title(title)
        each.set_xlabel("epoch" if by_epoch else "1,000 images seen")
        each.set_xlim(0, max(end, 1) * 1.02)
        each.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, steps=[1, 2, 5, 10]))

    for run, colour in zip(runs, COLOURS, strict=False):
        g_colour = ORANGE if len(runs) == 1 else colour
        for each, metric, line_colour, style in (
            (distance, DISTANCE, colour, "-"),
            (outputs, "d_real", colour, "-"),
            (outputs, "d_fake", g_colour, "--"),
            (g_loss, "g_loss", g_colour, "-"),
            (d_loss, "d_loss", colour, "-"),
            (speed, "images_per_second", colour, "-"),
        ):
            x, y = series(run, metric)
            dots = "o" if len(x) <= (FEW_DISTANCES if metric == DISTANCE else FEW) else ""
            each.plot(x, y, style + dots, color=line_colour)
    for each in (distance, g_loss, d_loss, speed):
        if not any(len(line.get_xdata()) for line in each.lines):  # type: ignore[arg-type]
            each.set_yticks([])
            each.text(0.5, 0.5, "no data", color=SOFT, ha="center", transform=each.transAxes)
    outputs.set_ylim(-0.03, 1.03)
    outputs.axhline(0.5, color=GREY, lw=1, ls=":")
    real_colour, generated_colour = (BLUE, ORANGE) if len(runs) == 1 else (SOFT, SOFT)
    outputs.plot([], [], "-", color=real_colour, label="D(x), real")
    outputs.plot([], [], "--", color=generated_colour, label="D(G(z)), generated")
    outputs.legend()
    speed.set_ylim(bottom=0)
    speed.yaxis.set_major_formatter("{x:,.0f}")

    values = [value for run in runs for value in run.history.series(DISTANCE)[1] if value > 0]
    if not values:
        return
    if real is not None:
        distance.axhline(real, color=GREY, lw=1, ls=":", label="real test digits")
        values.append(real)
    if len(runs) == 1 and runs[0].history.best is not None:
        value, epoch = runs[0].history.best
        label = f"best: {value:.4g}"
        distance.plot([epoch], [value], "o", ms=8, mfc="none", mec=BLUE, label=label)
    if distance.get_legend_handles_labels()[0]:
        distance.legend()
    distance.set_yscale("log")
    distance.set_ylim(min(values) / 1.3, max(values) * 1.3)
    distance.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    distance.yaxis.set_minor_locator(NullLocator())
    distance.yaxis.set_major_formatter("{x:,.4g}")


def _draw_samples(figure: Figure | SubFigure, runs: Sequence[ComparedRun]) -> None:
    """Draw the last sample grid of each run, right of the curves."""
    columns = 1 if len(runs) <= 3 else 2
    rows = max(2, -(-len(runs) // columns))
    tiles = figure.add_gridspec(
        rows, columns, left=0.765, right=0.99, top=0.94, bottom=0.01, wspace=0.08, hspace=0.26
    )
    for number, (run, colour) in enumerate(zip(runs, COLOURS, strict=False)):
        axes = figure.add_subplot(tiles[number // columns, number % columns])
        axes.set_axis_off()
        distance = run.history.last(DISTANCE)
        below = "" if distance is None else f"\nFD {distance:,.{1 if distance < 1000 else 0}f}"
        title = shorten(run.run.name, 34 // columns) + below
        axes.set_title(title, color=colour, fontsize=8, loc="center", pad=3)
        if (path := last_sample(run.run)) is not None:
            axes.imshow(Image.open(path).convert("RGB"), interpolation="nearest")


def _draw_table(figure: SubFigure, gap: float, title: str, names: list[str], rows: Table) -> None:
    """Draw a column per run below ``gap``, a share of the figure's height."""
    from matplotlib.transforms import Bbox

    axes = figure.add_axes((0.02, 0.01, min(0.97, 0.2 + 0.22 * len(names)), 0.99 - gap))
    axes.set_axis_off()
    length = min(26, 104 // len(names))  # characters of a value
    cells = [[title, *names], *([label, *values] for label, values in rows)]
    table = axes.table(
        [[label, *(shorten(value, length) for value in values)] for label, *values in cells],
        colWidths=[1.5, *[1] * len(names)],
        cellLoc="right",
        edges="horizontal",
        bbox=Bbox.unit(),
    )
    table.auto_set_font_size(False)
    table.set_fontsize(8)
    for (row, column), cell in table.get_celld().items():
        cell.set_edgecolor(RULE)
        cell.PAD = 0.02
        if column == 0:
            cell.set_text_props(ha="left", color=SOFT)
        elif row == 0:
            cell.set_text_props(color=COLOURS[column - 1])
