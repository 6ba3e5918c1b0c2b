"""The options of ``ganctl train``, by the names of the configuration's fields."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from ganctl.cli import complete
from ganctl.cli.from_file import take_file
from ganctl.config import MAX_BATCH, MAX_SEED
from ganctl.environment import DEVICE_VARIABLE, THREADS_VARIABLE


class PrecisionName(str, Enum):
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


DATA, TRAINING, RUN = "Data", "Training", "Run"
"""Panels of the help."""

Source = Annotated[
    Path | None,
    typer.Argument(
        metavar="[RUN|FILE]",
        readable=False,
        autocompletion=complete.runs(".safetensors"),
        show_default="the newest run",
        help="With --resume: a run's name or folder, or one of its checkpoints.",
    ),
]
Data = Annotated[
    str,
    typer.Option(
        metavar="NAME|PATH",
        autocompletion=complete.data,
        help="mnist, fashion-mnist, kmnist, emnist-digits, usps; digits (10,000 of MNIST, "
        "embedded); or a path: a folder or .zip of images, a folder of idx files.",
        rich_help_panel=DATA,
    ),
]
DataDir = Annotated[
    str,
    typer.Option(
        metavar="PATH",
        autocompletion=complete.files(),
        help="Where downloaded data sets lie.",
        show_default="$GANCTL_DATA, else the user's cache",
        rich_help_panel=DATA,
    ),
]
Fallback = Annotated[
    bool,
    typer.Option(
        "--fallback/--no-fallback",
        help="Whether the embedded digits stand in for an MNIST that cannot be downloaded.",
        rich_help_panel=DATA,
    ),
]
ImgSize = Annotated[
    int,
    typer.Option(
        metavar="N", min=4, max=512, help="Height and width in pixels.", rich_help_panel=DATA
    ),
]
Channels = Annotated[
    int,
    typer.Option(metavar="1|3", help="1 grey, 3 colour.", rich_help_panel=DATA),
]
Recipe = Annotated[
    RecipeName,
    typer.Option(
        help="default; or classic: the study note's loop as it is, kept for study.",
        rich_help_panel=TRAINING,
    ),
]
Arch = Annotated[
    Architecture,
    typer.Option(
        help="mlp: the study note's fully connected networks; conv: small convolutional ones.",
        rich_help_panel=TRAINING,
    ),
]
Conditional = Annotated[
    bool,
    typer.Option(
        "--conditional/--no-conditional",
        help="Learn the classes, so that sample and infer can be asked for a digit.",
        rich_help_panel=TRAINING,
    ),
]
Objective = Annotated[
    ObjectiveName,
    typer.Option(
        metavar="NAME",  # the choices are too long for its column
        help="What the two players minimise: non-saturating, hinge, least-squares, wasserstein.",
        rich_help_panel=TRAINING,
    ),
]
Epochs = Annotated[
    int,
    typer.Option(metavar="N", min=1, help="Passes over the data.", rich_help_panel=TRAINING),
]
BatchSize = Annotated[
    int,
    typer.Option(
        metavar="N", min=2, max=MAX_BATCH, help="Images a step.", rich_help_panel=TRAINING
    ),
]
LearningRate = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        help="Adam's learning rate, above 0.",
        show_default="0.0008; conv 0.0005; classic 0.0002",
        rich_help_panel=TRAINING,
    ),
]
B1 = Annotated[
    float,
    typer.Option(
        metavar="X", help="Adam's decay of the gradient's mean.", rich_help_panel=TRAINING
    ),
]
B2 = Annotated[
    float,
    typer.Option(
        metavar="X", help="Adam's decay of the gradient's square.", rich_help_panel=TRAINING
    ),
]
LatentDim = Annotated[
    int,
    typer.Option(metavar="N", min=1, help="Dimensions of the latent z.", rich_help_panel=TRAINING),
]
Seed = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=0,
        max=MAX_SEED,
        help="Of all that is random: first weights, order of the data, latents.",
        rich_help_panel=TRAINING,
    ),
]
Precision = Annotated[
    PrecisionName,
    typer.Option(
        help="Of a step's arithmetic; the weights stay fp32. auto: bf16 where its matrix "
        "products are at least twice as fast, else fp32.",
        rich_help_panel=TRAINING,
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        autocompletion=complete.files(".toml", ".json"),
        readable=False,
        is_eager=True,
        callback=take_file,
        help="Take what is not typed from a TOML file, with the options' names as its keys (and "
        "r1-weight, ema-decay, bn-eps …), or from a run's config.json.",
        rich_help_panel=RUN,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Make no run: print its configuration, as a file for --config, and the time and "
        "memory it would take, by a few steps.",
        rich_help_panel=RUN,
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        "--name",  # typer 0.27 would call it --NAME, after its metavar
        metavar="NAME",
        help="The run's folder, checkpoints/NAME; or in $GANCTL_RUNS.",
        show_default="data, recipe, what is unusual and time",
        rich_help_panel=RUN,
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on where a run stopped, with its configuration.",
        rich_help_panel=RUN,
    ),
]
SampleEvery = Annotated[
    int,
    typer.Option(
        metavar="N", min=0, help="Epochs between sample grids; 0: none.", rich_help_panel=RUN
    ),
]
EvalEvery = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=0,
        help="Epochs between measurements (FD, the Fréchet distance of 2,000 images); 0: none.",
        rich_help_panel=RUN,
    ),
]
CheckpointEvery = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=0,
        help="Epochs between checkpoints; 0: at the end.",
        rich_help_panel=RUN,
    ),
]
Keep = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=0,
        help="How many of the newest checkpoints stay, as step-….safetensors.",
        rich_help_panel=RUN,
    ),
]
MaxRollbacks = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=0,
        help="How often to go back to the last checkpoint, and on in another order, when "
        "training diverges.",
        rich_help_panel=RUN,
    ),
]
Tensorboard = Annotated[
    bool,
    typer.Option(
        "--tensorboard",
        help="Write figures and samples for TensorBoard too, into checkpoints/NAME/tensorboard.",
        rich_help_panel=RUN,
    ),
]
Device = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        envvar=DEVICE_VARIABLE,
        autocompletion=complete.words("auto", "cpu", "cuda", "mps"),
        help="auto, cpu, cuda, cuda:N or mps.",
        rich_help_panel=RUN,
    ),
]
Threads = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=0,
        max=1024,
        envvar=THREADS_VARIABLE,
        help="CPU threads; 0: all cores.",
        rich_help_panel=RUN,
    ),
]
Plain = Annotated[
    bool,
    typer.Option(
        "--plain",
        help="A line an epoch, as in a pipe, in place of the live panel.",
        rich_help_panel=RUN,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        help="Print errors alone: the exit code says how it went.",
        rich_help_panel=RUN,
    ),
]
