"""Set a run up: a new one, or one that goes on from its checkpoint."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import torch

from ganctl.config import ModelConfig, TrainConfig
from ganctl.data import ImageData, load_data
from ganctl.environment import RUNS
from ganctl.errors import BadInput, explain
from ganctl.notify import Notify
from ganctl.runs.run_dir import FileId, RunDir, new_run
from ganctl.text import counted, option
from ganctl.training.checkpoint import Checkpoint
from ganctl.training.distributed import ALONE, World, job, may_restart
from ganctl.training.loop import Training
from ganctl.training.precision import DTYPES, resolve_precision
from ganctl.training.state import new_state, restore_state

LONGEST = 50
"""Characters of the data's name in a run's: a folder's name has 255 bytes at most."""


def start_run(
    config: TrainConfig,
    name: str | None,
    device: torch.device,
    fallback: bool,
    notify: Notify,
    world: World = ALONE,
    again: bool = False,
) -> Training:
    """Load the data, make the run's folder and return the training, ready to begin.

    Args:
        config: of the run.
        name: its folder under checkpoints/; None for one made of data, recipe and time.
        device: where the networks train.
        fallback: whether the embedded digits may stand in for an MNIST that cannot be had.
        notify: told, in a line each, what the user should know of the data.
        world: the processes of the run; the leading one makes the folder.
        again: whether the folder may exist already, from an attempt that ended without a
            checkpoint.

    Raises:
        BadInput: the data cannot be read or the name cannot be used.
        CheckFailed: a data file has not the SHA-256 that it must have.
        OutOfResources: the disk is full.
    """
    world.check(config.batch_size)
    if name is not None:
        _check_length(name)
        if world.leads and not again:
            new_run(name)  # or it is told before anything is loaded
    data = load(config, fallback, notify, world)
    config = settled(config, data, device, world)
    state = new_state(config, device)
    run = RunDir(RUNS / (name or generated_name(config, data.name)))
    if world.leads:
        if name is None:
            run = _create_with_number(run)
        else:
            run.create(again or run.is_blank)
        if may_restart():
            run.write_job(job())
    world.take_from_leader(vector.data for vector in state.vectors.values())
    return Training(state, data, config, run, world, is_new=True, notify=notify)


def generated_name(config: TrainConfig, data_name: str) -> str:
    """Return a name for a run: its data, its kind and the time."""
    moment = datetime.now().strftime("%Y%m%d-%H%M%S")
    plain = re.sub(r"[^\w.-]+", "-", f"{data_name[:LONGEST]}-{config.kind}-{moment}")
    return plain.strip("-.")


def _create_with_number(run: RunDir) -> RunDir:
    """Make the run's folder; where another began in the same second, one with a number behind."""
    tried, number = run, 1
    while True:
        try:
            tried.create()
            return tried
        except BadInput:
            if not tried.folder.is_dir():
                raise
        number += 1
        tried = RunDir(run.folder.with_name(f"{run.name}-{number}"))


def resume_run(
    run: RunDir,
    checkpoint: Checkpoint,
    config: TrainConfig,
    device: torch.device,
    notify: Notify,
    world: World = ALONE,
    found: FileId = None,
) -> Training:
    """Return the training of ``run`` as its checkpoint left it, which may be finished.

    Args:
        run: its folder.
        checkpoint: that it goes on from.
        config: the checkpoint's own, but for what may change in the middle of a run.
        device: where the networks train.
        notify: told, in a line each, what the user should know.
        world: the processes of the run.
        found: the run's `ganctl.runs.run_dir.RunDir.checkpoint_id` before the checkpoint was read.

    Raises:
        BadInput: its data is not what it was.
    """
    world.check(config.batch_size)
    if not any(name.startswith("discriminator.") for name in checkpoint.tensors):
        raise BadInput(
            "the checkpoint holds the generator alone, without what training goes on from",
            f"go on from the last one: {run.resume_command}",
        )
    card = checkpoint.card
    data = replace(load(config, False, notify, world), note=card.data_note)
    if data.fingerprint != card.data_fingerprint:
        raise BadInput(
            f"the data is not what {run.name} began with: {len(data.images):,} images of "
            f"'{data.name}' instead of {card.data_count:,} of '{card.data_name}'",
            "bring it back as it was (--data-dir?), or begin a new run",
        )
    state = new_state(config, device)
    restore_state(state, checkpoint.tensors, checkpoint.step)
    quality = dict(card.quality)
    training = Training(state, data, config, run, world, found, notify=notify, quality=quality)
    if state.step > training.steps * config.epochs:
        raise BadInput(
            f"{run.name} is further than {counted(config.epochs, 'epoch')}: it has taken "
            f"{counted(state.step, 'step')} of {training.steps:,} an epoch",
            "leave --epochs out to go on, or ask for more",
        )
    if training.is_finished:
        return training
    if device.type == "cpu" and checkpoint.threads not in (0, torch.get_num_threads()):
        notify(
            f"{run.name} was trained with {option('threads', checkpoint.threads)}, and goes on "
            f"with {torch.get_num_threads()}: sums round otherwise, so its weights will be others"
        )
    return training


def settled(
    config: TrainConfig, data: ImageData, device: torch.device, world: World
) -> TrainConfig:
    """Return ``config`` with all that the data and the device decide.

    Raises:
        BadInput: the run is conditional, and the data has no labels.
    """
    if data.note:  # the run is one on the digits from now on, whatever can be downloaded later
        config = replace(config, data=data.name)
    precision = _agreed_precision(config.precision, device, world)
    return replace(config, model=with_classes(config, data), precision=precision)


def with_classes(config: TrainConfig, data: ImageData) -> ModelConfig:
    """Return the networks' shape with as many classes as ``data`` has, if the run is conditional.

    Raises:
        BadInput: it is, and the data has no labels.
    """
    if not config.conditional:
        return config.model
    if data.labels is None:
        raise BadInput(
            f"--conditional needs classes, and '{data.name}' has none",
            "put each class of pictures into a sub-folder of its own, or leave --conditional out",
        )
    return replace(config.model, classes=len(data.class_names))


def _check_length(name: str) -> None:
    """Ask the file system whether it takes such a name, before the data is loaded.

    Raises:
        BadInput: it does not.
    """
    try:
        os.lstat(name)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        reason = explain(error) if isinstance(error, OSError) else str(error)
        raise BadInput(
            f"{option('name', name[:40] + '…')} cannot be a folder's name: {reason}",
            "such as --name first-try",
        ) from error


def load(config: TrainConfig, fallback: bool, notify: Notify, world: World) -> ImageData:
    """Return the data of a run, which all its processes must find alike; errors as `load_data`."""
    with world.leader_first():  # what has to be downloaded is downloaded once
        data = load_data(
            config.data,
            data_dir=Path(config.data_dir) if config.data_dir else None,
            img_size=config.model.img_size,
            channels=config.model.channels,
            fallback=fallback,
            notify=notify,
        )
    ours = torch.tensor(list(data.fingerprint.encode()))
    leaders = ours.clone()
    world.take_from_leader([leaders])
    if not torch.equal(ours, leaders):
        raise BadInput(
            f"the processes of this run have found different data: '{data.name}' is not what the "
            "first process has",
            "give every machine the same --data and --data-dir",
        )
    return data


def _agreed_precision(name: str, device: torch.device, world: World) -> str:
    """Return what the leading process settles on."""
    choice = torch.tensor(list(DTYPES).index(resolve_precision(name, device)))
    world.take_from_leader([choice])
    return list(DTYPES)[int(choice)]
