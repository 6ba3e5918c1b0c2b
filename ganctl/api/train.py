"""Training from Python: what ``ganctl train`` does, without a terminal."""

from __future__ import annotations

import inspect
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from ganctl.api.generator import Generator, load, needing_extra
from ganctl.arguments import text
from ganctl.config import RunOptions, TrainConfig, options, split, to_dict, without_recipe
from ganctl.config_file import by_name, read_config
from ganctl.errors import BadInput, InvalidOption
from ganctl.html_page import image, joined
from ganctl.runs.run_dir import RunDir
from ganctl.text import printable

if TYPE_CHECKING:
    from ganctl.training.progress import Progress


@dataclass(frozen=True, repr=False)
class TrainedRun:
    """The result of `train`."""

    folder: Path  # checkpoints/NAME, absolute
    config: TrainConfig  # with what data and device decide
    finished: bool  # False if it was stopped before the last epoch
    progress: Progress | None  # as last reported; None if it was stopped before that

    def load(self, weights: str = "ema") -> Generator:
        """Return the generator of its newest checkpoint; errors as of `ganctl.load`."""
        return load(self.folder, weights=weights)

    def __repr__(self) -> str:
        name = printable(self.folder.name)
        state = "" if self.finished else f"; stopped: ganctl.train(resume={name!r}) continues"
        return f"<TrainedRun {name}: {self.progress or 'no steps yet'}{state}>"

    def _repr_html_(self) -> str:
        """Return HTML for a notebook: the progress, the curves and the last samples."""
        shown = [f"<p>{escape(repr(self)[1:-1])}</p>"]
        run = RunDir(self.folder)
        for path in (run.curves, *run.samples()[-1:]):
            with suppress(OSError):
                shown.append(image(path.read_bytes(), "png", path.stem))
        return f"<div>{joined(shown)}</div>"


def train(
    config: Mapping[str, Any] | str | os.PathLike[str] | TrainConfig | None = None,
    *,
    on_progress: Callable[[Progress], object] | None = None,
    resume: bool | str | os.PathLike[str] = False,
    **keywords: Any,
) -> TrainedRun:
    """Train a GAN, as ``ganctl train`` does, into the run's folder checkpoints/NAME.

    ``ganctl.train(data="digits", epochs=5, on_progress=print)``
    ``ganctl.train("run.toml", epochs=5)``

    Ctrl-C, or a notebook's interrupt, saves and returns; a second one is raised at once. Continue
    the run with ``ganctl.train(resume=NAME)``. Nothing is printed; notes go to the logger "ganctl",
    whose warnings Python writes to stderr. GANCTL_RUNS and GANCTL_DATA are respected, GANCTL_DEVICE
    and GANCTL_THREADS are not.

    Args:
        config: values of options that are not given as keywords: a mapping, the path of a file as
            for ``--config`` (run.toml, a run's config.json), or a `TrainConfig`.
        on_progress: called a few times a second and at each epoch's end
            (``progress.step == progress.steps``) with a `Progress`. If it raises, the run is saved
            first.
        resume: a run's name or folder, or one of its checkpoints, to continue with its own
            configuration; True for the newest run. Only some options may change: see
            docs/options.md.
        **keywords: every option of ``ganctl train`` with its default, such as ``batch_size=64``,
            but not plain and quiet: the fields of `TrainConfig`, and name, device, threads,
            fallback and tensorboard. docs/options.md lists them.

    Raises:
        TypeError: there is no such option, or two exclude each other.
        BadInput: an option has another type, is out of range or contradicts the resumed run,
            ``config`` or the data cannot be read, the name is taken, or the run to resume is not
            there or finished.
        CheckFailed: training diverged, or a data file is damaged.
        MissingDependency: torch, or another package of ``ganctl[train]``, is not installed.
        OutOfResources: the disk is full.
    """
    if keywords.get("name") is not None and resume:
        raise TypeError("train() takes a name, or a run to resume, which has one")
    if on_progress is not None and not callable(on_progress):
        raise InvalidOption("on_progress", on_progress, "a function of one argument, or None")
    if not isinstance(resume, bool):
        resume = Path(text("resume", resume, "True, or a run's name, folder or checkpoint"))
    kind = type(config) if isinstance(config, TrainConfig) else TrainConfig
    split(keywords, kind, "train")  # an unknown keyword is a TypeError
    training, run = split(_values(config, kind) | keywords, kind, "train")
    if isinstance(resume, Path):
        run.pop("name", None)  # of a file; the run to resume is named
    chosen = RunOptions(**run)
    kind(**training)  # refuses wrong values before torch is imported
    with needing_extra():
        from ganctl.training.session import open_session
    with _caught_interrupt() as caught, open_session(training, chosen, resume, kind) as session:
        from ganctl.training.loop import Callback, Epoch, Training, log

        if session.is_finished:
            again = f"ganctl.train(resume={session.run.name!r}, epochs={2 * session.epochs})"
            raise BadInput(
                f"{session.run.name} has finished {session.epochs:,} epochs", f"for more: {again}"
            )
        if session.warning:
            log.warning(session.warning)

        class Reporter(Callback):
            last: Progress | None = None
            raised: BaseException | None = None

            def on_progress(self, training: Training, progress: Progress) -> None:
                self.last = progress
                if on_progress is None or self.raised is not None:
                    return
                try:
                    on_progress(progress)
                except BaseException as error:
                    if caught and isinstance(error, KeyboardInterrupt):  # the second
                        raise
                    self.raised = error

            def on_epoch_end(self, training: Training, epoch: Epoch) -> None:
                self.on_progress(training, epoch.progress)

        reporter = Reporter()
        finished = session.train([reporter], lambda: bool(caught) or reporter.raised is not None)
        session.draw_report()
        raised = reporter.raised
        if raised is not None and not isinstance(raised, KeyboardInterrupt):
            raise raised
        return TrainedRun(session.run.folder.absolute(), session.config, finished, reporter.last)


def _signature() -> inspect.Signature:
    """Return the signature of `train` with all its keywords, for help() and editors."""
    fixed = list(inspect.signature(train).parameters.values())[:-1]
    keyword = inspect.Parameter.KEYWORD_ONLY
    derived = [
        inspect.Parameter(each.name, keyword, default=each.default, annotation=each.kind)
        for each in options(TrainConfig, RunOptions).values()
        if each.name not in ("plain", "quiet")
    ]
    return inspect.Signature([*fixed, *derived], return_annotation=TrainedRun)


train.__signature__ = _signature()  # type: ignore[attr-defined]


def _values(config: object, kind: type[TrainConfig]) -> dict[str, Any]:
    """Return the options that ``config`` sets: None, a mapping, a file's path or a `TrainConfig`.

    Raises:
        BadInput: it is something else, cannot be read, or has a wrong key or value.
    """
    if config is None:
        return {}
    if isinstance(config, TrainConfig):
        values = {name: to_dict(config)[name] for name in options(kind)}
        return without_recipe(values, kind)
    if isinstance(config, Mapping):
        known = options(kind, RunOptions)
        named = by_name(config, "config", kind)
        return without_recipe({name: known[name].check(v) for name, (_, v) in named.items()}, kind)
    path = text("config", config, "a mapping of options, a file's path, or a TrainConfig")
    try:
        return without_recipe(read_config(Path(path), kind), kind)
    except BadInput as error:
        if os.path.exists(path):
            raise
        hint = f"{error.hint}; data is a keyword: data={path!r}"
        raise BadInput(error.message, hint) from error


@contextmanager
def _caught_interrupt() -> Iterator[list[int]]:
    """Collect the first Ctrl-C instead of raising it; the second is raised.

    This works in the main thread, and only if the program has no handler of its own.
    """
    caught: list[int] = []

    def catch(number: int, _frame: FrameType | None) -> None:
        caught.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield caught
        return
    signal.signal(signal.SIGINT, catch)
    try:
        yield caught
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
