"""Measure ganctl's training loop: `Session.train`, as ``ganctl train`` calls it.

    python -m benchmarks.ganctl_loop DATA CONFIG STEPS THREADS   # prints the peak memory in bytes

CONFIG is a `TrainConfig` in JSON.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.common import Clock
from ganctl.config import TrainConfig, from_dict
from ganctl.data import ImageData, load_data
from ganctl.environment import peak_memory
from ganctl.runs.run_dir import RunDir
from ganctl.training.distributed import ALONE
from ganctl.training.session import Session
from ganctl.training.state import new_state


class GanctlLoop:
    """A run on the CPU, in its own folder, which each measurement continues."""

    def __init__(
        self, config: TrainConfig, data: ImageData, folder: Path, clock: Clock = time.perf_counter
    ) -> None:
        folder.mkdir()
        (folder / "samples").mkdir()
        self.clock = clock
        config = replace(config, epochs=10**9, eval_every=0)
        state = new_state(config, torch.device("cpu"))
        self.session = Session(state, data, config, RunDir(folder), ALONE)

    def run(self, warm_up: int, steps: int) -> float:
        """Train ``warm_up`` steps, then ``steps`` more; return the images per second of the latter.

        The clock is read in ``should_stop``, which is called before each step. So the end of an
        epoch counts, and the checkpoint that is saved after the last step does not.
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
        """Return the mean seconds that an epoch spends outside its steps.

        Each epoch writes metrics, checks the weights and shuffles the images. Samples and
        checkpoints are added every ``sample_every`` and ``checkpoint_every`` epochs.
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
        """Return how long the end of ``epoch`` takes: the gap between two steps less a step.

        The state is set to a few steps before that end, as if the run had been resumed there.
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


if __name__ == "__main__":
    data, config, *numbers = sys.argv[1:]
    steps, threads = map(int, numbers)
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory(prefix="ganctl-bench-") as folder:
        loop = GanctlLoop(
            from_dict(TrainConfig, json.loads(config)), load_data(data), Path(folder, "run")
        )
        loop.run(0, steps)
    print(peak_memory())
