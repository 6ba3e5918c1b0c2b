"""What is seen of a run on its way: how good its pictures are, some of them, and its health."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np

from ganctl.config import MEASURED, TrainConfig
from ganctl.data import ImageData
from ganctl.drawing import draw
from ganctl.errors import CheckFailed
from ganctl.images import Pixels
from ganctl.inputs import Inputs, seeded
from ganctl.latents import Labels
from ganctl.notify import Notify
from ganctl.training.generate import as_function
from ganctl.training.health import monotony, saturation
from ganctl.training.pace import Pace
from ganctl.training.record import Record, class_shares
from ganctl.training.state import TrainState

SAMPLES = 64

MEASURED_START = 2**40
"""The first of the indices of images that are measured, for which nobody asks."""

Measure = Callable[[Pixels, Labels | None], dict[str, float]]
"""Images (N, C, H, W) and the classes asked for, if any → figures, with a ``frechet_distance``.

It may raise `Stopped`."""

PREVIEW_SHARE, PREVIEW_SECONDS = 0.01, 2.0
"""Of the training time, that previews may take; and the time between two at least."""


class Stopped(Exception):
    """A measurement is cut short, since training is to stop."""


class Observer:
    """Looks at a run's state, and leaves it as it is.

    Args:
        state: of the run.
        data: that it trains on.
        config: of the run.
        record: takes the sample grids.
        on_samples: shown the sample grid's images (N, C, H, W) with each grid and, as a preview,
            between them; None: nobody looks, and none is drawn for it.
        notify: told, in a line, what looks sick.
    """

    def __init__(
        self,
        state: TrainState,
        data: ImageData,
        config: TrainConfig,
        record: Record,
        on_samples: Callable[[Pixels], None] | None,
        notify: Notify,
    ) -> None:
        self._state, self._data, self._record = state, data, record
        self._on_samples, self._notify = on_samples, notify
        shares = class_shares(data) if config.model.classes else ()
        self._inputs: Inputs = seeded(config.seed, config.model.latent_dim, shares)
        self._pace = Pace(PREVIEW_SHARE, PREVIEW_SECONDS)
        self._signs: dict[str, str] = {}  # of sickness, that were found last

    def measured(self, measure: Measure, should_stop: Callable[[], bool]) -> dict[str, float]:
        """Return what ``measure`` says of the generator as it stands.

        Raises:
            Stopped: ``should_stop`` said so, or ``measure`` was told.
        """
        drawn = []
        for images in self._draw(MEASURED_START, MEASURED):
            if should_stop():
                raise Stopped
            drawn.append(images)
        images = np.concatenate(drawn)
        figures = measure(images, self._inputs(MEASURED_START, MEASURED)[1])
        self._watch_variety(images[:SAMPLES])
        return figures

    def draw_samples(self, epoch: int) -> None:
        """Record and show a grid after ``epoch`` epochs: the same latents each time."""
        images = np.concatenate(list(self._draw(0, SAMPLES)))
        self._record.draw_samples(epoch, images)
        if self._on_samples is not None:
            with self._pace.taken():
                self._on_samples(images)
        self._watch_variety(images)

    def preview(self) -> None:
        """Show what the next samples would look like by now; the training does not notice."""
        if self._on_samples is None or not self._pace.is_due():
            return
        with self._pace.taken(), suppress(CheckFailed):  # not finite: the next step says so
            generator = as_function(self._state.preview_generator())
            images = draw(generator, self._inputs, start=0, count=SAMPLES, batch_size=SAMPLES)
            self._on_samples(np.concatenate(list(images)))

    def watch_outputs(self, d_real: float, d_fake: float) -> None:
        """Say it where the discriminator has won, by its mean outputs over an epoch."""
        self._watch("saturation", saturation(d_real, d_fake))

    def _watch_variety(self, drawn: Pixels) -> None:
        apart = max(1, len(self._data.images) // SAMPLES)  # or they were of one class alone
        self._watch("monotony", monotony(drawn, self._data.images[::apart], self._state.step))

    def _watch(self, sign: str, found: str) -> None:
        """Say what is found of one sign of sickness, once; until it is gone and comes again."""
        if found and not self._signs.get(sign):
            self._notify(found)
        self._signs[sign] = found

    def _draw(self, start: int, count: int) -> Iterator[Pixels]:
        """Draw as ``ganctl sample`` would with the run's seed."""
        generator = as_function(self._state.drawing_generator())
        return draw(generator, self._inputs, start=start, count=count, batch_size=SAMPLES)
