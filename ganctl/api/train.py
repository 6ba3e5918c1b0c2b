"""Training from Python: what ``ganctl train`` does, without a terminal."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TypedDict

from ganctl.api.arguments import real, text, truth, whole
from ganctl.api.generator import MAX_THREADS, Generator, load
from ganctl.api.monitor import monitor
from ganctl.api.notes import needing_extra, note
from ganctl.config import ModelConfig, OutOfRange, TrainConfig, train_config
from ganctl.environment import DEVICES
from ganctl.errors import BadInput
from ganctl.spelling import call
from ganctl.text import counted, inert

if TYPE_CHECKING:
    import torch
    from typing_extensions import Unpack

    from ganctl.training.loop import Training
    from ganctl.training.progress import Progress

MODEL = ("arch", "latent_dim", "img_size", "channels")
"""The options that shape the networks."""


class Options(TypedDict, total=False):
    """What is trained and how: the options of ``ganctl train``, with its defaults."""

    data: str | os.PathLike[str]  # mnist, fashion-mnist, …, digits; or a path
    data_dir: str | os.PathLike[str]  # where downloaded data sets lie
    img_size: int  # height and width in pixels
    channels: int  # 1 grey, 3 colour
    recipe: str  # default or classic
    arch: str  # mlp or conv
    conditional: bool  # learn the classes
    objective: str  # non-saturating, hinge, least-squares, wasserstein
    epochs: int
    batch_size: int
    lr: float
    b1: float
    b2: float
    latent_dim: int
    seed: int
    precision: str  # auto, fp32, bf16, fp16
    sample_every: int  # epochs; 0: never
    eval_every: int
    checkpoint_every: int
    keep: int  # checkpoints that stay
    max_rollbacks: int


@dataclass(frozen=True, repr=False)
class TrainedRun:
    """What `train` has left."""

    folder: Path  # checkpoints/NAME, absolute
    config: TrainConfig  # as it was settled
    finished: bool  # False: it was stopped before the last epoch
    progress: Progress | None  # as last reported; None: it was stopped before that

    def load(self, weights: str = "ema") -> Generator:
        """Return the generator of its newest checkpoint; errors as of `ganctl.load`."""
        return load(self.folder, weights=weights)

    def __repr__(self) -> str:
        name = inert(self.folder.name)
        state = "" if self.finished else f"; stopped: ganctl.train(resume={name!r}) goes on"
        return f"<TrainedRun {name}: {self.progress or 'not a step yet'}{state}>"


def train(
    config: TrainConfig | None = None,
    *,
    on_progress: Callable[[Progress], object] | None = None,
    name: str | None = None,
    device: str = "auto",
    threads: int = 0,
    fallback: bool = True,
    resume: bool | str | os.PathLike[str] = False,
    **options: Unpack[Options],
) -> TrainedRun:
    """Train a GAN, as ``ganctl train`` does, into the run's folder checkpoints/NAME.

    ``ganctl.train(data="digits", epochs=5, on_progress=print)``

    Ctrl-C, or a notebook's interrupt, saves and returns; a second one is raised at once. The run
    goes on with ``ganctl.train(resume=NAME)``. Nothing is printed; what the user should know of the
    data or the training is logged by the logger "ganctl", whose lines Python writes to stderr.
    Of the environment GANCTL_RUNS and GANCTL_DATA count, GANCTL_DEVICE and GANCTL_THREADS do not.

    Args:
        config: all of what is trained and how, in place of ``options``.
        on_progress: called a few times a second and at each epoch's end
            (``progress.step == progress.steps``), with a `Progress`, which ``print`` shows as a
            line. If it raises, the run is saved first.
        name: of the run; None for one made of data, recipe and time.
        device: auto, cpu, cuda, cuda:N or mps.
        threads: CPU threads, for the whole process and for good; 0 leaves torch's number.
        fallback: whether the embedded digits stand in for an MNIST that cannot be downloaded.
        resume: a run's name or folder, or one of its checkpoints, which goes on with its own
            configuration; True for the newest run. Of the options data_dir, epochs, sample_every,
            eval_every, checkpoint_every, keep and max_rollbacks may change.
        **options: data, data_dir, img_size, channels, recipe, arch, conditional, objective, epochs,
            batch_size, lr, b1, b2, latent_dim, seed, precision, sample_every, eval_every,
            checkpoint_every, keep, max_rollbacks: as ``ganctl train --help`` describes them.

    Raises:
        TypeError: there is no such option, or two that exclude each other.
        BadInput: an option has another type, is out of its range or contradicts the run that goes
            on, the data cannot be read, the name is taken, or the run to go on with is not there or
            finished.
        CheckFailed: training diverged, or a data file is damaged.
        MissingDependency: torch, or another package of ``ganctl[train]``, is not installed.
        OutOfResources: the disk is full.
    """
    if config is not None and (options or resume):
        raise TypeError("train() takes a TrainConfig, or options and resume")
    if name is not None and resume:
        raise TypeError("train() takes a name, or a run to resume, which has one")
    if config is not None and not isinstance(config, TrainConfig):
        raise TypeError(f"train() takes a TrainConfig, or options such as data={config!r}")
    if on_progress is not None and not callable(on_progress):
        raise OutOfRange("on_progress", on_progress, "a function of one argument, or None")
    name = None if name is None else text("name", name)
    device = text("device", device, DEVICES)
    threads, fallback = whole("threads", threads, 0, MAX_THREADS), truth("fallback", fallback)
    if not isinstance(resume, bool):
        resume = text("resume", resume, "True, or a run's name, folder or checkpoint")
    asked = _config(options) if config is None else config
    with needing_extra():
        from ganctl.training.device import resolve_device, use_threads
        from ganctl.training.start import start_run

        where = resolve_device(device)
        doubts = use_threads(threads, 1, where)
        if resume is False:
            training = start_run(asked, name, where, fallback, note)
        else:
            training = _resumed(None if resume is True else Path(resume), asked, options, where)
        for doubt in doubts:
            note(doubt)
    return _run(training, on_progress)


def _resumed(
    source: Path | None, asked: TrainConfig, given: Collection[str], device: torch.device
) -> Training:
    from ganctl.training.checkpoint import load_checkpoint
    from ganctl.training.find import find_resumable
    from ganctl.training.resume import resumed_config
    from ganctl.training.start import resume_run

    run, path = find_resumable(source)
    found = run.stamp()
    checkpoint = load_checkpoint(path)
    config = resumed_config(checkpoint.config, asked, given)
    training = resume_run(run, checkpoint, config, device, note, found=found)
    if training.is_finished:
        epochs = training.state.step // training.steps
        raise BadInput(
            f"{run.name} has finished {counted(epochs, 'epoch')}",
            f"for more: {call('train', resume=run.name, epochs=2 * epochs)}",
        )
    return training


def _run(training: Training, on_progress: Callable[[Progress], object] | None) -> TrainedRun:
    """Train until the end, a Ctrl-C or an exception of ``on_progress``: saved in any case."""
    last: Progress | None = None
    raised: BaseException | None = None
    folder = training.run.folder.absolute()
    with _caught_interrupt() as caught:

        def report(progress: Progress) -> None:
            nonlocal last, raised
            last = progress
            if on_progress is not None and raised is None:
                try:
                    on_progress(progress)
                except BaseException as error:
                    if caught and isinstance(error, KeyboardInterrupt):  # the second
                        raise
                    raised = error

        def stop() -> bool:
            return bool(caught) or raised is not None

        training.measure = monitor(training.data, stop)
        finished = training.train(report, stop)
        _draw_report(training.run.folder)
    if raised is not None and not isinstance(raised, KeyboardInterrupt):
        raise raised
    return TrainedRun(folder, training.config, finished, last)


def _draw_report(folder: Path) -> None:
    from ganctl.runs.report import draw_report  # and with it onnxruntime: not before it is needed

    draw_report(folder, note)


@contextmanager
def _caught_interrupt() -> Iterator[list[int]]:
    """Collect the first Ctrl-C rather than raise it; the second is raised.

    Only the main thread hears of it, and only where nobody else handles it.
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


def _config(options: Options) -> TrainConfig:
    """Return the configuration that the options make.

    Raises:
        TypeError: there is no such option.
        BadInput: one has a value of another type, or out of its range.
    """
    unknown = next((name for name in options if name not in Options.__annotations__), None)
    if unknown is not None:
        close = get_close_matches(unknown, Options.__annotations__, n=1)
        meant = f": did you mean '{close[0]}'?" if close else ""
        raise TypeError(f"train() got an unexpected keyword argument '{unknown}'{meant}")
    values: dict[str, Any] = {
        name: _AS[_KINDS[name]](name, value) for name, value in options.items()
    }
    model = {name: values.pop(name) for name in MODEL if name in values}
    return train_config(values.pop("recipe", "default"), model, **values)


_KINDS = {each.name: str(each.type) for kind in (ModelConfig, TrainConfig) for each in fields(kind)}
"""The options' types, as they are saved."""

_AS: Mapping[str, Callable[[str, object], Any]] = {
    "int": whole,
    "float": real,
    "bool": truth,
    "str": text,
}
"""What makes a plain value of NumPy's numbers and of paths, and refuses the rest."""
