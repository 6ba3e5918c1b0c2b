"""What is said of a training that Ctrl-C has ended before it began, or before it was saved."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ganctl.cli import screen
from ganctl.errors import GanctlError

if TYPE_CHECKING:
    from ganctl.training.loop import Training


def say_not_begun() -> None:
    """Print what is left of a training that Ctrl-C ends before its first step: nothing."""
    if os.environ.get("RANK", "0") == "0":  # torchrun's: the others are silent
        screen.note("stopped before training began; nothing was written")


def say_unsaved(training: Training) -> None:
    """Print what there is to go on from, now that the training's own state is lost."""
    from ganctl.checkpoint_file import read_checkpoint, read_header

    if not training.world.leads:
        return
    run, step = training.run, training.state.step
    path = run.checkpoint
    try:
        saved = read_header(read_checkpoint(path), str(path)).step
    except GanctlError:
        screen.error("not saved; there is no checkpoint yet")
        return
    if saved == step:  # it was, a moment ago
        screen.note(f"stopped after step {step:,}; saved {path}")
    else:
        screen.error(
            f"not saved; the last checkpoint is {path} (step {saved:,})",
            f"to go on from there: {run.resume_command}",
        )
