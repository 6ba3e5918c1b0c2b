"""A run's folder as it is read without torch: which one is meant, and its configuration.

`ganctl.runs.run_dir` writes it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ganctl.config import TrainConfig, from_dict
from ganctl.environment import RUNS
from ganctl.errors import BadInput, explain
from ganctl.runs.run_files import CONFIG, blank_run, folders, newest
from ganctl.text import did_you_mean

MAX_CONFIG = 1_000_000
"""Bytes of a configuration: one of ganctl's has a thousand."""


def find_folder(given: Path | None) -> Path:
    """Return the folder of the run that is meant: by its name, its folder or one of its files.

    None means the run that changed last.

    Raises:
        BadInput: there is none.
    """
    if given is None:
        found = newest(CONFIG)
        if found is None:
            raise BadInput(f"there is no run in {RUNS}/", "train one: ganctl train")
        return found
    folder = given.parent if os.path.isfile(given) else given
    for candidate in (folder, RUNS / given):
        if os.path.isfile(candidate / CONFIG):
            return candidate
    if blank := blank_run(given):
        raise blank
    near = did_you_mean(str(given), [run.name for run in folders(CONFIG)])
    raise BadInput(f"there is no run {given}{near}", "name a run's folder or its name: ganctl runs")


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
