"""Kill a real training again and again, at random moments, and see what is lost."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ganctl.benchmark.processes import watched
from ganctl.checkpoint_file import read_checkpoint, read_header
from ganctl.data.digits import load_digits
from ganctl.environment import DEFAULT_RUNS
from ganctl.errors import CheckFailed, GanctlError
from ganctl.runs.run_dir import LOCK, REPORT_FILES, RunDir
from ganctl.text import counted

IMAGES = 320
"""Digits that are trained on: few steps an epoch, so that much of the time goes into saving."""

EVERY_EPOCH = ["--sample-every", "1", "--eval-every", "1", "--checkpoint-every", "1", "--keep", "2"]

EPOCHS = 10
"""Of a run, at the most: it is begun anew until there are kills enough."""

AT_START = 4
"""One of so many kills comes at any moment of a process's life, the others while it trains."""

START_SECONDS = 120.0
"""That a process may take until its training begins."""

TIMES = ("images_per_second", "seconds")
"""Figures that no two runs have in common."""

NONE, DAMAGED = -1, -2
"""In place of a checkpoint's step."""


@dataclass
class Tally:
    """What has become of the kills so far.

    Each is in the end one that was recovered from, one before the first checkpoint or after the
    last, or a loss.
    """

    last: int  # the step at which a run is finished
    kills: int = 0
    at_start: int = 0  # of them, before the process trained
    while_writing: int = 0  # of them: a half-written file lay there afterwards
    recovered: int = 0  # a process has gone on from the checkpoint since, by a step or more
    anew: int = 0  # before the first checkpoint: the same command begins the run again
    too_late: int = 0  # after the last checkpoint: nothing was left to do
    lost: int = 0  # the checkpoint could not be read, or was older than one before it
    pending: int = 0  # that nothing has gone on from yet
    step: int = NONE  # of the newest checkpoint

    def add(self, was_killed: bool, step: int) -> None:
        """Take in how a process has ended, and the step of the checkpoint that it has left."""
        if step > self.step:
            self.recovered, self.pending = self.recovered + self.pending, 0
        self.kills += was_killed
        if step < self.step:
            self.lost, self.pending = self.lost + self.pending + was_killed, 0
        elif step == NONE:
            self.anew += was_killed
        elif step == self.last:
            self.too_late += was_killed
        else:
            self.pending += was_killed
        self.step = step


@dataclass(frozen=True)
class KillsResult:
    """What became of a run that was killed again and again; the kills as `Tally` has them."""

    kills: int
    at_start: int
    while_writing: int
    recovered: int
    from_the_beginning: int
    after_the_end: int
    lost: int
    finished: int  # runs that came to their end
    same: bool  # each of them with the bits of the one that was never killed
    epochs: int  # of a run
    seconds: float


def bench_kills(
    times: int, arch: str, conditional: bool, seed: int, notify: Callable[[str], None]
) -> KillsResult:
    """Train to the end once, and once more with kills by SIGKILL on the way, ``times`` in all.

    A run that ends before there are so many is compared, and another begun.

    Args:
        times: how often, 1 or more.
        arch: the networks.
        conditional: whether they learn the classes.
        seed: of the moments.
        notify: told in a line what is being done.

    Raises:
        CheckFailed: a training fails by itself.
    """
    epochs = max(3, min(times, EPOCHS))
    moments, began = random.Random(seed), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ganctl-kills-") as temporary:
        whole, killed = Path(temporary, "whole"), Path(temporary, "killed")
        folder = write_digits(Path(temporary, "digits"))
        command = ["train", "--threads", "1"]
        options = ["--data", str(folder), "--epochs", str(epochs), "--arch", arch, *EVERY_EPOCH]
        options += ["--conditional"] if conditional else []
        begin, go_on = [*command, *options, "--name", "run"], [*command, "--resume", "run"]
        for place in (whole, killed):
            place.mkdir()
        run = RunDir(whole / DEFAULT_RUNS / "run")
        notify(f"training {counted(epochs, 'epoch')} that nobody disturbs")
        with watched(begin, whole) as process:
            starting, begun = _begin(process, run), time.time()
            _finish(process)
        longest = 2 * (run.sample(1).stat().st_mtime - begun)  # half of the lives save something
        expected, tally = left(run), Tally(last=_step(run.checkpoint))
        run, finished, same, ended = RunDir(killed / DEFAULT_RUNS / "run"), 0, True, False
        while not ended or tally.kills < times:
            if ended:
                shutil.rmtree(run.folder, ignore_errors=True)
                tally.step = NONE
            with watched(begin if tally.step == NONE else go_on, killed) as process:
                if tally.kills < times:
                    if tally.kills % AT_START == AT_START - 1:
                        time.sleep(moments.uniform(0, starting))
                    else:
                        _begin(process, run)
                        time.sleep(moments.uniform(0, longest))
                    early = not _has_begun(run, process.pid) and process.poll() is None
                    process.send_signal(signal.SIGKILL)
                was_killed = _finish(process)
            tally.add(was_killed, _step(run.checkpoint))
            if was_killed:
                tally.at_start += early
                tally.while_writing += any(run.folder.rglob(".*.tmp"))
                if tally.kills % 10 == 0:
                    notify(
                        f"{tally.kills} of {counted(times, 'kill')}, "
                        f"{counted(finished, 'run')} finished"
                    )
            ended = not was_killed  # a kill after the last save has left things to be made good
            if ended:
                finished += 1
                same = same and left(run) == expected
        return KillsResult(
            kills=tally.kills,
            at_start=tally.at_start,
            while_writing=tally.while_writing,
            recovered=tally.recovered,
            from_the_beginning=tally.anew,
            after_the_end=tally.too_late,
            lost=tally.lost,
            finished=finished,
            same=same,
            epochs=epochs,
            seconds=time.monotonic() - began,
        )


def write_digits(folder: Path) -> Path:
    """Write the first `IMAGES` embedded digits into a new folder, a PNG each, a folder a class."""
    digits = load_digits()
    for index, (image, label) in enumerate(
        zip(digits.images[:IMAGES], digits.labels[:IMAGES], strict=True)
    ):
        place = folder / str(label)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(image)).save(place / f"{index:06d}.png")
    return folder


def left(run: RunDir) -> dict[str, bytes]:
    """Return all that ``run`` has left by name, but for the lock and for times, also as drawn.

    A file that was not finished, or a step that is there twice, would be among it.
    """
    files = {
        path.relative_to(run.folder).as_posix(): path.read_bytes()
        for path in run.folder.rglob("*")
        if path.is_file() and path.name not in (LOCK, *REPORT_FILES)
    }
    lines = [json.loads(line) for line in files.pop("metrics.jsonl", b"").splitlines()]
    kept = [{key: line[key] for key in line if key not in TIMES} for line in lines]
    return files | {"metrics.jsonl": json.dumps(kept).encode()}


def _begin(process: subprocess.Popen[str], run: RunDir) -> float:
    """Wait until the process trains, or has ended; return the seconds that took."""
    began = time.monotonic()
    while not _has_begun(run, process.pid) and process.poll() is None:
        if time.monotonic() - began > START_SECONDS:
            raise CheckFailed("the training does not begin", "try it alone: ganctl train")
        time.sleep(0.005)
    return time.monotonic() - began


def _finish(process: subprocess.Popen[str]) -> bool:
    """Wait for the process's end; return whether it was killed.

    Raises:
        CheckFailed: it has failed.
    """
    _, err = process.communicate()
    if process.returncode not in (0, -signal.SIGKILL):
        lines = [line for line in err.splitlines() if line.startswith("error")] or [err[-200:]]
        raise CheckFailed(f"the training failed: {lines[0]}", "try it alone: ganctl train")
    return process.returncode != 0


def _has_begun(run: RunDir, process: int) -> bool:
    try:
        return (run.folder / LOCK).read_text().strip() == str(process)
    except OSError:
        return False


def _step(path: Path) -> int:
    """Return the step of a checkpoint; `NONE` where there is none, `DAMAGED` if it is not whole."""
    if not path.exists():
        return NONE
    try:
        return read_header(read_checkpoint(path), str(path)).step
    except GanctlError:
        return DAMAGED
