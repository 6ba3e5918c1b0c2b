"""Kill a real training again and again, at random moments, and see what is lost."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ganctl.checkpoint_file import read_checkpoint, read_header
from ganctl.data.digits import load_digits
from ganctl.errors import CheckFailed, GanctlError
from ganctl.runs.folder import DRAWN
from ganctl.training.run import LOCK, RUNS, Run

IMAGES = 320
"""Digits that are trained on: few steps an epoch, so that much of the time goes into saving."""

EVERY_EPOCH = ["--sample-every", "1", "--eval-every", "1", "--checkpoint-every", "1"]

START_SECONDS = 120.0
"""That a process may take until its training begins."""

TIMES = ("images_per_second", "seconds")
"""Figures that no two runs have in common."""


@dataclass(frozen=True)
class KillsResult:
    """What became of a run that was killed again and again."""

    kills: int
    while_writing: int  # of them: a half-written file lay there afterwards
    from_the_beginning: int  # of them, before the first checkpoint: the run was begun anew
    recovered: int  # kills after which the next process went on
    lost: int  # checkpoints that could not be read, or were older than one before them
    same: bool  # the run ended with the bits of the one that was never killed
    epochs: int
    seconds: float


def bench_kills(
    times: int, arch: str, conditional: bool, seed: int, notify: Callable[[str], None]
) -> KillsResult:
    """Train to the end once, and once more with ``times`` kills by SIGKILL on the way.

    Args:
        times: how often, 1 or more.
        arch: the networks.
        conditional: whether they learn the classes.
        seed: of the moments.
        notify: told in a line what is being done.

    Raises:
        CheckFailed: a training fails by itself.
    """
    epochs = max(3, times)  # a life is about an epoch long
    moments, began = random.Random(seed), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ganctl-kills-") as temporary:
        whole, killed = Path(temporary, "whole"), Path(temporary, "killed")
        folder = write_digits(Path(temporary, "digits"))
        command = [sys.executable, "-m", "ganctl", "train", "--threads", "1"]
        options = ["--data", str(folder), "--epochs", str(epochs), "--arch", arch, *EVERY_EPOCH]
        options += ["--conditional"] if conditional else []
        for place in (whole, killed):
            place.mkdir()
        notify(f"training {epochs} epochs that nobody disturbs")
        _finish([*command, *options, "--name", "run"], whole)
        longest = 1.5 * _epoch_seconds(Run(whole / RUNS / "run"), epochs)
        counts = dict.fromkeys(("writing", "anew", "recovered", "lost"), 0)
        run, newest = Run(killed / RUNS / "run"), -1
        for number in range(times):
            again = run.checkpoint.exists()
            if not again and run.folder.exists():
                _remove(run)
            what = ["--resume", "run"] if again else [*options, "--name", "run"]
            if not _kill_one([*command, *what], killed, run, moments.uniform(0, longest)):
                notify(f"the run was finished after {number} kills")
                times = number
                break
            counts["writing"] += any(run.folder.rglob(".*.tmp"))
            if not run.checkpoint.exists():
                counts["anew"] += 1
                counts["lost"] += newest >= 0
                continue
            step = _step(run.checkpoint)
            counts["recovered" if step >= newest else "lost"] += 1
            newest = max(newest, step)
            if (number + 1) % 10 == 0:
                notify(f"{number + 1} of {times} kills, {newest} steps")
        if not run.checkpoint.exists() and run.folder.exists():
            _remove(run)
        what = ["--resume", "run"] if run.checkpoint.exists() else [*options, "--name", "run"]
        if not _is_finished(run, epochs):
            _finish([*command, *what], killed)
        return KillsResult(
            kills=times,
            while_writing=counts["writing"],
            from_the_beginning=counts["anew"],
            recovered=counts["recovered"],
            lost=counts["lost"],
            same=left(run) == left(Run(whole / RUNS / "run")),
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


def left(run: Run) -> dict[str, bytes]:
    """Return all that ``run`` has left by name, but for the times that it took, also as drawn.

    A file that was not finished, or a step that is there twice, would be among it.
    """
    files = {
        path.relative_to(run.folder).as_posix(): path.read_bytes()
        for path in run.folder.rglob("*")
        if path.is_file() and not any(name in path.name for name in DRAWN)
    }
    lines = [json.loads(line) for line in files.pop("metrics.jsonl", b"").splitlines()]
    kept = [{key: line[key] for key in line if key not in TIMES} for line in lines]
    return files | {"metrics.jsonl": json.dumps(kept).encode()}


def _epoch_seconds(run: Run, epochs: int) -> float:
    """Return how long an epoch of a finished run took, all that it saves included."""
    first, last = (run.sample(epoch).stat().st_mtime for epoch in (1, epochs))
    return (last - first) / (epochs - 1)


def _kill_one(command: list[str], folder: Path, run: Run, seconds: float) -> bool:
    """Start a process and kill it so many seconds after its training began; False if it ended."""
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + START_SECONDS
        while not _has_begun(run, process.pid) and process.poll() is None:
            if time.monotonic() > deadline:
                process.kill()
                raise CheckFailed("the training does not begin", "try it alone: ganctl train")
            time.sleep(0.005)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        _, err = process.communicate()
    if process.returncode == -signal.SIGKILL:
        return True
    if process.returncode:
        raise _failed(err)
    return False


def _has_begun(run: Run, process: int) -> bool:
    try:
        return (run.folder / LOCK).read_text().strip() == str(process)
    except OSError:
        return False


def _finish(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise _failed(done.stderr)


def _failed(err: str) -> CheckFailed:
    lines = [line for line in err.splitlines() if line.startswith("error")] or [err[-200:]]
    return CheckFailed(f"the training failed: {lines[0]}", "try it alone: ganctl train")


def _is_finished(run: Run, epochs: int) -> bool:
    return run.last_metrics().get("epoch") == epochs and _epochs(run.checkpoint) == epochs


def _epochs(path: Path) -> int:
    return read_header(read_checkpoint(path), str(path)).card.epochs


def _step(path: Path) -> int:
    """Return the step of a checkpoint; -2, older than any, where it is not whole."""
    try:
        return read_header(read_checkpoint(path), str(path)).step
    except GanctlError:
        return -2


def _remove(run: Run) -> None:
    shutil.rmtree(run.folder)
