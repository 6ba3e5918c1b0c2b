"""``ganctl train``: a new run, or one that goes on."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Collection
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganctl.cli import screen
from ganctl.cli.resume import resumed_config, typed_options
from ganctl.cli.signals import EXIT_BASE, caught_signals
from ganctl.config import MAX_SEED, TrainConfig, train_config
from ganctl.errors import BadInput

if TYPE_CHECKING:
    import torch

    from ganctl.data import ImageData
    from ganctl.images import Pixels
    from ganctl.latents import Labels
    from ganctl.quality.monitor import Monitor
    from ganctl.training.distributed import World
    from ganctl.training.loop import Measure, Training


class Precision(str, Enum):
    """`ganctl.config.PRECISIONS`."""

    AUTO = "auto"
    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"


class Architecture(str, Enum):
    """`ganctl.config.ARCHITECTURES`."""

    MLP = "mlp"
    CONV = "conv"


class ObjectiveName(str, Enum):
    """`ganctl.config.OBJECTIVES`."""

    NON_SATURATING = "non-saturating"
    HINGE = "hinge"
    LEAST_SQUARES = "least-squares"
    WASSERSTEIN = "wasserstein"


class RecipeName(str, Enum):
    """The recipes of `ganctl.config.RECIPES`."""

    DEFAULT = "default"
    CLASSIC = "classic"


def train(
    ctx: typer.Context,
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="[RUN|FILE]",
            readable=False,
            show_default="the newest run",
            help="With --resume: a run's name or folder, or one of its checkpoints.",
        ),
    ] = None,
    data: Annotated[
        str,
        typer.Option(
            metavar="NAME|PATH",
            help="mnist, fashion-mnist, kmnist, emnist-digits, usps; digits (10,000 of MNIST, "
            "embedded); or a path: a folder or .zip of images, a folder of idx files.",
            rich_help_panel="Data",
        ),
    ] = "mnist",
    data_dir: Annotated[
        str,
        typer.Option(
            metavar="PATH",
            help="Where downloaded data sets lie.",
            show_default="$GANCTL_DATA, else the user's cache",
            rich_help_panel="Data",
        ),
    ] = "",
    fallback: Annotated[
        bool,
        typer.Option(
            "--fallback/--no-fallback",
            help="Whether the embedded digits stand in for an MNIST that cannot be downloaded.",
            rich_help_panel="Data",
        ),
    ] = True,
    img_size: Annotated[
        int,
        typer.Option(
            metavar="N", min=4, max=512, help="Height and width in pixels.", rich_help_panel="Data"
        ),
    ] = 28,
    channels: Annotated[
        int,
        typer.Option(metavar="1|3", help="1 grey, 3 colour.", rich_help_panel="Data"),
    ] = 1,
    recipe: Annotated[
        RecipeName,
        typer.Option(
            help="default, or the study note's literal loop, kept for study.",
            rich_help_panel="Training",
        ),
    ] = RecipeName.DEFAULT,
    arch: Annotated[
        Architecture,
        typer.Option(
            help="The study note's fully connected networks, or a small convolutional pair.",
            rich_help_panel="Training",
        ),
    ] = Architecture.MLP,
    conditional: Annotated[
        bool,
        typer.Option(
            "--conditional",
            help="Learn the classes, so that sample and infer can be asked for a digit.",
            rich_help_panel="Training",
        ),
    ] = False,
    objective: Annotated[
        ObjectiveName,
        typer.Option(
            metavar="NAME",  # the choices are too long for its column
            help="What the two players minimise: non-saturating, hinge, least-squares, "
            "wasserstein.",
            rich_help_panel="Training",
        ),
    ] = ObjectiveName.NON_SATURATING,
    epochs: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Passes over the data.", rich_help_panel="Training"),
    ] = 200,
    batch_size: Annotated[
        int, typer.Option(metavar="N", min=2, help="Images a step.", rich_help_panel="Training")
    ] = 64,
    lr: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="Adam's learning rate.",
            show_default="0.0008; conv 0.0005; classic 0.0002",
            rich_help_panel="Training",
        ),
    ] = None,
    b1: Annotated[
        float,
        typer.Option(
            metavar="X", help="Adam's decay of the gradient's mean.", rich_help_panel="Training"
        ),
    ] = 0.5,
    b2: Annotated[
        float,
        typer.Option(
            metavar="X", help="Adam's decay of the gradient's square.", rich_help_panel="Training"
        ),
    ] = 0.999,
    latent_dim: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, help="Dimensions of the latent z.", rich_help_panel="Training"
        ),
    ] = 100,
    seed: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            max=MAX_SEED,
            help="Of the weights, the order of the data and the latents.",
            rich_help_panel="Training",
        ),
    ] = 0,
    precision: Annotated[
        Precision,
        typer.Option(
            help="Of a step's arithmetic; the weights stay fp32. auto: bf16 where its matrix "
            "products are at least twice as fast, else fp32.",
            rich_help_panel="Training",
        ),
    ] = Precision.AUTO,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",  # typer 0.27 would call it --NAME, after its metavar
            metavar="NAME",
            help="The run's folder, checkpoints/NAME.",
            show_default="data, recipe and time",
            rich_help_panel="Run",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on where a run stopped, with its configuration.",
            rich_help_panel="Run",
        ),
    ] = False,
    sample_every: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, help="Epochs between sample grids; 0: none.", rich_help_panel="Run"
        ),
    ] = 10,
    eval_every: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="Epochs between measurements (FD, the Fréchet distance of 2,000 images); 0: none.",
            rich_help_panel="Run",
        ),
    ] = 10,
    checkpoint_every: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="Epochs between checkpoints; 0: at the end.",
            rich_help_panel="Run",
        ),
    ] = 10,
    keep: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="Checkpoints that are kept as step-….safetensors, the newest ones.",
            rich_help_panel="Run",
        ),
    ] = 0,
    max_rollbacks: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="How often to go back to the last checkpoint, and on in another order, when "
            "training diverges.",
            rich_help_panel="Run",
        ),
    ] = 0,
    device: Annotated[
        str,
        typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:N or mps.", rich_help_panel="Run"),
    ] = "auto",
    threads: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, max=1024, help="CPU threads; 0: all cores.", rich_help_panel="Run"
        ),
    ] = 0,
) -> None:
    r"""Train a GAN on pictures: handwritten digits, or your own.

    Ctrl-C saves (twice leaves at once); [bold]ganctl train --resume \[RUN][/] goes on.

    Example: [bold]ganctl train --data digits --epochs 50[/]
    """
    config = train_config(
        recipe.value,
        {
            "arch": arch.value,
            "latent_dim": latent_dim,
            "img_size": img_size,
            "channels": channels,
        },
        data=data,
        data_dir=data_dir,
        epochs=epochs,
        batch_size=batch_size,
        conditional=conditional,
        objective=objective.value,
        **({} if lr is None else {"lr": lr}),
        b1=b1,
        b2=b2,
        precision=precision.value,
        seed=seed,
        sample_every=sample_every,
        eval_every=eval_every,
        checkpoint_every=checkpoint_every,
        keep=keep,
        max_rollbacks=max_rollbacks,
    )
    if source is not None and (not resume or name is not None):
        raise typer.BadParameter(
            "it goes with --resume, and without --name", param_hint="[RUN|FILE]"
        )

    from ganctl.training.device import resolve_device, use_threads
    from ganctl.training.distributed import joined, local_rank, local_size

    torch_device = resolve_device(device, local_rank())
    with joined(torch_device) as world:
        note = screen.note if world.leads else _ignore
        for doubt in use_threads(threads, local_size()):
            note(doubt)
        training = _prepared(
            config, name, resume, source, typed_options(ctx), torch_device, fallback, note, world
        )
        if world.size > 1:
            batch_size = training.config.batch_size
            each = batch_size // world.size
            note(f"{world.size} processes, {each} images of each batch of {batch_size}")
        _run(training, quiet=not world.leads)


def _ignore(_: object) -> None:
    """Show nothing: a process beside the leading one."""


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
    from ganctl.training.checkpoint import load_checkpoint
    from ganctl.training.distributed import is_restart, job, may_restart
    from ganctl.training.run import RUNS, Run, find_resumable
    from ganctl.training.start import resume_run, start_run

    if may_restart() and name is None:
        raise BadInput(
            "torchrun may start this run again, and could not find it without a name",
            "--name NAME, or torchrun --max-restarts 0",
        )
    # Started again, the same command goes on with what it began, and with nothing else. The leading
    # process decides: machines count their restarts apart.
    begun = is_restart() and name is not None and Run(RUNS / name).is_signed(job())
    again = world.any(world.leads and begun, device)
    saved = begun and name is not None and Run(RUNS / name).checkpoint.exists()
    if not resume and not world.any(world.leads and saved, device):
        return start_run(config, name, device, fallback, note, world, again)
    run, path = find_resumable(Path(name) if name else source)
    checkpoint = load_checkpoint(path)
    if resume:
        config = resumed_config(checkpoint.config, config, given)
    else:  # which may have fallen back to other data than the command names
        config = checkpoint.config
    training = resume_run(run, checkpoint, config, device, note, world)
    note(f"going on with {run.name} after step {checkpoint.step:,}")
    return training


def monitor(data: ImageData) -> Measure:
    """Return what measures images against ``data``; what it needs is loaded at its first use."""
    loaded: list[Monitor] = []

    def measure(images: Pixels, labels: Labels | None) -> dict[str, float]:
        if not loaded:
            import torch

            from ganctl.quality.monitor import Monitor

            loaded.append(Monitor(data, len(images), torch.get_num_threads()))
        return loaded[0](images, labels)

    return measure


def _run(training: Training, quiet: bool) -> None:
    began, run = time.monotonic(), training.run
    training.measure = monitor(training.data)
    with caught_signals() as caught:

        def stop() -> bool:
            return bool(caught)

        if quiet:
            finished = training.train(_ignore, stop)
        else:
            with screen.TrainingScreen() as shown:
                finished = training.train(shown.show, stop)
    if not finished:
        if not quiet:
            screen.note(f"stopped after step {training.state.step:,}; saved {run.checkpoint}")
            screen.note(f"to go on: {run.resume_command}")
        raise typer.Exit(EXIT_BASE + (caught or [signal.SIGTERM])[0])
    if not quiet:
        seconds = screen.duration(time.monotonic() - began)
        screen.result(
            f"trained {training.config.epochs} epochs in {seconds}",
            f"wrote {run.checkpoint}",
            "next: ganctl sample out.png",
        )
