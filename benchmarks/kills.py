"""Kill a training again and again at random moments, resume it, and check that nothing is lost.

    python -m benchmarks.kills --times 100

A run that was killed must end with the same bytes as one that was not. If a run ends before there
were enough kills, another one is started.
"""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import common
from benchmarks.common import note, running
from ganctl.checkpoint_file import read_header
from ganctl.data.digits import load_digits
from ganctl.environment import DEFAULT_RUNS
from ganctl.errors import CheckFailed, GanctlError
from ganctl.runs.run_dir import LOCK, REPORT_FILES, RunDir
from ganctl.text import counted

IMAGES = 320  # digits to train on: few steps in an epoch, so that much of the time goes into saves
EPOCHS = 10  # of a run, at most
OPTIONS = ["--sample-every", "1", "--eval-every", "1", "--checkpoint-every", "1", "--keep", "2"]
AT_START = 4  # every fourth kill may come before training begins, the others while it trains
START_SECONDS = 120.0  # until training must have begun
TIMES = ("images_per_second", "seconds")  # metrics that differ between any two runs
NONE, DAMAGED = -1, -2  # instead of the step of a checkpoint


@dataclass
class Tally:
    """The consequences of the kills so far.

    Each kill is recovered from, came before the first or after the last checkpoint, or lost
    something.
    """

    last: int  # step of a finished run
    kills: int = 0
    at_start: int = 0  # kills before training began
    while_writing: int = 0  # kills that left a half-written file
    recovered: int = 0  # kills after which a process has taken a step from the checkpoint
    from_the_beginning: int = (
        0  # before the first checkpoint: the same command starts the run again
    )
    after_the_end: int = 0  # after the last checkpoint: no step was left to take
    lost: int = 0  # the checkpoint could not be read, or was older than before
    pending: int = 0  # kills after which no step has been taken yet
    step: int = NONE  # of the newest checkpoint

    def add(self, was_killed: bool, step: int) -> None:
        """Record how a process ended, and the step of the checkpoint that it left."""
        if step > self.step:
            self.recovered, self.pending = self.recovered + self.pending, 0
        self.kills += was_killed
        if step < self.step:
            self.lost, self.pending = self.lost + self.pending + was_killed, 0
        elif step == NONE:
            self.from_the_beginning += was_killed
        elif step == self.last:
            self.after_the_end += was_killed
        else:
            self.pending += was_killed
        self.step = step


def bench_kills(times: int, arch: str, conditional: bool, seed: int) -> dict[str, Any]:
    """Train once without kills, then with ``times`` kills by SIGKILL, and compare the results.

    ``seed`` is that of the moments. The result has the counts of `Tally`; ``finished``, the number
    of runs; ``same``, whether each has the bytes of the one without kills; ``epochs`` of a run; and
    ``seconds``.

    Raises:
        CheckFailed: a training fails without being killed.
    """
    epochs = max(3, min(times, EPOCHS))
    moments, began = random.Random(seed), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ganctl-kills-") as temporary:
        whole, killed = Path(temporary, "whole"), Path(temporary, "killed")
        whole.mkdir()
        killed.mkdir()
        data = write_digits(Path(temporary, "digits"))
        command = ["train", "--threads", "1"]
        start = [*command, "--data", str(data), "--epochs", str(epochs), "--arch", arch, *OPTIONS]
        start += ["--conditional"] if conditional else []
        start, resume = [*start, "--name", "run"], [*command, "--resume", "run"]
        run = RunDir(whole / DEFAULT_RUNS / "run")
        note(f"training {counted(epochs, 'epoch')} without kills")
        with running(start, whole) as process:
            starting, started = wait_for_training(process, run), time.time()
            was_killed(process)
        longest = 2 * (run.sample(1).stat().st_mtime - started)  # half of the time is saving
        expected, tally = contents(run), Tally(last=checkpoint_step(run.checkpoint))

        run, finished, same = RunDir(killed / DEFAULT_RUNS / "run"), 0, True
        ended = False  # after a kill, a process must still finish the run
        while tally.kills < times or not ended:
            if ended:
                shutil.rmtree(run.folder, ignore_errors=True)
                tally.step = NONE
            with running(start if tally.step == NONE else resume, killed) as process:
                if tally.kills < times:
                    early = tally.kills % AT_START == AT_START - 1
                    if early:
                        time.sleep(moments.uniform(0, starting))
                        early = not is_training(process, run) and process.poll() is None
                    else:
                        wait_for_training(process, run)
                        time.sleep(moments.uniform(0, longest))
                    process.send_signal(signal.SIGKILL)
                ended = not was_killed(process)
            tally.add(not ended, checkpoint_step(run.checkpoint))
            if ended:
                finished += 1
                same = same and contents(run) == expected
            else:
                tally.at_start += early
                tally.while_writing += any(run.folder.rglob(".*.tmp"))
                if tally.kills % 10 == 0:
                    note(f"{tally.kills} of {counted(times, 'kill')}, {finished} finished")
    counts = dataclasses.asdict(tally)
    for internal in ("last", "pending", "step"):
        del counts[internal]
    seconds = time.monotonic() - began
    return counts | {"finished": finished, "same": same, "epochs": epochs, "seconds": seconds}


def write_digits(folder: Path) -> Path:
    """Write the first `IMAGES` embedded digits as PNGs, in one sub-folder for each class."""
    digits = load_digits()
    for index in range(IMAGES):
        place = folder / str(digits.labels[index])
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(digits.images[index])).save(place / f"{index:06d}.png")
    return folder


def contents(run: RunDir) -> dict[str, bytes]:
    """Return the files of a run by name, without its lock and without times, also as drawn.

    So a half-written file would be noticed, and a step that is recorded twice.
    """
    files = {
        path.relative_to(run.folder).as_posix(): path.read_bytes()
        for path in run.folder.rglob("*")
        if path.is_file() and path.name not in (LOCK, *REPORT_FILES)
    }
    lines = [json.loads(line) for line in files.pop("metrics.jsonl", b"").splitlines()]
    kept = [{key: line[key] for key in line if key not in TIMES} for line in lines]
    return files | {"metrics.jsonl": json.dumps(kept).encode()}


def wait_for_training(process: subprocess.Popen[str], run: RunDir) -> float:
    """Wait until the process trains, or has ended; return how many seconds that took."""
    began = time.monotonic()
    while not is_training(process, run) and process.poll() is None:
        if time.monotonic() - began > START_SECONDS:
            raise CheckFailed("the training does not begin", "run it alone: ganctl train")
        time.sleep(0.005)
    return time.monotonic() - began


def is_training(process: subprocess.Popen[str], run: RunDir) -> bool:
    """Return whether the process holds the lock of the run."""
    try:
        return run.lock.read_text().strip() == str(process.pid)
    except OSError:
        return False


def was_killed(process: subprocess.Popen[str]) -> bool:
    """Wait for the end of the process; return whether it was killed.

    Raises:
        CheckFailed: it failed.
    """
    _, err = process.communicate()
    if process.returncode not in (0, -signal.SIGKILL):
        lines = [line for line in err.splitlines() if line.startswith("error")] or [err[-200:]]
        raise CheckFailed(f"the training failed: {lines[0]}", "run it alone: ganctl train")
    return process.returncode != 0


def checkpoint_step(path: Path) -> int:
    """Return the step of a checkpoint, `NONE` if there is none, or `DAMAGED`."""
    if not path.exists():
        return NONE
    try:
        return read_header(path).step
    except GanctlError:
        return DAMAGED


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program."""
    parser = common.parser(__doc__)
    parser.add_argument("--times", type=common.at_least(1), default=100, help="%(default)s kills")
    parser.add_argument("--arch", choices=["mlp", "conv"], default="mlp", help="the networks")
    parser.add_argument("--conditional", action="store_true", help="train on the classes, too")
    parser.add_argument("--seed", type=common.at_least(0), default=0, help="of the moments")
    options = parser.parse_args(arguments)
    found = bench_kills(options.times, options.arch, options.conditional, options.seed)
    if options.json:
        common.print_json(found)
    else:
        runs = f"{counted(found['kills'], 'kill')} of runs of {counted(found['epochs'], 'epoch')}"
        print(f"{runs}, {found['seconds']:,.0f} s")
        print(f"before training began: {found['at_start']}")
        print(f"while a file was being written: {found['while_writing']}")
        print(f"resumed from the checkpoint: {found['recovered']}")
        print(f"started again before the first checkpoint: {found['from_the_beginning']}")
        print(f"no step left to take: {found['after_the_end']}")
        print(f"lost: {found['lost']}")
        same = "each with" if found["same"] else "not all with"
        print(
            f"{counted(found['finished'], 'run')} finished, {same} the bytes of one without kills"
        )
    if found["lost"] or not found["same"]:
        raise CheckFailed("a killed run has lost something", "report it: this should not happen")


if __name__ == "__main__":
    common.run(main)
