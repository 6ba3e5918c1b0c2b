"""What a run would be, take and leave, without making it: for ``ganctl train --dry-run``."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ganctl.benchmark.memory import peak_memory
from ganctl.benchmark.our_loop import ENDLESS
from ganctl.config import TrainConfig
from ganctl.data import ImageData
from ganctl.environment import RUNS
from ganctl.runs.run_dir import RunDir, new_run
from ganctl.training.distributed import ALONE
from ganctl.training.loop import Training
from ganctl.training.start import generated_name, load, settled
from ganctl.training.state import new_state

WARM_UP = 3
"""Steps that are not counted: the first are slower."""

SECONDS = 2.0
"""How long steps are taken, and a few more: each `r1_every`-th is slower, and counts as often."""

LONGEST = 10.0
"""Seconds after which slow steps are few enough."""


@dataclass(frozen=True)
class Estimate:
    """A run that was not made."""

    config: TrainConfig  # as the run's config.json would say it
    data: ImageData
    folder: Path  # that it would write
    device: torch.device
    threads: int
    generator: int  # parameters
    discriminator: int
    steps: int  # in an epoch
    measured: int  # steps that were taken
    step_seconds: float
    memory: int  # the most bytes that this process has held
    gpu_memory: int | None  # the most that tensors took on a CUDA device

    @property
    def epoch_seconds(self) -> float:
        """Return what an epoch takes; samples, measurements and checkpoints come on top."""
        return self.steps * self.step_seconds

    @property
    def images_per_second(self) -> float:
        """Return the speed of an epoch."""
        return len(self.data.images) / self.epoch_seconds


def estimate(
    config: TrainConfig,
    name: str | None,
    device: torch.device,
    fallback: bool,
    notify: Callable[[str], None],
) -> Estimate:
    """Take a few steps of the run that ``config`` describes, in a folder that is thrown away.

    The arguments and the errors are those of `ganctl.training.start.start_run`.
    """
    named = None if name is None else new_run(name)
    data = load(config, fallback, notify, ALONE)
    config = settled(config, data, device, ALONE)
    run = named or RunDir(RUNS / generated_name(config, data.name))
    state = new_state(config, device)
    with tempfile.TemporaryDirectory(prefix="ganctl-dry-run-") as temporary:
        Path(temporary, "samples").mkdir()
        plain = replace(config, epochs=ENDLESS, sample_every=0, checkpoint_every=0)
        training = Training(state, data, plain, RunDir(Path(temporary)))
        measured, seconds = _measure(training)
    cuda = device.type == "cuda"
    return Estimate(
        config=config,
        data=data,
        folder=run.folder,
        device=device,
        threads=torch.get_num_threads(),
        generator=state.vectors["generator"].numel(),
        discriminator=state.vectors["discriminator"].numel(),
        steps=training.steps,
        measured=measured,
        step_seconds=seconds / measured,
        memory=peak_memory(),
        gpu_memory=torch.cuda.max_memory_allocated(device) if cuda else None,
    )


def _measure(training: Training) -> tuple[int, float]:
    """Return how many steps were taken, and in how many seconds."""
    every = training.config.r1_every
    began, taken, seconds = 0.0, 0, 0.0

    def should_stop() -> bool:
        nonlocal began, taken, seconds
        now, step = time.perf_counter(), training.state.step
        if step <= WARM_UP:
            began = now
            return False
        taken, seconds = step - WARM_UP, now - began
        return seconds >= LONGEST or (seconds >= SECONDS and taken % every == 0)

    training.train(lambda _: None, should_stop)
    return taken, seconds
