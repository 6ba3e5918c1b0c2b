"""Runs without a training, for the tests of how they are found."""

from __future__ import annotations

import os

from ganctl.runs.run_dir import RunDir, new_run


def finished(name: str, age: int = 0) -> RunDir:
    """Make a run that ended ``age`` seconds before a moment long ago."""
    run = new_run(name)
    run.create()
    run.write_config({"epochs": 1})
    run.checkpoint.touch()
    for path in run.folder.iterdir():
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    return run
