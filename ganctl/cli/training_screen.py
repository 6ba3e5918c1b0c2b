"""How far a run is: a live panel on a terminal, otherwise one plain line an epoch."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from functools import cached_property
from types import TracebackType

from rich.console import Console
from rich.text import Text

from ganctl.cli import screen
from ganctl.cli.live import LiveLines
from ganctl.cli.panel import Panel
from ganctl.cli.terminal_pictures import shows_colours
from ganctl.images import Pixels
from ganctl.runs.history import History, read_history
from ganctl.text import duration
from ganctl.training.loop import Callback, Epoch, Training
from ganctl.training.progress import Progress, Throttle

REDRAW_SHARE, REDRAW_SECONDS = 0.01, 0.4
"""Of the training time, that frames may take, new pictures aside; and the time between two."""

HEAD_SECONDS = 0.4
"""Between two renewals of the line that says how far the run is, whatever share that takes."""

KEPT_FREE = 2
"""Lines of a terminal that the panel leaves: the cursor's, and one for what stands above."""


class TrainingScreen(Callback):
    """Shows a run's progress on stderr.

    Args:
        real_distance: returns the Fréchet distance of real images, if known; it is asked once,
            when there is one to compare.
        plain: a line an epoch on a terminal too.
    """

    def __init__(self, real_distance: Callable[[], float | None], plain: bool) -> None:
        console = Console(stderr=True)
        live = console.is_terminal and not console.is_dumb_terminal and not plain
        self._live = _LivePanel(console) if live else None
        self._ask_real_distance = real_distance
        self._start = time.perf_counter()
        self._first: int | None = None
        self._distance: float | None = None
        self._last: Progress | None = None

    def __enter__(self) -> TrainingScreen:
        if self._live:
            self._live.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.close()

    @property
    def is_live(self) -> bool:
        """Tell whether a panel with images is shown."""
        return self._live is not None

    def on_start(self, training: Training) -> None:
        """Let the curves begin with the epochs that were trained before."""
        if self._live:
            history = read_history(training.run).until(training.state.step)
            self._live.go_on(history, training.steps)

    def on_progress(self, training: Training, progress: Progress) -> None:
        """Show the progress."""
        self.show(progress)

    def on_epoch_end(self, training: Training, epoch: Epoch) -> None:
        """Show the finished epoch."""
        self.show(epoch.progress)

    def on_samples(self, training: Training, images: Pixels, epoch: int | None) -> None:
        """Show the images."""
        if self._live:
            self._live.show_samples(images)

    def on_stop(self, training: Training) -> None:
        """Show the last step."""
        self.stopped(training.state.step)

    def show(self, progress: Progress) -> None:
        """Show where the run stands."""
        self._last, before = progress, self._distance
        left, self._distance = self._seconds_left(progress), progress.frechet_distance
        measured = self._distance != before  # else it is an earlier epoch's
        if self._live:
            real = None if self._distance is None else self._real_distance
            self._live.show(progress, left, real)
        elif progress.step == progress.steps:
            screen.line(
                f"epoch {progress.epoch}/{progress.epochs}  {_figures(progress, measured)}  "
                f"{progress.images_per_second:,.0f} images/s  {duration(left)} left"
            )

    def stopped(self, step: int) -> None:
        """Show that the run was stopped, and saved, after ``step`` steps."""
        if self._live and self._last and step:
            epochs, done = divmod(step - 1, self._last.steps)
            at = dataclasses.replace(self._last, epoch=epochs + 1, step=done + 1)
            self._live.stopped(at, self._seconds_left(at))

    @property
    def quality(self) -> list[str]:
        """How good the generator is beside real images, as a result's lines; [] if unmeasured."""
        if self._distance is None:
            return []
        text, real = f"Fréchet distance {self._distance:,.1f}", self._real_distance
        return [text if real is None else f"{text}; real test digits: {real:.1f}"]

    @cached_property
    def _real_distance(self) -> float | None:
        return self._ask_real_distance()

    def _seconds_left(self, progress: Progress) -> float:
        """Return the time left at the mean speed since the start, samples and saves included."""
        done = (progress.epoch - 1) * progress.steps + progress.step
        if self._first is None:  # a report covers steps that were taken before it
            self._first = done - max(progress.step, 1)
        seconds_a_step = (time.perf_counter() - self._start) / (done - self._first)
        return seconds_a_step * (progress.epochs * progress.steps - done)


class _LivePanel:
    """A panel that is drawn anew on the same lines."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._panel = Panel(shows_colours(console))
        self._lines = LiveLines(console)
        self._pace = Throttle(REDRAW_SHARE, REDRAW_SECONDS)
        self._head_pace = Throttle(1, HEAD_SECONDS)
        self._left = 0.0
        self._size = console.size
        self._shown: list[Text] = []

    def open(self) -> None:
        self._lines.__enter__()
        self._draw()

    def close(self) -> None:
        try:
            if self._panel.is_empty:  # "starting" is over
                self._lines.show([])
            else:
                self._draw()
        finally:
            self._lines.__exit__(None, None, None)

    def go_on(self, history: History, steps: int) -> None:
        self._panel.add_history(history, steps)

    def show(self, progress: Progress, left: float, real: float | None) -> None:
        self._panel.add(progress, real)
        self._left = left
        if self._pace.is_due():
            with self._pace.timed():
                self._draw()
        elif self._head_pace.is_due():
            with self._head_pace.timed():
                self._draw_head()

    def stopped(self, at: Progress, left: float) -> None:
        self._panel.stand_at(at)
        self._left = left

    def show_samples(self, images: Pixels) -> None:
        self._panel.add_images(images)
        self._draw()

    def _draw(self) -> None:
        self._size = width, height = self._console.size
        self._shown = self._panel.lines(width, max(height - KEPT_FREE, 1), self._left)
        self._lines.show(self._shown)

    def _draw_head(self) -> None:
        if self._console.size != self._size:
            return self._draw()
        self._shown[0] = self._panel.head(self._size.width, self._left)
        self._lines.show(self._shown)


def _figures(progress: Progress, measured: bool) -> str:
    return (
        f"G {progress.g_loss:.3f}  D {progress.d_loss:.3f}  "
        f"D(x) {progress.d_real:.2f}  D(G(z)) {progress.d_fake:.2f}"
    ) + (f"  FD {progress.frechet_distance:.1f}" if measured else "")
