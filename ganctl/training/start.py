"""Set a run up: a new one, or one that goes on from its checkpoint."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import torch

from ganctl.config import TrainConfig, to_dict
from ganctl.data import ImageData, load_data
from ganctl.errors import BadInput
from ganctl.training.checkpoint import Checkpoint
from ganctl.training.loop import Training
from ganctl.training.precision import resolve_precision
from ganctl.training.run import Run, new_run
from ganctl.training.state import new_state, restore_state

Notify = Callable[[str], None]


def start_run(
    config: TrainConfig, name: str | None, device: torch.device, fallback: bool, notify: Notify
) -> Training:
    """Load the data, make the run's folder and return the training, ready to begin.

    Args:
        config: of the run.
        name: its folder under checkpoints/; None for one made of data, recipe and time.
        device: where the networks train.
        fallback: whether the embedded digits may stand in for an MNIST that cannot be had.
        notify: told, in a line each, what the user should know of the data.

    Raises:
        BadInput: the data cannot be read or the name cannot be used.
        CheckFailed: a data file has not the SHA-256 that it must have.
        OutOfResources: the disk is full.
    """
    run = new_run(name) if name is not None else None
    data = _load(config, fallback, notify)
    if run is None:
        moment = datetime.now().strftime("%Y%m%d-%H%M%S")
        run = new_run(re.sub(r"[^\w.-]+", "-", f"{data.name}-{config.recipe}-{moment}").strip("-."))
    if data.note:  # the run is one on the digits from now on, whatever can be downloaded later
        config = replace(config, data=data.name)
    config = replace(config, precision=resolve_precision(config.precision, device))
    state = new_state(config, device)
    run.create()
    run.write_config(to_dict(config))
    return Training(state, data, config, run)


def resume_run(
    run: Run, checkpoint: Checkpoint, config: TrainConfig, device: torch.device, notify: Notify
) -> Training:
    """Return the training of ``run`` as its checkpoint left it.

    ``config`` is the checkpoint's own, but for what may change in the middle of a run.

    Raises:
        BadInput: the run is finished, or its data is not what it was.
    """
    card = checkpoint.card
    data = replace(_load(config, False, notify), note=card.data_note)
    if data.fingerprint != card.data_fingerprint:
        raise BadInput(
            f"the data is not what {run.name} began with: {len(data.images):,} images of "
            f"'{data.name}' instead of {card.data_count:,} of '{card.data_name}'",
            "bring it back as it was (--data-dir?), or begin a new run",
        )
    state = new_state(config, device)
    restore_state(state, checkpoint.tensors, checkpoint.step)
    training = Training(state, data, config, run)
    if state.step >= training.steps * config.epochs:
        raise BadInput(
            f"{run.name} has finished {card.epochs} epochs",
            f"for more: {run.resume_command} --epochs {2 * card.epochs}",
        )
    run.rewind_metrics(state.step)
    run.write_config(to_dict(config))
    return training


def _load(config: TrainConfig, fallback: bool, notify: Notify) -> ImageData:
    return load_data(
        config.data,
        data_dir=Path(config.data_dir) if config.data_dir else None,
        img_size=config.model.img_size,
        channels=config.model.channels,
        fallback=fallback,
        notify=notify,
    )
