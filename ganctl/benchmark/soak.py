"""Train for long with everything on, and watch memory, open files and the time of a step."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganctl.environment import DEFAULT_RUNS, neutral
from ganctl.errors import CheckFailed
from ganctl.training.run import Run

SETTLED = 10
"""Epochs after which nothing may grow any more."""

MOST_GROWTH = 0.02
"""Of memory, after those."""

WINDOW = 20
"""Epochs at each end whose medians are compared."""

EVERY_EPOCH = ["--sample-every", "1", "--eval-every", "1", "--checkpoint-every", "1", "--keep", "3"]


@dataclass(frozen=True)
class Look:
    """What a process has at the end of an epoch."""

    epoch: int
    memory: int  # bytes resident
    files: int  # open


@dataclass(frozen=True)
class SoakResult:
    """How a long run has held."""

    epochs: int
    memory_early: int  # bytes, the median of the epochs after the `SETTLED` first
    memory_late: int  # of the last ones
    memory_growth: float  # late / early - 1
    files_early: int
    files_late: int
    step_early: float  # seconds, likewise
    step_late: float
    seconds: float

    @property
    def leak(self) -> str:
        """Return what has grown that must not, else ""."""
        if self.memory_growth > MOST_GROWTH:
            return f"memory grew by {self.memory_growth:.1%}, more than {MOST_GROWTH:.0%}"
        if self.files_late > self.files_early:
            return f"open files grew from {self.files_early} to {self.files_late}"
        return ""


def bench_soak(
    data: str, epochs: int, threads: int, conditional: bool, notify: Callable[[str], None]
) -> SoakResult:
    """Train with pictures, measurements and checkpoints every epoch.

    Args:
        data: as for ``ganctl train``.
        epochs: more than `SETTLED` by 2 or more.
        threads: of the training; 0 for all cores.
        conditional: whether the networks learn the classes.
        notify: told in a line how far it is.

    Raises:
        CheckFailed: the training fails, or this system does not say what a process holds.
    """
    if not os.path.isdir("/proc/self/fd"):
        raise CheckFailed("this system does not say what a process holds", "try it on Linux")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ganctl-soak-") as temporary:
        command = [sys.executable, "-m", "ganctl", "train", "--data", data, *EVERY_EPOCH]
        command += ["--epochs", str(epochs), "--threads", str(threads), "--name", "soak"]
        command += ["--conditional"] if conditional else []
        run, looks = Run(Path(temporary) / DEFAULT_RUNS / "soak"), list[Look]()
        with subprocess.Popen(
            command,
            cwd=temporary,
            env=neutral(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stderr is not None
            for line in process.stderr:  # one an epoch, as in any pipe
                if line.startswith("epoch "):
                    epoch = int(line.split()[1].split("/")[0])
                    looks.append(_look(process.pid, epoch) or looks[-1])
                    if epoch % 25 == 0:
                        notify(f"{epoch} of {epochs} epochs, {looks[-1].memory / 2**20:.0f} MiB")
        if process.returncode:
            raise CheckFailed("the training failed", "try it alone: ganctl train")
        lines = list(map(json.loads, run.metrics.read_text(encoding="utf-8").splitlines()))
    return result_of(looks, lines, time.monotonic() - began)


def result_of(looks: list[Look], lines: list[dict[str, Any]], seconds: float) -> SoakResult:
    """Return what a run's looks and lines of metrics, an epoch each, amount to."""
    settled = looks[SETTLED:]
    early, late = settled[:WINDOW], settled[-WINDOW:]
    steps = lines[0]["step"]
    times = [line["seconds"] / steps for line in lines[SETTLED:]]
    memory = [int(statistics.median(look.memory for look in part)) for part in (early, late)]
    files = [int(statistics.median(look.files for look in part)) for part in (early, late)]
    return SoakResult(
        epochs=len(lines),
        memory_early=memory[0],
        memory_late=memory[1],
        memory_growth=memory[1] / memory[0] - 1,
        files_early=files[0],
        files_late=files[1],
        step_early=statistics.median(times[:WINDOW]),
        step_late=statistics.median(times[-WINDOW:]),
        seconds=seconds,
    )


def _look(process: int, epoch: int) -> Look | None:
    """Return what the process holds now; None when it has gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
        files = len(os.listdir(f"/proc/{process}/fd"))
    except OSError:
        return None
    held = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    return Look(epoch, int(held[0]) * 1024, files) if held else None
