"""What a terminal shows of a run while it learns: figures as curves, and what it draws by now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from ganctl.cli.sparkline import Curve, sparkline
from ganctl.cli.terminal_pictures import (
    draw_pictures,
    fitting_cols,
    fitting_count,
    fitting_width,
)
from ganctl.images import Pixels
from ganctl.text import duration

if TYPE_CHECKING:
    from ganctl.runs.history import History
    from ganctl.training.progress import Progress

DISTANCE = "frechet_distance"

FIGURES = {
    "g_loss": ("generator loss", "magenta"),
    "d_loss": ("discriminator loss", "cyan"),
    "d_real": ("D(x)", "cyan"),
    "d_fake": ("D(G(z))", "magenta"),
    DISTANCE: ("Fréchet distance", "green"),
}
"""Each curve's name and colour: what the generator pulls at, what the discriminator, quality."""

MEANS = [key for key in FIGURES if key != DISTANCE]
"""What a report gives the means of, over the epoch so far."""

NAME, VALUE, RANGE = 18, 7, 22
"""Columns of a curve's name, of its last value and of its range."""

MOST_ROWS = 3
"""Lines of a curve."""

SMALL = 32
"""Pixels up to which an image can be shrunk to half and still be recognised."""

SMALLEST = 8
"""Columns of an image, below which none is drawn, and of a curve."""


class Panel:
    """Keeps what a run has reported, and lays it out.

    Args:
        colours: whether pictures may have them.
    """

    def __init__(self, colours: bool) -> None:
        self._colours = colours
        self._real: float | None = None
        self._best: float | None = None
        self._curves = {key: Curve() for key in FIGURES}
        self._last: Progress | None = None
        self._images: Pixels | None = None
        self._strip: tuple[tuple[int, int], list[Text]] | None = None  # for (width, height)

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing is reported yet."""
        return self._last is None

    def add(self, progress: Progress, real: float | None = None) -> None:
        """Take in where the run stands: means over the epoch become those since the last report.

        Args:
            progress: newest.
            real: the Fréchet distance of real images, as low as can be hoped for, if known.
        """
        last, self._last, self._real = self._last, progress, real
        follows = last is not None and last.epoch == progress.epoch and last.step < progress.step
        known = last.step if last and follows else 0
        for key in MEANS:
            total = getattr(progress, key) * progress.step
            if known:
                total -= getattr(last, key) * known
            self._curves[key].add(progress.step - known, total / (progress.step - known))
        distance = progress.frechet_distance
        if distance is not None and (last is None or distance != last.frechet_distance):
            self._add_distance(distance)

    def add_history(self, history: History, steps: int) -> None:
        """Take in the epochs that were finished before, of so many steps each."""
        for key in MEANS:
            for mean in history.series(key)[1]:
                self._curves[key].add(steps, mean)
        for distance in history.series(DISTANCE)[1]:
            self._add_distance(distance)

    def _add_distance(self, distance: float) -> None:
        self._curves[DISTANCE].add(1, distance)
        self._best = distance if self._best is None else min(self._best, distance)

    def stand_at(self, progress: Progress) -> None:
        """Let the head say this, a step that is not reported: the curves stay."""
        self._last = progress

    def add_images(self, images: Pixels) -> None:
        """Take in images (N, C, H, W) as they are drawn by now."""
        self._images, self._strip = images, None

    def lines(self, width: int, height: int, left: float) -> list[Text]:
        """Return at most ``height`` lines of at most ``width`` columns.

        The pictures take what they need to be recognised, the curves what is left; in a low window
        the pictures go first, then the lower curves.

        Args:
            width: of the terminal.
            height: lines that may be used, 1 or more.
            left: seconds until the run is finished.
        """
        if self._last is None:
            return [self.head(width, left)]
        strip = self._pictures(width, height - len(FIGURES) - 2)
        above = height - len(strip)
        rows = min(max((above - 1) // len(FIGURES), 1), MOST_ROWS)
        room = width - NAME - VALUE - RANGE - 5
        curves = [line for key in FIGURES for line in self._curve(key, room, rows)]
        shown = [self.head(width, left), *curves][:above] + strip
        for line in shown:
            line.truncate(width)
        return shown

    def head(self, width: int, left: float) -> Text:
        """Return the first of the `lines`, which says how far the run is."""
        if self._last is None:
            return Text("starting", "dim")
        progress = self._last
        where = f"epoch {progress.epoch}/{progress.epochs}  step {progress.step}/{progress.steps}"
        rest = f"{duration(left)} left  {progress.images_per_second:,.0f} images/s"
        room = width - len(where) - len(rest) - 4
        share = (progress.epoch - 1 + progress.step / progress.steps) / progress.epochs
        full = round(share * room)
        bar = Text.assemble(("━" * full, "green"), ("─" * (room - full), "dim"), "  ")
        line = Text.assemble(where, "  ", bar if room > 5 else "", rest)
        line.truncate(width)
        return line

    def _curve(self, key: str, room: int, rows: int) -> list[Text]:
        """Return a figure's name, last value, course of ``room`` columns, and range."""
        (name, colour), curve = FIGURES[key], self._curves[key]
        value = _number(curve.points[-1][1]) if curve.points else "–"
        titles = [f"{name:<{NAME}} {value:>{VALUE}}", *[""] * (rows - 1)]
        courses, ranges = [""] * rows, [""] * rows
        if curve.points and room >= SMALLEST:
            values = [*curve.values(room)[:-1], curve.points[-1][1]]  # the newest as it is
            low, high = min(values), max(values)
            courses = sparkline(values, low, high, rows)
            ranges = [_number(high), *[""] * (rows - 2), _number(low)]
            if rows == 1:
                ranges = [f"{_number(low)} – {_number(high)}"]
            if key == DISTANCE and self._best is not None:
                ranges[-1] = f"best {_number(self._best)}"
                ranges[-1] += "" if self._real is None else f" (real {self._real:.1f})"
        return [
            Text.assemble(
                *(
                    (f"{title:<{NAME + VALUE + 1}}  ", colour),
                    (f"{course:<{max(room, 0)}}", colour),
                ),
                *("  ", (limits, "dim")),
            )
            for title, course, limits in zip(titles, courses, ranges, strict=True)
        ]

    def _pictures(self, width: int, height: int) -> list[Text]:
        """Return a blank line and the images, or nothing where there is no room for any."""
        if self._images is None:
            return []
        if self._strip is None or self._strip[0] != (width, height):
            self._strip = (width, height), self._drawn(self._images, width, height)
        strip = self._strip[1]
        return [Text(), *strip] if strip else []

    def _drawn(self, images: Pixels, width: int, height: int) -> list[Text]:
        """Return as many images as fit, as large as can be while there are enough to compare."""
        shape = images.shape[2:]
        for count in range(min(8 if max(shape) <= SMALL else 4, len(images)), 0, -1):
            size = fitting_width(count, shape, width, height)
            if size >= min(SMALLEST, shape[1]):
                cols = min(fitting_cols(size, width), len(images))
                fitting = min(fitting_count(shape, size, width, height), len(images))
                return draw_pictures(images[: fitting - fitting % cols], cols, size, self._colours)
        return []


def _number(value: float) -> str:
    """Return a figure in at most 7 characters, if it is no monster."""
    if abs(value) >= 1000:
        return f"{value:,.0f}" if abs(value) < 100_000 else f"{value:.1e}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
