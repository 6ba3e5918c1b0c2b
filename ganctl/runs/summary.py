"""All runs of a folder, a summary each; whatever is broken is a reason, never an error."""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ganctl.config import TrainConfig
from ganctl.errors import BadInput
from ganctl.runs.folder import read_config
from ganctl.runs.history import DISTANCE
from ganctl.runs.run_files import CONFIG, DIVERGED, LAST, changed, is_blank, size, why_blank
from ganctl.runs.standing import Standing, read_standing

RUNNING, FINISHED, STOPPED, DIVERGING, BROKEN = (
    *("running", "finished", "stopped", "diverged", "broken"),
)


@dataclass(frozen=True)
class Summary:
    """What can be said of a run at a glance, without loading a checkpoint."""

    folder: Path
    state: str  # running, finished, stopped, diverged or broken
    problem: str  # why it is broken or cannot go on, and what may be done; or ""
    config: TrainConfig | None  # None: broken, or stopped before it was written
    epochs: int  # finished and saved; while it runs, finished
    distance: float | None  # Fréchet, as last measured
    best: float | None  # its smallest
    size: int  # bytes of all files
    changed: float  # seconds of the epoch

    @property
    def name(self) -> str:
        """Return the run's name, which is its folder's."""
        return self.folder.name


def summaries(runs: Path) -> list[Summary]:
    """Return a summary of each folder in ``runs``, the one that changed last first."""
    with suppress(OSError):
        folders = [Path(entry.path) for entry in os.scandir(runs) if entry.is_dir()]
        return sorted(map(summarise, folders), key=lambda run: (-run.changed, run.name))
    return []


def summarise(folder: Path) -> Summary:
    """Return what a run's folder says."""
    config, problem = None, ""
    try:
        config = read_config(folder)
    except BadInput as error:
        problem = why_blank(folder) or error.message
    standing = read_standing(folder)
    best = standing.history.best
    state = _state(folder, standing, config)
    if config is None or state == BROKEN:
        problem = problem or standing.problem
    elif state in (STOPPED, DIVERGING) and standing.saved is None:
        anew = f"ganctl train --config {shlex.quote(str(folder / CONFIG))} --name NAME"
        problem = f"it has no checkpoint to go on from; to begin it anew: {anew}"
    return Summary(
        folder=folder,
        state=state,
        problem=problem,
        config=config,
        epochs=standing.epochs,
        distance=standing.history.last(DISTANCE),
        best=None if best is None else best[0],
        size=size(folder),
        changed=changed(folder),
    )


def _state(folder: Path, standing: Standing, config: TrainConfig | None) -> str:
    if standing.running and (config is not None or is_blank(folder)):
        return RUNNING
    if config is None:
        return STOPPED if is_blank(folder) else BROKEN
    if standing.problem:
        return BROKEN
    if standing.saved is None:
        return DIVERGING if os.path.isfile(folder / DIVERGED) else STOPPED
    recorded = standing.history.last("epoch") or 0  # a stop may come before the last figures
    if min(standing.epochs, recorded) >= config.epochs:
        return FINISHED
    with suppress(OSError):
        diverged = os.stat(folder / DIVERGED).st_mtime_ns
        if diverged >= os.stat(folder / LAST).st_mtime_ns:  # it has not gone on since
            return DIVERGING
    return STOPPED
