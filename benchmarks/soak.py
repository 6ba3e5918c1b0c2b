"""Train for long with everything on, and watch memory, open files and the time of a step.

    python -m benchmarks.soak --epochs 300

The exit code is 5 if memory grows by more than 2 % after the first epochs, the processor time of an
epoch by more than 10 %, or the number of open files. Linux only.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import common
from benchmarks.common import note, running
from ganctl.environment import DEFAULT_RUNS
from ganctl.errors import CheckFailed
from ganctl.runs.run_dir import RunDir
from ganctl.text import duration

SETTLED = 10  # epochs after which nothing may grow
WINDOW = 20  # epochs at each end whose medians are compared
MAX_GROWTH = 0.02  # of the memory
MAX_SLOWDOWN = 0.10  # of the processor time of an epoch, which other programs disturb a little
OPTIONS = ["--sample-every", "1", "--eval-every", "1", "--checkpoint-every", "1", "--keep", "3"]


class Look(NamedTuple):
    """The resources of a process at the end of an epoch."""

    memory: int  # resident bytes
    files: int  # open
    cpu: float  # processor seconds so far, of all threads


def bench_soak(data: str, epochs: int, threads: int, conditional: bool) -> dict[str, Any]:
    """Train with samples, evaluations and checkpoints in every epoch, and `summarize` the run.

    The arguments are options of ``ganctl train``; there are at least `SETTLED` + 2 epochs.
    """
    if not os.path.isdir("/proc/self/fd"):
        raise CheckFailed("this system does not report a process's resources", "use Linux")
    began, looks = time.monotonic(), list[Look]()
    with tempfile.TemporaryDirectory(prefix="ganctl-soak-") as temporary:
        command = ["train", "--data", data, *OPTIONS, "--epochs", str(epochs)]
        command += ["--threads", str(threads), "--name", "soak"]
        command += ["--conditional"] if conditional else []
        with running(command, Path(temporary)) as process:
            assert process.stderr is not None
            for line in process.stderr:  # one per epoch
                if line.startswith("epoch "):
                    epoch = int(line.split()[1].split("/")[0])
                    looks.append(look(process.pid) or looks[-1])
                    if epoch % 25 == 0:
                        note(f"{epoch} of {epochs} epochs, {looks[-1].memory / 2**20:.0f} MiB")
            process.wait()
        if process.returncode:
            raise CheckFailed("the training failed", "run it alone: ganctl train")
        metrics = RunDir(Path(temporary) / DEFAULT_RUNS / "soak").metrics
        lines = list(map(json.loads, metrics.read_text(encoding="utf-8").splitlines()))
    return summarize(looks, lines) | {"seconds": time.monotonic() - began}


def look(process: int) -> Look | None:
    """Return what a process uses now; None if it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
        times = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        files = len(os.listdir(f"/proc/{process}/fd"))
    except OSError:
        return None
    memory = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    cpu = (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")  # utime, stime: proc(5)
    return Look(int(memory[0]) * 1024, files, cpu) if memory else None


def summarize(looks: list[Look], lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians at both ends of a run, and the growth of memory and processor time.

    Args:
        looks: one per epoch.
        lines: the metrics of each epoch.
    """
    steps = lines[0]["step"]
    values: dict[str, list[float]] = {
        "memory": [look.memory for look in looks[SETTLED:]],  # bytes
        "files": [look.files for look in looks[SETTLED:]],
        "cpu": [after.cpu - before.cpu for before, after in pairwise(looks[SETTLED - 1 :])],  # s
        "step": [line["seconds"] / steps for line in lines[SETTLED:]],  # seconds by the clock
    }
    found: dict[str, Any] = {"epochs": len(lines)}
    for name, each in values.items():
        size = min(WINDOW, len(each) // 2)
        early, late = statistics.median(each[:size]), statistics.median(each[-size:])
        found |= {f"{name}_early": early, f"{name}_late": late}
        if name in ("memory", "cpu"):
            found[f"{name}_growth"] = late / early - 1
    return found


def growth(found: dict[str, Any]) -> str:
    """Return which resource has grown too much, or ""."""
    if found["memory_growth"] > MAX_GROWTH:
        return f"memory grew by {found['memory_growth']:.1%}, more than {MAX_GROWTH:.0%}"
    if found["files_late"] > found["files_early"]:
        return f"open files grew from {found['files_early']:g} to {found['files_late']:g}"
    if found["cpu_growth"] > MAX_SLOWDOWN:
        return (
            f"the processor time of an epoch grew by {found['cpu_growth']:.1%}, more than "
            f"{MAX_SLOWDOWN:.0%}"
        )
    return ""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program."""
    parser = common.parser(__doc__, threads=True)
    parser.add_argument(
        "--epochs", type=common.at_least(SETTLED + 2), default=300, help="passes over the digits"
    )
    parser.add_argument("--conditional", action="store_true", help="train on the classes, too")
    options = parser.parse_args(arguments)
    found = bench_soak("digits", options.epochs, options.threads, options.conditional)
    if options.json:
        common.print_json(found)
    else:
        early, late = found["memory_early"] / 2**20, found["memory_late"] / 2**20
        print(
            f"{found['epochs']} epochs in {duration(found['seconds'])}; medians after epoch "
            f"{SETTLED} and at the end:"
        )
        print(f"memory: {early:.1f} and {late:.1f} MiB, {found['memory_growth']:+.2%}")
        print(f"open files: {found['files_early']:g} and {found['files_late']:g}")
        print(
            f"processor time of an epoch: {found['cpu_early']:.2f} and {found['cpu_late']:.2f} s, "
            f"{found['cpu_growth']:+.1%}"
        )
        early, late = 1000 * found["step_early"], 1000 * found["step_late"]
        print(f"a step by the clock: {early:.2f} and {late:.2f} ms")
    if problem := growth(found):
        raise CheckFailed(problem, "run it on an idle machine, then report it")


if __name__ == "__main__":
    common.run(main)
