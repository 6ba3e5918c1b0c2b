"""Train with each set of options, once undisturbed and once stopped and killed on the way.

``python -m tests.golden.killed DATA STEPS OPTIONS…`` runs in the current folder, with STEPS steps
in an epoch. For the K-th OPTIONS it leaves whole/K and killed/K, with checkpoints/run in each.
killed/K got a SIGTERM in the middle of its second epoch, was resumed, got a SIGKILL in the middle
of its fourth, was resumed again and trained to its end. The processes are forked, so that torch is
imported once.
"""

from __future__ import annotations

import io
import json
import os
import shlex
import shutil
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

from ganctl.cli.app import main

RESUME = ["train", "--resume", "run", "--threads", "1"]


def lines() -> list[str]:
    """Return the lines of metrics, one for each finished epoch."""
    path = Path("checkpoints/run/metrics.jsonl")
    return path.read_text().splitlines() if path.exists() else []


def step() -> int:
    """Return the step of the newest checkpoint."""
    with redirect_stdout(io.StringIO()) as printed:
        assert main(["info", "run", "--json"]) == 0
    return int(json.loads(printed.getvalue())["step"])


def live(command: Sequence[str], epochs: int, number: int) -> int:
    """Run the command in a process of its own that gets a signal half an epoch after ``epochs``.

    Returns:
        Its exit code.
    """
    child = os.fork()
    if child == 0:
        threading.Thread(target=strike, args=(epochs, number), daemon=True).start()
        os._exit(main(command))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def strike(epochs: int, number: int) -> None:
    while len(found := lines()) < epochs:
        time.sleep(0.002)
    time.sleep(json.loads(found[-1])["seconds"] / 2)
    os.kill(os.getpid(), number)


def train(begin: Sequence[str], steps: int) -> None:
    """Train in the current folder with a stop and a kill on the way."""
    while True:
        assert live(begin, 1, signal.SIGTERM) == 128 + signal.SIGTERM
        if step() % steps:
            break
        shutil.rmtree("checkpoints")  # a busy machine: the signal came at the end of an epoch
    Path("stopped_at").write_text(str(step()))
    assert live(RESUME, 3, signal.SIGKILL) == -signal.SIGKILL
    assert main(RESUME) == 0


if __name__ == "__main__":
    start, (data, steps) = Path.cwd(), sys.argv[1:3]
    for index, options in enumerate(sys.argv[3:]):
        begin = ["train", "--data", data, "--name", "run", "--threads", "1", *shlex.split(options)]
        for kind in ("whole", "killed"):
            folder = start / kind / str(index)
            folder.mkdir(parents=True)
            os.chdir(folder)
            if kind == "whole":
                assert main(begin) == 0
            else:
                train(begin, int(steps))
