"""Where a run stands: at its newest checkpoint, which ``--resume`` goes on from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ganctl.checkpoint_file import Header, peek
from ganctl.errors import BadInput
from ganctl.locks import is_held
from ganctl.runs.history import History, read_history
from ganctl.runs.run_files import LAST, LOCK


@dataclass(frozen=True)
class Standing:
    """How far a run has come.

    The figures of an epoch are written before the checkpoint, and a kill may come between the two:
    figures beyond the checkpoint are of what is lost. Only while the run trains do they count.
    """

    running: bool
    saved: Header | None  # of the newest checkpoint; None where there is none that can be read
    problem: str  # why the checkpoint that is there cannot be read; or ""
    history: History

    @property
    def epochs(self) -> int:
        """Return how many are finished; of those, where it does not run, that are saved."""
        if self.running or self.problem:
            return int(self.history.last("epoch") or 0)
        return 0 if self.saved is None else self.saved.card.epochs


def read_standing(folder: Path) -> Standing:
    """Return where a run stands; of the checkpoint only the first bytes are read."""
    running, path = is_held(folder / LOCK), folder / LAST
    saved, problem = None, ""
    if os.path.isfile(path):
        try:
            saved = peek(path)
        except BadInput as error:
            problem = error.message
    history = read_history(folder)
    if saved is not None and not running:
        history = history.until(saved.step)
    return Standing(running, saved, problem, history)
