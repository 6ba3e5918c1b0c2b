"""A run's folder as it is read without torch: which one is meant, its configuration, its pictures.

`ganctl.training.run` writes it; a test compares the names.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ganctl.config import TrainConfig, from_dict
from ganctl.environment import RUNS
from ganctl.errors import BadInput, explain
from ganctl.spelling import call
from ganctl.text import did_you_mean

CONFIG = "config.json"
METRICS = "metrics.jsonl"
LAST = "last.safetensors"
DIVERGED = "diverged.safetensors"
LOCK = ".lock"
SAMPLES = "samples"

CURVES, FILM, REPORT = "curves.png", "progress.gif", "report.html"
DRAWN = (CURVES, FILM, REPORT)
"""What is drawn of a run when it ends, and may be drawn again at any time."""

MAX_CONFIG = 1_000_000
"""Bytes of a configuration: one of ganctl's has a thousand."""


def find_folder(given: Path | None) -> Path:
    """Return the folder of the run that is meant: by its name, its folder or one of its files.

    None means the run whose configuration or checkpoint was written last.

    Raises:
        BadInput: there is none.
    """
    if given is None:
        folders = (path.parent for path in RUNS.glob(f"*/{CONFIG}"))
        found = max(folders, key=changed, default=None)
        if found is None:
            raise BadInput(f"there is no run in {RUNS}/", f"train one: {call('train')}")
        return found
    folder = given.parent if os.path.isfile(given) else given
    for candidate in (folder, RUNS / given):
        if os.path.isfile(candidate / CONFIG):
            return candidate
    names = [path.parent.name for path in RUNS.glob(f"*/{CONFIG}")]
    near = did_you_mean(str(given), names)
    raise BadInput(f"there is no run {given}{near}", "name a run's folder or its name: ganctl runs")


def changed(folder: Path) -> float:
    """Return when the run last wrote something that it goes on from, in seconds of the epoch."""
    times = [_written(folder / name) for name in (METRICS, LAST, DIVERGED, CONFIG)]
    return max(times) or _written(folder)


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def read_config(folder: Path) -> TrainConfig:
    """Return a run's configuration.

    Raises:
        BadInput: there is none, or none that can be read.
    """
    path = folder / CONFIG
    hint = "draw from its checkpoint, or remove the folder"
    if not os.path.isfile(path):
        raise BadInput(f"there is no {CONFIG} in {folder}", hint)
    try:
        values: Any = json.loads(_read(path))
    except OSError as error:
        raise BadInput(f"cannot read {path}: {explain(error)}", hint) from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is no JSON", hint) from error
    if not isinstance(values, dict):
        raise BadInput(f"{path} is no JSON object", hint)
    return from_dict(TrainConfig, values)


def _read(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(MAX_CONFIG)


def samples(folder: Path) -> list[Path]:
    """Return a run's sample grids, the oldest first."""
    return sorted(path for path in (folder / SAMPLES).glob("[0-9]*.png") if path.is_file())
