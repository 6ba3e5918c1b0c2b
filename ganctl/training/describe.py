"""What a run has left so far; it needs no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ganctl.checkpoint_file import Header, read_checkpoint, read_header
from ganctl.runs.run_dir import RunDir


@dataclass(frozen=True)
class RunDescription:
    """A run's folder, beside its newest checkpoint."""

    best: Header | None  # None: nothing was measured
    samples: int  # sample grids
    size: int  # bytes of all files


def describe_run(run: RunDir) -> RunDescription:
    """Return what ``run``'s folder holds.

    Raises:
        BadInput, CheckFailed: its best checkpoint cannot be read, or is damaged.
    """
    best = None
    if os.path.isfile(run.best):
        best = read_header(read_checkpoint(run.best), str(run.best))
    return RunDescription(best, len(run.samples()), run.size)
