"""Training from Python: what ``ganctl train`` does, without a terminal."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, fields
from html import escape
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from ganctl.api.generator import Generator, load
from ganctl.api.monitor import monitor
from ganctl.api.notes import needing_extra, note
from ganctl.api.settings import said
from ganctl.arguments import text
from ganctl.config import TrainConfig, train_config
from ganctl.config_file import RunSettings
from ganctl.errors import BadInput, InvalidOption
from ganctl.html_page import image, joined
from ganctl.notify import ignore
from ganctl.options import Options, refuse_unknown
from ganctl.runs.run_dir import RunDir
from ganctl.text import counted, inert

if TYPE_CHECKING:
    import torch
    from typing_extensions import Unpack

    from ganctl.training.loop import Training
    from ganctl.training.progress import Progress


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

    def _repr_html_(self) -> str:
        """Return what a notebook shows: where it stands, its curves and its last samples."""
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
    name: str | None = None,
    device: str | None = None,
    threads: int | None = None,
    fallback: bool | None = None,
    tensorboard: bool | None = None,
    resume: bool | str | os.PathLike[str] = False,
    **options: Unpack[Options],
) -> TrainedRun:
    """Train a GAN, as ``ganctl train`` does, into the run's folder checkpoints/NAME.

    ``ganctl.train(data="digits", epochs=5, on_progress=print)``
    ``ganctl.train("run.toml", epochs=5)``

    Ctrl-C, or a notebook's interrupt, saves and returns; a second one is raised at once. The run
    goes on with ``ganctl.train(resume=NAME)``. Nothing is printed; what the user should know of the
    data or the training is logged by the logger "ganctl", whose lines Python writes to stderr.
    Of the environment GANCTL_RUNS and GANCTL_DATA count, GANCTL_DEVICE and GANCTL_THREADS do not.

    Args:
        config: says what no keyword says: a mapping with the names of the keywords, the path of a
            file as ``--config`` takes it (run.toml, a run's config.json), or a `TrainConfig` (a
            run's ``config``, or made by `train_config`). One that names all that a recipe settles
            (lr, decay_after, decay_floor, ema_decay, r1_weight, bn_eps, bn_momentum) is settled:
            where it has its own recipe's values, a keyword ``recipe`` or ``arch`` brings others.
        on_progress: called a few times a second and at each epoch's end
            (``progress.step == progress.steps``), with a `Progress`, which ``print`` shows as a
            line. If it raises, the run is saved first.
        name: of the run; None for one made of data, recipe and time.
        device: auto, cpu, cuda, cuda:N or mps; None for auto.
        threads: CPU threads, 0 to 1,024, for the whole process and for good; None or 0 leaves
            torch's number.
        fallback: whether the embedded digits stand in for an MNIST that cannot be downloaded; None
            for True.
        tensorboard: whether figures and samples are written for TensorBoard too; None for False.
        resume: a run's name or folder, or one of its checkpoints, which goes on with its own
            configuration; True for the newest run. Of the options data_dir, epochs, sample_every,
            eval_every, checkpoint_every, keep and max_rollbacks may change.
        **options: those below; what is not said is as the recipe has it.

    Options:
        data: mnist (the default), fashion-mnist, kmnist, emnist-digits, usps, digits (10,000 of
            MNIST, embedded); or a path: a folder or .zip of images, a folder of idx files.
        data_dir: the folder of downloaded data sets.
        img_size: height and width in pixels, 4 to 512; 28.
        channels: 1 grey, 3 colour; 1.
        recipe: default or classic: brings lr, decay_after, decay_floor, ema_decay, r1_weight,
            bn_eps and bn_momentum, of which the default recipe's depend on arch.
        arch: mlp, fully connected, or conv, convolutional; mlp.
        conditional: whether the classes are learnt, to be asked for; False.
        objective: non-saturating, hinge, least-squares or wasserstein; non-saturating.
        epochs: passes over the data, 1 to 10⁹; 200.
        batch_size: images a step, 2 to 65,536; 64.
        lr: Adam's learning rate, above 0; 0.0008, conv 0.0005, classic 0.0002.
        b1: Adam's decay of the gradient's mean, 0 or more and below 1; 0.5.
        b2: Adam's decay of its square, 0 or more and below 1; 0.999.
        decay_after: steps after which lr falls, in a line to 0 at the end; 0: never; 62,500, conv
            14,000, classic 0.
        decay_floor: share of lr that it does not fall below, 0 to 1; 0.45, conv and classic 0.
        ema_decay: of the average of the generator's weights that is drawn from, a step, 0 or more
            and below 1; 0: no average; 0.9999, conv 0.9995, classic 0.
        ema_every: steps between updates of that average, 1 or more; 8.
        r1_weight: of the gradient penalty on real images, 0 or more; 0.1, classic 0.
        r1_every: steps between penalties, each weighted so many times as much, 1 or more; 16.
        latent_dim: dimensions of the latent z, 1 to 65,536; 100.
        bn_eps: added to BatchNorm's variance, above 0 and up to 1; 1e-5, classic 0.8.
        bn_momentum: weight of the newest batch in BatchNorm's running statistics, above 0 and up to
            1; 0.8, classic 0.1.
        precision: of a step's arithmetic: auto, fp32, bf16 or fp16; auto.
        seed: of the first weights, the order of the data and the latents, 0 to 2**32 - 1; 0.
        sample_every: epochs between sample grids, 0: none; 10.
        eval_every: epochs between measurements of the Fréchet distance, 0: none; 10.
        checkpoint_every: epochs between checkpoints, 0: at the end; 10.
        keep: how many of the newest checkpoints stay, 0 or more; 0.
        max_rollbacks: how often a training that diverges goes back to its last checkpoint, and on
            in another order, 0 to 1,000; 0.

    Raises:
        TypeError: there is no such option, or two that exclude each other.
        BadInput: an option has another type, is out of its range or contradicts the run that goes
            on, ``config`` or the data cannot be read, the name is taken, or the run to go on with
            is not there or finished.
        CheckFailed: training diverged, or a data file is damaged.
        MissingDependency: torch, or another package of ``ganctl[train]``, is not installed.
        OutOfResources: the disk is full.
    """
    if name is not None and resume:
        raise TypeError("train() takes a name, or a run to resume, which has one")
    refuse_unknown("train", options)
    if on_progress is not None and not callable(on_progress):
        raise InvalidOption("on_progress", on_progress, "a function of one argument, or None")
    if not isinstance(resume, bool):
        resume = text("resume", resume, "True, or a run's name, folder or checkpoint")
    typed = {
        "name": name,
        "device": device,
        "threads": threads,
        "fallback": fallback,
        "tensorboard": tensorboard,
    }
    told = said(config) | {key: value for key, value in typed.items() if value is not None}
    named = told.get("name")
    place = RunSettings(
        **{each.name: told.pop(each.name) for each in fields(RunSettings) if each.name in told}
    )
    told |= options
    asked = train_config(**told)
    with needing_extra():
        from ganctl.training.board import writer_class
        from ganctl.training.device import resolve_device, use_threads
        from ganctl.training.start import start_run

        if place.tensorboard:
            writer_class()  # or it is told before anything is begun
        where = resolve_device(place.device)
        doubts = use_threads(place.threads, 1, where)
        if resume is False:
            training = start_run(asked, named, where, place.fallback, note)
        else:
            source = resume if isinstance(resume, str) else named
            training = _resumed(None if source is None else Path(source), asked, told, where)
        for doubt in doubts:
            note(doubt)
    return _run(training, on_progress, place.tensorboard)


def _resumed(
    source: Path | None, asked: TrainConfig, given: Collection[str], device: torch.device
) -> Training:
    from ganctl.runs.run_dir import find_resumable
    from ganctl.training.checkpoint import load_checkpoint
    from ganctl.training.resume import resumed_config
    from ganctl.training.start import resume_run

    run, path = find_resumable(source)
    found = run.checkpoint_id
    checkpoint = load_checkpoint(path)
    config = resumed_config(checkpoint.config, asked, given)
    training = resume_run(run, checkpoint, config, device, note, found=found)
    if training.is_finished:
        epochs = training.state.step // training.steps
        raise BadInput(
            f"{run.name} has finished {counted(epochs, 'epoch')}",
            f"for more: ganctl.train(resume={run.name!r}, epochs={2 * epochs})",
        )
    return training


def _run(
    training: Training, on_progress: Callable[[Progress], object] | None, tensorboard: bool
) -> TrainedRun:
    """Train until the end, a Ctrl-C or an exception of ``on_progress``: saved in any case."""
    last: Progress | None = None
    raised: BaseException | None = None
    folder = training.run.folder.absolute()
    with _caught_interrupt() as caught, _logged(training, tensorboard) as log:

        def report(progress: Progress) -> None:
            nonlocal last, raised
            last = progress
            log(progress)
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
        _draw_report(training.run)
    if raised is not None and not isinstance(raised, KeyboardInterrupt):
        raise raised
    return TrainedRun(folder, training.config, finished, last)


def _logged(
    training: Training, tensorboard: bool
) -> AbstractContextManager[Callable[[Progress], None]]:
    if not tensorboard:
        return nullcontext(ignore)
    from ganctl.training.board import event_files

    return event_files(training.run, training.state.step, note)


def _draw_report(run: RunDir) -> None:
    from ganctl.runs.report import draw_report  # and with it onnxruntime: not before it is needed

    draw_report(run, note)


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
