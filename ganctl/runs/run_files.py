"""What the files of a run's folder are called, and which runs there are: for all who look there."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import islice
from pathlib import Path

from ganctl.environment import DEFAULT_RUNS, RUNS
from ganctl.errors import BadInput
from ganctl.files import LITTER
from ganctl.locks import is_held
from ganctl.text import is_plain

CONFIG = "config.json"
METRICS = "metrics.jsonl"
SAMPLES = "samples"
LOCK = ".lock"
JOB = ".torchrun"

UNTRAINED = "000000.png"
"""The sample grid drawn before the first step."""

BEGUN = (CONFIG, JOB, LOCK, SAMPLES, UNTRAINED)
"""What there is of a run before its first checkpoint."""

SUFFIX = ".safetensors"
LAST, BEST, DIVERGED = f"last{SUFFIX}", f"best{SUFFIX}", f"diverged{SUFFIX}"

CURVES, FILM, REPORT = "curves.png", "progress.gif", "report.html"
DRAWN = (CURVES, FILM, REPORT)
"""What is drawn of a run when it ends, and may be drawn again at any time."""


def label(folder: Path) -> str:
    """Return what commands call the run in ``folder``: its name, or elsewhere its path."""
    return folder.name if folder.parent == RUNS else str(folder)


def samples(folder: Path) -> list[Path]:
    """Return a run's sample grids, the oldest first."""
    found = (folder / SAMPLES).glob("[0-9]*.png")
    grids = (path for path in found if path.stem.isdecimal() and path.is_file())
    return sorted(grids, key=lambda path: int(path.stem))


def is_run_name(name: str) -> bool:
    """Tell whether a run may be called so: a folder's name without folders above it."""
    plain = Path(name).name == name and is_plain(name) and not name.startswith("-")
    return plain and name not in ("", ".", "..")


def is_blank(folder: Path) -> bool:
    """Tell whether ``folder`` holds no more than a run that was killed as it began."""
    try:
        left = [path for path in folder.rglob("*") if path.name not in BEGUN]
        return folder.is_dir() and all(path.match(LITTER) for path in left)
    except OSError:
        return False


def why_blank(folder: Path) -> str:
    """Return why a blank run has no checkpoint, and the way out; "" for what is none."""
    if not is_blank(folder):
        return ""
    if is_held(folder / LOCK):
        return "it is being trained, and its first checkpoint is not written yet: try again"
    return "it was stopped before its first checkpoint: the same command begins it again"


def blank_run(given: Path) -> BadInput | None:
    """Return what is said of the run that is meant, by its name or its folder, if it is blank."""
    folder = RUNS / given.name
    if given.parent not in (Path(), RUNS) or not is_run_name(given.name):
        return None
    why = why_blank(folder)
    return BadInput(f"there is no checkpoint in {folder}", why) if why else None


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
