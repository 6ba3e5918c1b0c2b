"""What the files of a run's folder are called, and which runs there are: for all who look there."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import islice
from pathlib import Path

from ganctl.environment import DEFAULT_RUNS, RUNS
from ganctl.text import is_plain

CONFIG = "config.json"
METRICS = "metrics.jsonl"
SAMPLES = "samples"
LOCK = ".lock"

SUFFIX = ".safetensors"
LAST, BEST, DIVERGED = f"last{SUFFIX}", f"best{SUFFIX}", f"diverged{SUFFIX}"

CURVES, FILM, REPORT = "curves.png", "progress.gif", "report.html"
DRAWN = (CURVES, FILM, REPORT)
"""What is drawn of a run when it ends, and may be drawn again at any time."""


def is_run_name(name: str) -> bool:
    """Tell whether a run may be called so: a folder's name without folders above it."""
    plain = Path(name).name == name and is_plain(name) and not name.startswith("-")
    return plain and name not in ("", ".", "..")


def folders(file: str) -> list[Path]:
    """Return the folders of the runs that have ``file``: `LAST` to draw, `CONFIG` to be read."""
    return [path.parent for path in RUNS.glob(f"*/{file}")]


def newest(file: str) -> Path | None:
    """Return the folder, of the runs that have ``file``, that changed last; None without any."""
    return max(folders(file), key=changed, default=None)


def changed(folder: Path) -> float:
    """Return when the run last wrote something that it goes on from, in seconds of the epoch."""
    times = [written(folder / name) for name in (METRICS, LAST, DIVERGED, CONFIG)]
    return max(times) or written(folder)


def written(path: Path) -> float:
    """Return when a file was written last, in seconds of the epoch; 0 where there is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def size(folder: Path) -> int:
    """Return the bytes of all its files; those that go while they are counted do not count."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total


def checkpoint_names(most: int | None = None) -> list[str]:
    """Return by what names checkpoints are found: the runs that have one, and files beside them.

    Args:
        most: entries of a folder that are looked at; None for all.
    """
    found = []
    for place in {RUNS, DEFAULT_RUNS}:
        with suppress(OSError), os.scandir(place) as entries:
            for entry in islice(entries, most):
                if entry.name.endswith(SUFFIX):
                    found.append(entry.name.removesuffix(SUFFIX))
                elif place == RUNS and os.path.isfile(os.path.join(entry.path, LAST)):
                    found.append(entry.name)
    return sorted(found)
