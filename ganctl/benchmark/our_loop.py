"""ganctl's own training loop under a stopwatch: `Session.train` as ``ganctl train`` calls it."""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from pathlib import Path

import torch

from ganctl.benchmark.timing import Clock
from ganctl.config import TrainConfig
from ganctl.data import ImageData
from ganctl.runs.run_dir import RunDir
from ganctl.training.distributed import ALONE
from ganctl.training.session import Session
from ganctl.training.state import new_state

ENDLESS = 10**9
"""Epochs: no measurement reaches the last one."""


class OurLoop:
    """One run, on the CPU and in a folder of its own, that goes on whenever it is measured."""

    def __init__(
        self, config: TrainConfig, data: ImageData, folder: Path, clock: Clock = time.perf_counter
    ) -> None:
        folder.mkdir()
        (folder / "samples").mkdir()
        self.clock = clock
        config = replace(config, epochs=ENDLESS, eval_every=0)
        state = new_state(config, torch.device("cpu"))
        self.session = Session(state, data, config, RunDir(folder), ALONE)

    def run(self, warm_up: int, steps: int) -> float:
        """Train ``warm_up`` steps, then ``steps`` more; return the latter's images a second.

        The clock runs between two of the loop's own questions whether to stop, which it asks
        before each step; what it saves when it stops is outside. An epoch's end in between counts.
        """
        begin = self.session.state.step + warm_up
        marks: list[tuple[float, int]] = []  # (time, images seen)

        def should_stop() -> bool:
            step = self.session.state.step
            if (not marks and step >= begin) or step >= begin + steps:
                marks.append((self.clock(), self._images_seen()))
            return len(marks) == 2

        self.session.train((), should_stop)
        (began, before), (ended, after) = marks
        return (after - before) / (ended - began)

    def around(self, repeats: int) -> float:
        """Return the seconds that an epoch spends outside its steps, with the default settings.

        That is: the figures, the check of all weights and the next epoch's order at every end, and
        at each ``sample_every``-th and ``checkpoint_every``-th one samples and a checkpoint too.
        """
        config = self.session.config
        ends = {
            every: [self._epoch_end(every) for _ in range(repeats)]
            for every in (1, config.sample_every, config.checkpoint_every)
            if every
        }
        plain = statistics.median(ends[1])
        extra = {
            every: statistics.median(seconds) - plain
            for every, seconds in ends.items()
            if every > 1
        }
        return plain + sum(seconds / every for every, seconds in extra.items())

    def _epoch_end(self, epoch: int) -> float:
        """Return what the end of ``epoch`` (from 1) takes: the gap between two steps, less a step.

        The run is told that it stands a few steps before that end, as a resumed one would be.
        """
        state, steps = self.session.state, self.session.steps
        state.step = epoch * steps - min(steps, 4)
        state.epoch_totals.zero_()
        asked: list[tuple[float, int]] = []

        def should_stop() -> bool:
            asked.append((self.clock(), state.step))
            return state.step > epoch * steps

        self.session.train((), should_stop)
        pairs = list(zip(asked, asked[1:], strict=False))
        gaps = {step: after - before for (before, _), (after, step) in pairs}
        end = gaps.pop(epoch * steps)
        return end - statistics.median(gaps.values())

    def _images_seen(self) -> int:
        epoch, done = divmod(self.session.state.step, self.session.steps)
        batch_size, count = self.session.config.batch_size, len(self.session.data.images)
        return epoch * min(count, self.session.steps * batch_size) + done * batch_size
