"""What a run that goes on takes from whoever asks for it, and what it refuses."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from ganctl.config import TrainConfig, flat
from ganctl.errors import BadInput
from ganctl.text import option

CHANGEABLE = (
    "data_dir",
    "epochs",
    "sample_every",
    "eval_every",
    "checkpoint_every",
    "keep",
    "max_rollbacks",
)
"""What may change when a run goes on; where it runs (device, threads) always may."""


def resumed_config(saved: TrainConfig, asked: TrainConfig, given: Collection[str]) -> TrainConfig:
    """Return the configuration that a run goes on with: its own, with what may change.

    Args:
        saved: from the checkpoint.
        asked: of those who ask, defaults included.
        given: the names of the options that they gave.

    Raises:
        BadInput: an option contradicts the run.
    """
    old, new = flat(saved), flat(asked)
    changes = {
        name: new[name]
        for name in given
        if name in new and new[name] not in (old[name], "auto")  # auto: as it began
    }
    for name, value in changes.items():
        if name not in CHANGEABLE:
            raise BadInput(
                f"{option(name, value)} contradicts the run, which was begun with{'out' * value} it"
                if isinstance(value, bool)
                else f"{option(name, value)} contradicts the run, which has {old[name]}",
                f"leave {option(name, value if isinstance(value, bool) else None)} out to go on, "
                f"or begin a new run without --resume",
            )
    return dataclasses.replace(saved, **changes)
