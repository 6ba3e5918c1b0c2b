"""``ganctl train``: a new run, or one that is resumed."""

from __future__ import annotations

import os
import shlex
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ganctl.cli import screen
from ganctl.cli.signals import EXIT_BASE, caught_signals, last_words
from ganctl.cli.train_options import with_signature
from ganctl.config import MONITOR_IMAGES, RunOptions, TrainConfig, split, without_recipe
from ganctl.environment import is_run_name
from ganctl.errors import GanctlError, WrongValue
from ganctl.text import counted, duration, option

if TYPE_CHECKING:
    from ganctl.data import ImageData
    from ganctl.runs.run_dir import RunDir
    from ganctl.training.session import Session


@with_signature(TrainConfig)
def train(
    source: Path | None, config: Path | None, dry_run: bool, resume: bool, **values: Any
) -> None:
    r"""Train a GAN on images: handwritten digits, or your own.

    Ctrl-C saves and stops (twice: without saving). [bold]ganctl train --resume \[RUN][/] continues.

    Example: [bold]ganctl train --data digits --epochs 50[/]
    """
    from_file: dict[str, Any] = {}
    if config is not None:
        from ganctl.config_file import read_config

        from_file = without_recipe(read_config(config), TrainConfig)
    given = {name: value for name, value in values.items() if value is not None}
    training, run = split(from_file | given, TrainConfig, "train")
    options = RunOptions(**run)
    TrainConfig(**training)  # refuses wrong values before torch is imported
    if source is not None and (not resume or options.name):
        new_run = f"; or a new run: {option('name', source)}" if is_run_name(str(source)) else ""
        raise WrongValue(
            f"'{source}' needs --resume, and no --name",
            f"ganctl train {option('resume', source)}{new_run}",
        )
    if options.plain and options.quiet:
        raise typer.BadParameter("choose one of --plain and --quiet", param_hint="--quiet")
    if dry_run and resume:
        raise typer.BadParameter("it is for new runs: leave --resume out", param_hint="--dry-run")
    is_main = os.environ.get("RANK", "0") == "0"
    quiet = options.quiet or not is_main
    if quiet:
        screen.hide_log()
    with ExitStack() as opened:
        with last_words(lambda: None if quiet else _say_not_started()):
            if dry_run:
                from ganctl.cli.dry_run import show_estimate

                show_estimate(training, options, run)
                return
            from ganctl.training.session import open_session

            which = (source or True) if resume else False
            session = opened.enter_context(open_session(training, options, which))
        if not session.is_finished:
            if session.warning and not quiet:
                screen.note(session.warning)
            _train(session, options.plain, quiet)
            return
        session.train()  # completes what a kill after the last save has left undone
        if session.world.is_main and session.needs_report:
            session.draw_report()
        if not quiet:
            run_dir = session.run
            screen.result(
                f"{run_dir.name} has already finished its {counted(session.epochs, 'epoch')}",
                f"for more: {run_dir.resume_command} --epochs {2 * session.epochs}",
            )


def _train(session: Session, plain: bool, quiet: bool) -> None:
    began, run, announced = time.monotonic(), session.run, False
    before = session.epochs
    with caught_signals(lambda: _say_unsaved(session)) as caught:
        from ganctl.cli.training_screen import TrainingScreen

        def should_stop() -> bool:
            nonlocal announced
            if caught and not announced and signal.SIGINT in caught:
                announced = True
                if not quiet:
                    screen.note("saving; Ctrl-C again stops without saving")
            return bool(caught)

        shown = None if quiet else TrainingScreen(lambda: _real_distance(session.data), plain)
        with shown or nullcontext():
            callbacks = [shown] if shown else []
            previews = shown is not None and shown.is_live
            finished = session.train(callbacks, should_stop, previews)
    if not finished and not quiet:
        screen.note(f"stopped after step {session.state.step:,}; saved {run.checkpoint}")
        screen.note(f"to continue: {run.resume_command}")
    hurry = not finished and signal.SIGINT not in caught  # a scheduler kills those who take long
    drawn = session.draw_report() if session.world.is_main and not hurry else []
    if not finished:
        raise typer.Exit(EXIT_BASE + (caught or [signal.SIGTERM])[0])
    if shown:
        seconds = duration(time.monotonic() - began)
        screen.result(
            _trained(before, session.config.epochs, seconds),
            *_written(run, drawn),
            *shown.quality,
            f"next: ganctl sample{_checkpoint_option(run)} out.png",
        )


def _say_not_started() -> None:
    if os.environ.get("RANK", "0") == "0":
        screen.note("stopped before training began; nothing was written")


def _say_unsaved(session: Session) -> None:
    """Print what the run can be resumed from after a second Ctrl-C."""
    from ganctl.checkpoint_file import read_header

    if not session.world.is_main:
        return
    path, step = session.run.checkpoint, session.state.step
    try:
        saved = read_header(path).step
    except GanctlError:
        screen.error("not saved; there is no checkpoint yet")
        return
    if saved == step:  # saved a moment ago
        screen.note(f"stopped after step {step:,}; saved {path}")
    else:
        screen.error(
            f"not saved; the last checkpoint is {path} (step {saved:,})",
            f"to continue from there: {session.run.resume_command}",
        )


def _real_distance(data: ImageData) -> float | None:
    from ganctl.evaluation.monitor import real_distance

    return real_distance(data, MONITOR_IMAGES)


def _trained(before: int, epochs: int, seconds: str) -> str:
    if not before:
        return f"trained {counted(epochs, 'epoch')} in {seconds}"
    return f"trained {counted(epochs - before, 'more epoch')} in {seconds}, {epochs:,} in all"


def _written(run: RunDir, drawn: Sequence[Path]) -> Iterator[str]:
    """Yield lines that name what a finished run has written, ``drawn`` just now."""
    saved = "last and best checkpoint" if run.best.exists() else "last checkpoint"
    yield f"wrote {run.folder}: {saved}"
    names = [path.name for path in [*drawn[-1:], *drawn[:-1]]]  # the report first
    names += ["samples/"] if run.samples() else []
    if names:
        yield f"there too: {', '.join(names)}"


def _checkpoint_option(run: RunDir) -> str:
    """Return the option by which ``sample`` finds ``run``; "" if it is the newest."""
    from ganctl.runs.run_dir import newest_run

    if newest_run(trained=True) == run:
        return ""
    return f" --checkpoint {shlex.quote(run.label)}"
