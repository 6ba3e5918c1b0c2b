"""Peak memory of each loop, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ganctl.config import TrainConfig, from_dict, to_dict
from ganctl.errors import CheckFailed
from ganctl.training.estimate import peak_memory

STEPS = 40

PROGRAM = "import sys; from ganctl.benchmark.memory import child; child(sys.argv[1])"


def note_memory(root: Path, batch_size: int, threads: int) -> int:
    """Return the peak bytes of a process that runs the note's loop on `write_mnist`'s ``root``."""
    return _measure({"root": str(root), "batch_size": batch_size, "threads": threads})


def our_memory(root: Path, config: TrainConfig, threads: int) -> int:
    """Return the peak bytes of a process that runs ganctl's loop on the same images."""
    return _measure({"root": str(root), "config": to_dict(config), "threads": threads})


def _measure(task: dict[str, Any]) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(task)], capture_output=True, text=True
    )
    if done.returncode:
        reason = (done.stderr.splitlines() or [f"exit code {done.returncode}"])[-1]
        raise CheckFailed(f"the process that measures memory failed: {reason}", "free some memory")
    return int(done.stdout)


def child(text: str) -> None:
    """Do the task that ``text`` describes, in JSON, and print this process's peak memory.

    Each loop's modules are imported where it runs: the other must not pay for them.
    """
    import torch

    task = json.loads(text)
    root = Path(task["root"])
    torch.set_num_threads(task["threads"])
    if "config" in task:
        from ganctl.benchmark.our_loop import OurLoop
        from ganctl.data import load_data

        data = load_data(str(root / "MNIST" / "raw"))
        with tempfile.TemporaryDirectory() as folder:
            OurLoop(from_dict(TrainConfig, task["config"]), data, Path(folder, "run")).run(0, STEPS)
    else:
        from ganctl.benchmark.note_loop import NoteLoop

        NoteLoop(root, task["batch_size"]).run(STEPS)
    print(peak_memory())
