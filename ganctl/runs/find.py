"""Which run, and which of its checkpoints, is meant: by name, by path, or the newest."""

from __future__ import annotations

import os
from pathlib import Path

from ganctl.checkpoint_file import peek
from ganctl.environment import DEFAULT_RUNS, RUNS
from ganctl.errors import BadInput
from ganctl.files import near_file
from ganctl.pretrained import NAMES, PRETRAINED, place_of
from ganctl.runs.run_dir import Run
from ganctl.runs.run_files import CONFIG, LAST, blank_run, changed, checkpoint_names, folders
from ganctl.text import did_you_mean


def newest_run(trained: bool = False) -> Run | None:
    """Return the run, of those with a checkpoint, that changed last, if there is any.

    Args:
        trained: whether those count alone that have taken a step.
    """
    runs = [Run(folder) for folder in sorted(folders(LAST), key=changed, reverse=True)]
    return next((run for run in runs if not trained or _has_learnt(run)), None)


def _has_learnt(run: Run) -> bool:
    try:
        return peek(run.checkpoint).step > 0
    except BadInput:
        return True  # who opens it is told what is wrong with it


def find_resumable(given: Path | None) -> tuple[Run, Path]:
    """Return the run that is meant, and the checkpoint that it goes on from.

    Args:
        given: a run's folder or its name, or one of its checkpoints; None for the newest run.

    Raises:
        BadInput: there is none.
    """
    if given is None:
        newest = newest_run()
        if newest is None:
            raise BadInput(f"there is no run in {RUNS}/", "train one: ganctl train")
        return newest, newest.checkpoint
    path = find_checkpoint(given)
    run = Run(path.parent)
    if not os.path.isfile(run.folder / CONFIG):
        raise BadInput(
            f"{path} lies in no run's folder", "name a run: its folder, its name or its checkpoint"
        )
    return run, path


def find_checkpoint(given: Path | None) -> Path:
    """Return the checkpoint that is meant: a file, a run's folder or its name.

    None means the newest run and, where there is no run yet, `PRETRAINED`.

    Raises:
        BadInput: there is none.
    """
    if given is None:
        newest = newest_run(trained=True)
        if newest is None and not os.path.isfile(PRETRAINED):
            raise BadInput(
                f"there is no run in {RUNS}/",
                f"train one: ganctl train; or name the one in ganctl's clone: {place_of()}",
            )
        return PRETRAINED if newest is None else newest.checkpoint
    named = RUNS / given
    single = f"{named.name}.safetensors"
    candidates = (given, given / LAST, named / LAST, named.parent / single, DEFAULT_RUNS / single)
    for candidate in candidates:
        if os.path.isfile(candidate):
            return candidate
    if blank := blank_run(given):
        raise blank
    hint = "name a .safetensors file, a run's folder or its name"
    if given.stem in NAMES:
        hint = f"it lies in ganctl's clone: {place_of(given.stem)}"
    raise BadInput(f"there is no checkpoint {given}{meant(given)}", hint)


def meant(given: Path) -> str:
    """Return ": did you mean 'first-try'?" for a run or a file that is not there; else ""."""
    return did_you_mean(str(given), checkpoint_names()) or near_file(given)
