"""What a run would take, from a few steps of it: for ``ganctl train --dry-run`` and ``doctor``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ganctl.config import RunOptions, TrainConfig
from ganctl.data import ImageData
from ganctl.environment import RUNS, peak_memory
from ganctl.runs.run_dir import RunDir, new_run
from ganctl.training.device import resolve_device, use_threads
from ganctl.training.distributed import ALONE
from ganctl.training.loop import Training
from ganctl.training.session import generated_name, load, settled
from ganctl.training.state import new_state

WARM_UP = 3  # steps that are not counted: the first ones are slower
SECONDS = 2.0  # of steps, and up to r1_every more: every r1_every-th step is slower
LONGEST = 10.0  # seconds after which slow steps are enough


@dataclass(frozen=True)
class Estimate:
    """A run that was not started."""

    config: TrainConfig  # as in the run's config.json
    data: ImageData
    folder: Path  # that it would write
    device: torch.device
    threads: int
    warning: str  # about the threads, or ""
    generator: int  # parameters
    discriminator: int
    steps: int  # in an epoch
    measured: int  # steps that were taken
    step_seconds: float
    memory: int  # peak bytes of this process
    gpu_memory: int | None  # peak bytes of tensors on a CUDA device

    @property
    def epoch_seconds(self) -> float:
        """Return the seconds of an epoch without samples, evaluations and checkpoints."""
        return self.steps * self.step_seconds

    @property
    def images_per_second(self) -> float:
        """Return the speed of an epoch."""
        return len(self.data.images) / self.epoch_seconds


def estimate(
    given: Mapping[str, Any], options: RunOptions, kind: type[TrainConfig] = TrainConfig
) -> Estimate:
    """Take a few steps of a run without writing anything.

    The arguments and errors are those of `ganctl.training.session.open_session`.
    """
    config, device = kind(**given), resolve_device(options.device)
    warning = use_threads(options.threads, 1, device)
    named = new_run(options.name) if options.name else None
    data = load(config, options.fallback, ALONE)
    config = settled(config, data, device, ALONE)
    run = named or RunDir(RUNS / generated_name(config, data.name))
    state = new_state(config, device)
    endless = replace(config, epochs=10**9, max_rollbacks=0)
    began, taken, seconds = 0.0, 0, 0.0

    def should_stop() -> bool:
        nonlocal began, taken, seconds
        now = time.perf_counter()
        if state.step <= WARM_UP:
            began = now
            return False
        taken, seconds = state.step - WARM_UP, now - began
        return seconds >= LONGEST or (seconds >= SECONDS and taken % config.r1_every == 0)

    training = Training(state, data, endless, run, should_stop=should_stop)
    training.run_epochs()
    return Estimate(
        config=config,
        data=data,
        folder=run.folder,
        device=device,
        threads=torch.get_num_threads(),
        warning=warning,
        generator=state.vectors["generator"].numel(),
        discriminator=state.vectors["discriminator"].numel(),
        steps=training.steps,
        measured=taken,
        step_seconds=seconds / taken,
        memory=peak_memory(),
        gpu_memory=torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None,
    )
