"""A training session: opens a run, trains it and closes it. The CLI and `ganctl.train` call it."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from ganctl.config import RunOptions, TrainConfig, resumed
from ganctl.data import ImageData, load_data
from ganctl.environment import RUNS
from ganctl.errors import BadInput, explain
from ganctl.runs.run_dir import FileId, RunDir, find_resumable, modified, new_run
from ganctl.text import counted, option
from ganctl.training.callbacks import (
    Evaluation,
    HealthChecks,
    SampleGrids,
    TensorBoard,
    summary_writer,
)
from ganctl.training.checkpoint import load_checkpoint
from ganctl.training.device import DTYPES, resolve_device, resolve_precision, use_threads
from ganctl.training.distributed import (
    World,
    job,
    joined,
    local_rank,
    local_size,
    may_restart,
    restarts,
)
from ganctl.training.loop import Callback, Training
from ganctl.training.run_files import RunFiles
from ganctl.training.state import TrainState, new_state

log = logging.getLogger("ganctl")

LONGEST = 50  # characters of the data's name in a run's name


@dataclass(frozen=True)
class Session:
    """An open run, ready to train. `open_session` makes it.

    Attributes:
        config: of the run, with everything that the data and the device decide.
        warning: about the CPU threads, or "".
    """

    state: TrainState
    data: ImageData
    config: TrainConfig
    run: RunDir
    world: World
    warning: str = ""
    tensorboard: bool = False
    is_new: bool = False  # the run has no checkpoint yet
    found: FileId = None  # identifies the checkpoint that ``state`` was read from
    quality: dict[str, float] = field(default_factory=dict)  # of the generator in ``state``

    @property
    def is_finished(self) -> bool:
        """Tell whether all epochs are trained."""
        return self._training().is_finished

    @property
    def steps(self) -> int:
        """Return the steps in an epoch."""
        return self._training().steps

    @property
    def epochs(self) -> int:
        """Return the finished epochs."""
        return self.state.step // self.steps

    def train(
        self,
        callbacks: Sequence[Callback] = (),
        should_stop: Callable[[], bool] = lambda: False,
        previews: bool = False,
    ) -> bool:
        """Train to the last epoch, saving on the way and at the end.

        Args:
            callbacks: called after the standard ones; of the main process only.
            should_stop: asked before each step and during evaluations.
            previews: whether previews are drawn between the sample grids.

        Returns:
            True if all epochs are finished; False if the run was stopped, and saved, before.

        Raises:
            CheckFailed: training diverged more often than ``max_rollbacks`` allows.
            BadInput: another process trains this run or has continued it, or the last checkpoint
                cannot be written.
            OutOfResources: there is no room for the last checkpoint.
        """
        with self.run.locked() if self.world.is_main else nullcontext() as lock:
            self._check_unchanged()
            standard: list[Callback] = []
            if lock is not None:
                standard = [Evaluation(), HealthChecks(), SampleGrids(previews), RunFiles(lock)]
                standard += [TensorBoard()] if self.tensorboard else []
            return self._training([*standard, *callbacks], should_stop).run_epochs()

    def draw_report(self) -> list[Path]:
        """Write the run's curves, animation and report; return their paths."""
        from ganctl.runs.report import draw_report  # with matplotlib: not before it is needed

        return draw_report(self.run)

    @property
    def needs_report(self) -> bool:
        """Tell whether the report is older than the checkpoint, after a kill perhaps."""
        return modified(self.run.report) < modified(self.run.checkpoint)

    def _training(
        self, callbacks: Sequence[Callback] = (), should_stop: Callable[[], bool] = lambda: False
    ) -> Training:
        state, data, config, run, world = self.state, self.data, self.config, self.run, self.world
        return Training(state, data, config, run, callbacks, should_stop, world, self.quality)

    def _check_unchanged(self) -> None:
        newest = self.run.checkpoint_id
        changed = self.found not in (None, newest) or (self.is_new and newest is not None)
        if self.world.any(changed, self.state.device):
            raise BadInput(
                f"another process has meanwhile continued {self.run.name}",
                f"resume it from where it is now: {self.run.resume_command}",
            )


@contextmanager
def open_session(
    given: Mapping[str, Any],
    options: RunOptions,
    resume: Path | bool = False,
    kind: type[TrainConfig] = TrainConfig,
) -> Iterator[Session]:
    """Open a new run, or one to resume: also one that torchrun has restarted.

    Args:
        given: explicitly given options of ``kind``. On resume, only these may change the run.
        options: how and where it is trained.
        resume: a run's name or folder, or one of its checkpoints; True for ``options.name`` or
            the newest run.
        kind: the configuration class of a new run.

    Raises:
        InvalidOption: an option has another type, or is out of range.
        BadInput: the data cannot be read, the name is taken, there is no such run, or an option
            contradicts it.
        CheckFailed: a file of the data is damaged.
        MissingDependency: tensorboard is not installed.
        OutOfResources: the disk is full.
    """
    config = kind(**given)
    if options.tensorboard:
        summary_writer()  # fails before anything is created
    device = resolve_device(options.device, local_rank(), local_size())
    with joined(device) as world:
        warning = use_threads(options.threads, local_size(), device)
        name, main = options.name, world.is_main
        if may_restart() and not name:
            raise BadInput(
                "torchrun may restart this run, and could not find it without a name",
                "--name NAME, or torchrun --max-restarts 0",
            )
        # After a restart the same command continues the run that it started, and no other. The
        # main process decides, since machines count their restarts separately.
        named = RunDir(RUNS / name) if name else None
        ours = restarts() > 0 and named is not None and named.belongs_to(job())
        started = world.any(main and ours, device)
        saved = ours and named is not None and named.checkpoint.exists()
        if resume is False and not world.any(main and saved, device):
            session = _start(config, options, device, world, started)
        else:
            source = Path(name) if name else None if isinstance(resume, bool) else resume
            session = _resume(source, given if resume is not False else {}, device, world)
        if world.size > 1 and main:
            size = session.config.batch_size
            log.info(f"{world.size} processes, {size // world.size} images of each batch of {size}")
        yield replace(session, warning=warning, tensorboard=options.tensorboard)


def _start(
    config: TrainConfig, options: RunOptions, device: torch.device, world: World, started: bool
) -> Session:
    """Load the data and make the run's folder; ``started``: it may be there from an attempt."""
    world.check(config.batch_size)
    name = options.name
    if name:
        _check_length(name)
        if world.is_main and not started:
            new_run(name)  # fails before anything is loaded
    data = load(config, options.fallback, world)
    config = settled(config, data, device, world)
    state = new_state(config, device)
    run = RunDir(RUNS / (name or generated_name(config, data.name)))
    if world.is_main:
        if name:
            run.create(started or run.is_blank)
        else:
            run = _create_with_number(run)
        if may_restart():
            run.write_job(job())
    world.broadcast(vector.data for vector in state.vectors.values())
    return Session(state, data, config, run, world, is_new=True)


def _resume(
    source: Path | None, given: Mapping[str, Any], device: torch.device, world: World
) -> Session:
    run, path = find_resumable(source)
    found = run.checkpoint_id
    checkpoint = load_checkpoint(path)
    config, card = resumed(checkpoint.config, given), checkpoint.card
    world.check(config.batch_size)
    if not any(name.startswith("discriminator.") for name in checkpoint.tensors):
        raise BadInput(
            f"{path} holds only the generator; training cannot be resumed from it",
            f"resume from the last checkpoint: {run.resume_command}",
        )
    data = replace(load(config, False, world), note=card.data_note)
    if data.fingerprint != card.data_fingerprint:
        raise BadInput(
            f"the data is not what {run.name} was started with: {len(data.images):,} images of "
            f"'{data.name}' instead of {card.data_count:,} of '{card.data_name}'",
            "restore the data (--data-dir?), or start a new run",
        )
    state = new_state(config, device)
    state.restore(checkpoint.tensors, checkpoint.step)
    session = Session(state, data, config, run, world, found=found, quality=dict(card.quality))
    if checkpoint.step > session.steps * config.epochs:
        raise BadInput(
            f"{run.name} has already taken {counted(checkpoint.step, 'step')}, more than "
            f"{counted(config.epochs, 'epoch')} of {session.steps:,}",
            "leave --epochs out to continue, or ask for more",
        )
    if session.is_finished or not world.is_main:
        return session
    before, now = checkpoint.threads, torch.get_num_threads()
    if device.type == "cpu" and before not in (0, now):
        log.warning(
            f"{run.name} was trained with {option('threads', before)} and continues with {now}: "
            "sums are rounded differently, so its weights will differ"
        )
    log.info(f"resuming {run.name} after step {checkpoint.step:,}")
    return session


def load(config: TrainConfig, fallback: bool, world: World) -> ImageData:
    """Return the data of a run; errors as of `ganctl.data.load_data`.

    Raises:
        BadInput: also if the processes have found different data.
    """
    with world.main_first():  # one process downloads for all
        data = load_data(
            config.data,
            data_dir=Path(config.data_dir) if config.data_dir else None,
            img_size=config.img_size,
            channels=config.channels,
            fallback=fallback,
        )
    ours = torch.tensor(list(data.fingerprint.encode()))
    mains = ours.clone()
    world.broadcast([mains])
    if not torch.equal(ours, mains):
        raise BadInput(
            f"the processes of this run have found different data: '{data.name}' is not what the "
            "first process has",
            "give every machine the same --data and --data-dir",
        )
    return data


def settled(
    config: TrainConfig, data: ImageData, device: torch.device, world: World
) -> TrainConfig:
    """Return ``config`` with everything that the data and the device decide.

    Raises:
        BadInput: the run is conditional, and the data has no labels.
    """
    if data.note:  # the embedded digits replaced MNIST: the run is one on them from now on
        config = replace(config, data=data.name)
    if config.conditional:
        if data.labels is None:
            raise BadInput(
                f"--conditional needs classes, and '{data.name}' has none",
                "put the images of each class into their own sub-folder, or leave --conditional "
                "out",
            )
        config = replace(config, classes=len(data.class_names))
    choice = torch.tensor(list(DTYPES).index(resolve_precision(config.precision, device)))
    world.broadcast([choice])
    precision: Any = list(DTYPES)[int(choice)]
    return replace(config, precision=precision)


def generated_name(config: TrainConfig, data_name: str) -> str:
    """Return a name for a run: its data, its kind and the time."""
    moment = datetime.now().strftime("%Y%m%d-%H%M%S")
    plain = re.sub(r"[^\w.-]+", "-", f"{data_name[:LONGEST]}-{config.kind}-{moment}")
    return plain.strip("-.")


def _create_with_number(run: RunDir) -> RunDir:
    """Make the run's folder, with a number at its end if another started in the same second."""
    attempt, number = run, 1
    while True:
        try:
            attempt.create()
            return attempt
        except BadInput:
            if not attempt.folder.is_dir():
                raise
        number += 1
        attempt = RunDir(run.folder.with_name(f"{run.name}-{number}"))


def _check_length(name: str) -> None:
    """Ask the file system whether it accepts such a name, before the data is loaded."""
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
