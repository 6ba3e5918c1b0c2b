"""``ganctl train``: a new run, or one that goes on."""

from __future__ import annotations

import shlex
import signal
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ganctl.cli import screen
from ganctl.cli import train_options as options
from ganctl.cli.dry_run import show_estimate
from ganctl.cli.from_file import fields_without_option
from ganctl.cli.signals import EXIT_BASE, caught_signals, last_words
from ganctl.cli.stopped import say_not_begun, say_unsaved
from ganctl.cli.train_options import Architecture, ObjectiveName, PrecisionName, RecipeName
from ganctl.cli.typed import typed_options
from ganctl.config import MEASURED, TrainConfig, train_config
from ganctl.errors import BadInput, WrongValue
from ganctl.notify import Notify, ignore
from ganctl.text import counted, duration, option

if TYPE_CHECKING:
    import torch

    from ganctl.data import ImageData
    from ganctl.runs.run_dir import RunDir
    from ganctl.training.distributed import World
    from ganctl.training.loop import Training
    from ganctl.training.progress import Progress


def train(
    ctx: typer.Context,
    source: options.Source = None,
    data: options.Data = "mnist",
    data_dir: options.DataDir = "",
    fallback: options.Fallback = True,
    img_size: options.ImgSize = 28,
    channels: options.Channels = 1,
    recipe: options.Recipe = RecipeName.DEFAULT,
    arch: options.Arch = Architecture.MLP,
    conditional: options.Conditional = False,
    objective: options.Objective = ObjectiveName.NON_SATURATING,
    epochs: options.Epochs = 200,
    batch_size: options.BatchSize = 64,
    lr: options.LearningRate = None,
    b1: options.B1 = 0.5,
    b2: options.B2 = 0.999,
    latent_dim: options.LatentDim = 100,
    seed: options.Seed = 0,
    precision: options.Precision = PrecisionName.AUTO,
    config_file: options.ConfigFile = None,
    dry_run: options.DryRun = False,
    name: options.Name = None,
    resume: options.Resume = False,
    sample_every: options.SampleEvery = 10,
    eval_every: options.EvalEvery = 10,
    checkpoint_every: options.CheckpointEvery = 10,
    keep: options.Keep = 0,
    max_rollbacks: options.MaxRollbacks = 0,
    tensorboard: options.Tensorboard = False,
    device: options.Device = "auto",
    threads: options.Threads = 0,
    plain: options.Plain = False,
    quiet: options.Quiet = False,
) -> None:
    r"""Train a GAN on pictures: handwritten digits, or your own.

    Ctrl-C saves (twice leaves at once); [bold]ganctl train --resume \[RUN][/] goes on.

    Example: [bold]ganctl train --data digits --epochs 50[/]
    """
    config = train_config(
        **fields_without_option(ctx) | ({} if lr is None else {"lr": lr}),
        data=data,
        data_dir=data_dir,
        img_size=img_size,
        channels=channels,
        recipe=recipe.value,
        arch=arch.value,
        epochs=epochs,
        batch_size=batch_size,
        conditional=conditional,
        objective=objective.value,
        b1=b1,
        b2=b2,
        latent_dim=latent_dim,
        precision=precision.value,
        seed=seed,
        sample_every=sample_every,
        eval_every=eval_every,
        checkpoint_every=checkpoint_every,
        keep=keep,
        max_rollbacks=max_rollbacks,
    )
    if source is not None and (not resume or name is not None):
        from ganctl.environment import is_run_name

        anew = f"; or a new run: {option('name', source)}" if is_run_name(str(source)) else ""
        raise WrongValue(
            f"'{source}' goes with --resume, and without --name",
            f"ganctl train {option('resume', source)}{anew}",
        )
    if plain and quiet:
        raise typer.BadParameter("choose one of --plain and --quiet", param_hint="--quiet")
    if dry_run and resume:
        raise typer.BadParameter("it is for new runs: leave --resume out", param_hint="--dry-run")
    with ExitStack() as waiting:
        waiting.enter_context(last_words(lambda: None if quiet else say_not_begun()))
        if tensorboard:
            from ganctl.training.board import writer_class

            writer_class()  # or it is told before anything is begun

        from ganctl.training.device import resolve_device, use_threads
        from ganctl.training.distributed import joined, local_rank, local_size

        torch_device = resolve_device(device, local_rank(), local_size())
        if dry_run:
            doubts = use_threads(threads, 1, torch_device)
            asked: dict[str, str | int] = {"device": device, "threads": threads}
            where = {key: asked[key] for key in typed_options(ctx) if key in asked}
            show_estimate(config, name, torch_device, fallback, where, doubts)
            return
        with joined(torch_device) as world:
            quiet = quiet or not world.leads
            note = ignore if quiet else screen.note
            doubts = use_threads(threads, local_size(), torch_device)
            given = typed_options(ctx)
            training = _prepared(
                config, name, resume, source, given, torch_device, fallback, note, world
            )
            waiting.close()
            if world.size > 1:
                batch_size = training.config.batch_size
                each = batch_size // world.size
                note(f"{world.size} processes, {each} images of each batch of {batch_size}")
            if training.is_finished:  # killed after its last save, perhaps: it has lost nothing
                _finish_again(training, note)
                if not quiet:
                    _say_finished(training)
                return
            for doubt in doubts:
                note(doubt)
            _run(training, plain, quiet, tensorboard, note)


def _finish_again(training: Training, note: Notify) -> None:
    """Make good what a kill after the last save has left undone; the rest stays as it is."""
    from ganctl.runs.run_dir import modified

    training.train(ignore, lambda: False)
    run = training.run
    if training.world.leads and modified(run.report) < modified(run.checkpoint):
        _draw_report(training.run, note)


def _draw_report(run: RunDir, note: Notify) -> list[Path]:
    from ganctl.runs.report import draw_report  # and with it onnxruntime: not before it is needed

    return draw_report(run, note)


def _say_finished(training: Training) -> None:
    run, epochs = training.run, training.state.step // training.steps
    screen.result(
        f"{run.name} has finished its {counted(epochs, 'epoch')} already",
        f"for more: {run.resume_command} --epochs {2 * epochs}",
    )


def _prepared(
    config: TrainConfig,
    name: str | None,
    resume: bool,
    source: Path | None,
    given: Collection[str],
    device: torch.device,
    fallback: bool,
    note: Callable[[str], None],
    world: World,
) -> Training:
    """Return a new run, or one that goes on: asked to, or started again by torchrun."""
    from ganctl.environment import RUNS
    from ganctl.runs.run_dir import RunDir, find_resumable
    from ganctl.training.checkpoint import load_checkpoint
    from ganctl.training.distributed import is_restart, job, may_restart
    from ganctl.training.resume import resumed_config
    from ganctl.training.start import resume_run, start_run

    if may_restart() and name is None:
        raise BadInput(
            "torchrun may start this run again, and could not find it without a name",
            "--name NAME, or torchrun --max-restarts 0",
        )
    # Started again, the same command goes on with what it began, and with nothing else. The leading
    # process decides: machines count their restarts apart.
    begun = is_restart() and name is not None and RunDir(RUNS / name).belongs_to(job())
    again = world.any(world.leads and begun, device)
    saved = begun and name is not None and RunDir(RUNS / name).checkpoint.exists()
    if not resume and not world.any(world.leads and saved, device):
        return start_run(config, name, device, fallback, note, world, again)
    run, path = find_resumable(Path(name) if name else source)
    found = run.checkpoint_id
    checkpoint = load_checkpoint(path)
    if resume:
        config = resumed_config(checkpoint.config, config, given)
    else:  # which may have fallen back to other data than the command names
        config = checkpoint.config
    training = resume_run(run, checkpoint, config, device, note, world, found)
    if training.is_finished:
        return training
    note(f"going on with {run.name} after step {checkpoint.step:,}")
    return training


def _real_distance(data: ImageData) -> float | None:
    from ganctl.evaluation.monitor import real_distance

    return real_distance(data, MEASURED)


def _run(training: Training, plain: bool, quiet: bool, tensorboard: bool, note: Notify) -> None:
    began, run, told = time.monotonic(), training.run, False
    before = training.state.step // training.steps
    with caught_signals(lambda: say_unsaved(training)) as caught:
        from ganctl.api.monitor import monitor
        from ganctl.cli.training_screen import TrainingScreen

        shown = TrainingScreen(lambda: _real_distance(training.data), plain)
        shown.go_on(run, training.state.step, training.steps)

        def stop() -> bool:
            nonlocal told
            if not caught:
                return False
            if not told and signal.SIGINT in caught:
                told = True
                note("saving; Ctrl-C again leaves without")
            return True

        training.measure = monitor(training.data, stop)
        if not quiet:
            training.on_samples = shown.show_samples
        with nullcontext() if quiet else shown, _logged(training, tensorboard, note) as log:

            def report(progress: Progress) -> None:
                if not quiet:
                    shown.show(progress)
                log(progress)

            finished = training.train(report, stop)
            if not finished:
                shown.stopped(training.state.step)
    if not finished and not quiet:
        screen.note(f"stopped after step {training.state.step:,}; saved {run.checkpoint}")
        screen.note(f"to go on: {run.resume_command}")
    in_haste = not finished and signal.SIGINT not in caught  # a scheduler kills those who linger
    drawn = _draw_report(run, note) if training.world.leads and not in_haste else []
    if not finished:
        raise typer.Exit(EXIT_BASE + (caught or [signal.SIGTERM])[0])
    if not quiet:
        seconds = duration(time.monotonic() - began)
        screen.result(
            _trained(before, training.config.epochs, seconds),
            *_made(run, drawn),
            *shown.quality,
            f"next: ganctl sample{_checkpoint_option(run)} out.png",
        )


def _trained(before: int, epochs: int, seconds: str) -> str:
    """Return what took so long: of all the epochs those that were not finished ``before``."""
    if not before:
        return f"trained {counted(epochs, 'epoch')} in {seconds}"
    return f"trained {counted(epochs - before, 'more epoch')} in {seconds}, {epochs:,} in all"


def _made(run: RunDir, drawn: Sequence[Path]) -> Iterator[str]:
    """Yield what a finished run has in its folder, ``drawn`` of it just now: lines that fit."""
    saved = "last and best checkpoint" if run.best.exists() else "last checkpoint"
    pictures = ["samples/"] if run.samples() else []
    page_first = [*drawn[-1:], *drawn[:-1]]
    yield f"wrote {run.folder}: {saved}"
    if beside := ", ".join([*(path.name for path in page_first), *pictures]):
        yield f"there too: {beside}"


def _checkpoint_option(run: RunDir) -> str:
    """Return what ``sample`` must be told to draw from ``run``: nothing, if it is the newest."""
    from ganctl.runs.run_dir import newest_run

    if newest_run(trained=True) == run:
        return ""
    return f" --checkpoint {shlex.quote(run.label)}"


def _logged(
    training: Training, tensorboard: bool, note: Notify
) -> AbstractContextManager[Callable[[Progress], None]]:
    if not (tensorboard and training.world.leads):
        return nullcontext(ignore)
    from ganctl.training.board import event_files

    return event_files(training.run, training.state.step, note)
