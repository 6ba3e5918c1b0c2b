"""Train for long with everything on, and watch memory, open files and the time of a step."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from ganctl.benchmark.processes import watched
from ganctl.environment import DEFAULT_RUNS
from ganctl.errors import CheckFailed
from ganctl.runs.run_dir import RunDir

SETTLED = 10
"""Epochs after which nothing may grow any more."""

MOST_GROWTH = 0.02
"""Of memory, after those."""

MOST_SLOWER = 0.10
"""That an epoch's processor time may grow by: neighbours on the machine disturb that a little, and
the time by the clock at will."""

WINDOW = 20
"""Epochs at each end whose medians are compared."""

EVERY_EPOCH = ["--sample-every", "1", "--eval-every", "1", "--checkpoint-every", "1", "--keep", "3"]


@dataclass(frozen=True)
class Look:
    """What a process has at the end of an epoch."""

    epoch: int
    memory: int  # bytes resident
    files: int  # open
    cpu: float  # seconds that it has computed so far, in all its threads


@dataclass(frozen=True)
class SoakResult:
    """How a long run has held."""

    epochs: int
    memory_early: int  # bytes, the median of the epochs after the `SETTLED` first
    memory_late: int  # of the last ones
    memory_growth: float  # late / early - 1
    files_early: int
    files_late: int
    cpu_early: float  # seconds that an epoch is computed for, likewise
    cpu_late: float
    cpu_growth: float  # late / early - 1
    step_early: float  # seconds by the clock
    step_late: float
    seconds: float

    @property
    def growth(self) -> str:
        """Return what has grown that must not, else ""."""
        if self.memory_growth > MOST_GROWTH:
            return f"memory grew by {self.memory_growth:.1%}, more than {MOST_GROWTH:.0%}"
        if self.files_late > self.files_early:
            return f"open files grew from {self.files_early} to {self.files_late}"
        if self.cpu_growth > MOST_SLOWER:
            return (
                f"an epoch's processor time grew by {self.cpu_growth:.1%}, "
                f"more than {MOST_SLOWER:.0%}"
            )
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
        command = ["train", "--data", data, *EVERY_EPOCH]
        command += ["--epochs", str(epochs), "--threads", str(threads), "--name", "soak"]
        command += ["--conditional"] if conditional else []
        run, looks = RunDir(Path(temporary) / DEFAULT_RUNS / "soak"), list[Look]()
        with watched(command, Path(temporary)) as process:
            assert process.stderr is not None
            for line in process.stderr:  # one an epoch, as in any pipe
                if line.startswith("epoch "):
                    epoch = int(line.split()[1].split("/")[0])
                    looks.append(_look(process.pid, epoch) or looks[-1])
                    if epoch % 25 == 0:
                        notify(f"{epoch} of {epochs} epochs, {looks[-1].memory / 2**20:.0f} MiB")
            process.wait()
        if process.returncode:
            raise CheckFailed("the training failed", "try it alone: ganctl train")
        lines = list(map(json.loads, run.metrics.read_text(encoding="utf-8").splitlines()))
    return result_of(looks, lines, time.monotonic() - began)


def result_of(looks: list[Look], lines: list[dict[str, Any]], seconds: float) -> SoakResult:
    """Return what a run's looks and lines of metrics, an epoch each, amount to."""
    steps = lines[0]["step"]
    memory = _ends([look.memory for look in looks[SETTLED:]])
    files = _ends([look.files for look in looks[SETTLED:]])
    cpu = _ends([after.cpu - before.cpu for before, after in pairwise(looks[SETTLED - 1 :])])
    step = _ends([line["seconds"] / steps for line in lines[SETTLED:]])
    return SoakResult(
        epochs=len(lines),
        memory_early=int(memory[0]),
        memory_late=int(memory[1]),
        memory_growth=memory[1] / memory[0] - 1,
        files_early=int(files[0]),
        files_late=int(files[1]),
        cpu_early=cpu[0],
        cpu_late=cpu[1],
        cpu_growth=cpu[1] / cpu[0] - 1,
        step_early=step[0],
        step_late=step[1],
        seconds=seconds,
    )


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """Return the medians of the first and the last `WINDOW` values, or halves of fewer."""
    size = min(WINDOW, len(values) // 2)
    return statistics.median(values[:size]), statistics.median(values[-size:])


def _look(process: int, epoch: int) -> Look | None:
    """Return what the process holds now; None when it has gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
        times = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        files = len(os.listdir(f"/proc/{process}/fd"))
    except OSError:
        return None
    held = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    cpu = (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")  # utime, stime: proc(5)
    return Look(epoch, int(held[0]) * 1024, files, cpu) if held else None
