"""``ganctl bench``: measure training, drawing and starting against what one would type."""

from __future__ import annotations

import dataclasses
import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganctl.cli import complete, screen
from ganctl.cli.endurance import kills, soak
from ganctl.cli.options import DataDir, Json, Threads
from ganctl.text import counted

if TYPE_CHECKING:
    from ganctl.benchmark.infer import InferResult
    from ganctl.benchmark.machine import Machine
    from ganctl.benchmark.start import StartResult
    from ganctl.benchmark.timing import Spread
    from ganctl.benchmark.train import TrainResult
    from ganctl.data import ImageData

bench = typer.Typer(
    add_completion=False,
    rich_markup_mode="rich",
    help="Measure ganctl against what one would type without it.\n\n"
    "Each pair is measured in strict alternation; every figure is a median, with the lowest and "
    "the highest round in brackets.\n\n"
    "Example: [bold]ganctl bench train --data digits[/]",
)

Data = Annotated[
    str,
    typer.Option(
        metavar="NAME|PATH",
        autocompletion=complete.data,
        help="As for ganctl train, at 28×28 grey.",
    ),
]
Rounds = Annotated[int, typer.Option(metavar="N", min=1, help="How often each side is measured.")]
Model = Annotated[
    Path | None,
    typer.Argument(
        metavar="MODEL",
        readable=False,
        autocompletion=complete.files(".onnx"),
        help="The ONNX file that ganctl export wrote.",
        show_default="a fresh, untrained one",
    ),
]


@bench.command()
def train(
    data: Data = "mnist",
    data_dir: DataDir = None,
    contender: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            autocompletion=complete.words("classic", "default", "bf16", "batch256"),
            help="classic, default, bf16 or batch256; repeatable.",
            show_default="all",
        ),
    ] = None,
    batch_size: Annotated[
        int, typer.Option(metavar="N", min=2, max=65536, help="Images a step of the baseline.")
    ] = 64,
    rounds: Rounds = 7,
    steps: Annotated[
        int, typer.Option(metavar="N", min=1, help="Steps of the baseline in a round.")
    ] = 100,
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Training on the CPU, against the study note's loop and the floor of its matrix products.

    Example: [bold]ganctl bench train --data digits --rounds 5[/]
    """
    from ganctl.benchmark.train import CONTENDERS, bench_train

    _use_threads(threads)
    result = bench_train(
        _load(data, data_dir),
        list(dict.fromkeys(contender or CONTENDERS)),
        batch_size=batch_size,
        rounds=rounds,
        steps=steps,
        notify=screen.note,
    )
    if as_json:
        _print_json(result)
    else:
        _show_train(result)


@bench.command()
def infer(
    model: Model = None,
    batches: Annotated[
        str, typer.Option(metavar="N,N,…", help="Batch sizes to run the network at.")
    ] = "1,64,1000",
    rounds: Rounds = 7,
    count: Annotated[
        int,
        typer.Option("-n", "--count", metavar="N", min=1, max=100_000, help="Images a command."),
    ] = 10_000,
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """The ONNX file against the same network in torch, and how fast pictures are written.

    Example: [bold]ganctl bench infer gen.onnx --batches 1,256[/]
    """
    sizes = _batch_sizes(batches)

    import torch

    from ganctl.benchmark.infer import bench_infer

    _use_threads(threads)
    result = bench_infer(
        model,
        sizes,
        rounds=rounds,
        count=count,
        threads=torch.get_num_threads(),
        notify=screen.note,
    )
    if as_json:
        _print_json(result)
    else:
        _show_infer(result)


@bench.command()
def start(
    model: Model = None,
    data: Data = "mnist",
    data_dir: DataDir = None,
    rounds: Rounds = 11,
    as_json: Json = False,
) -> None:
    """Whole processes: the help, 64 images, and training up to its first finished step.

    Example: [bold]ganctl bench start --data digits[/]
    """
    from ganctl.benchmark.start import bench_start

    if _load(data, data_dir).note:  # what stands in for it needs no network either
        data = "digits"
    with _given_or_fresh(model) as path:
        result = bench_start(path, data, data_dir, rounds, screen.note)
    if as_json:
        _print_json(result)
    else:
        _show_start(result)


bench.command()(kills)
bench.command()(soak)


def _load(data: str, data_dir: Path | None) -> ImageData:
    from ganctl.data import load_data

    return load_data(data, data_dir=data_dir, notify=screen.note)


@contextmanager
def _given_or_fresh(model: Path | None) -> Iterator[Path]:
    if model is not None:
        from ganctl.inference.generator import load_onnx

        load_onnx(model)  # its errors come before any measurement
        yield model
        return
    from ganctl.benchmark.model import write_fresh_model

    with tempfile.TemporaryDirectory(prefix="ganctl-bench-") as folder:
        path = Path(folder, "fresh.onnx")
        screen.note("exporting a fresh generator")
        write_fresh_model(path)
        yield path


def _batch_sizes(text: str) -> list[int]:
    parts = text.split(",")
    digits = re.compile(r"\s*[0-9]{1,5}\s*")
    if not all(digits.fullmatch(part) and 1 <= int(part) <= 65536 for part in parts):
        raise typer.BadParameter(
            f"'{text}' is no list of batch sizes such as 1,64,1000", param_hint="--batches"
        )
    return list(dict.fromkeys(map(int, parts)))


def _show_train(result: TrainResult) -> None:
    from ganctl.cli.tables import show_table

    rows = [
        ["the note's loop", _rate(result.baseline), "", "", "", _mebibytes(result.baseline_memory)]
    ]
    rows += [
        [
            f"ganctl, {each.name} ({each.precision})",
            _rate(each.rate),
            f"× {_ratio(each.over_baseline)}",
            _ratio(each.over_floor),
            f"{each.around:.1%}",
            _mebibytes(each.memory),
        ]
        for each in result.contenders
    ]
    rows += [
        [f"floor, batch {floor.batch_size}, {floor.dtype}", _rate(floor.rate), "", "", "", ""]
        for floor in result.floors
    ]
    show_table(
        f"Training, batch {result.batch_size}, {result.images:,} images of {result.data}: "
        f"{counted(result.rounds, 'round')} of {counted(result.steps, 'step')}",
        ["loop", "images/s", "the note's", "of the floor", "around", "memory"],
        rows,
    )
    worst = max(result.contenders, key=lambda each: each.around)
    screen.result(
        f"around the steps: {worst.around:.1%} of an epoch of {result.images:,} images at most "
        f"(target {result.max_around:.0%}: {_verdict(worst.around <= result.max_around)}): order, "
        "figures, samples, checkpoints",
        "floor: the step's matrix products and one pass of Adam, nothing else; compared at float32",
        *_machine(result.machine, result.threads),
    )


def _show_infer(result: InferResult) -> None:
    from ganctl.cli.tables import show_table

    show_table(
        f"Drawing with {result.model}, the network alone: {counted(result.rounds, 'round')}",
        ["batch", "onnxruntime, images/s", "torch, images/s", "onnxruntime / torch"],
        [
            [str(each.batch), _rate(each.onnx), _rate(each.torch), f"× {_ratio(each.over_torch)}"]
            for each in result.batches
        ],
    )
    show_table(
        f"Whole commands, {counted(result.count, 'image')}",
        ["command", "images/s"],
        [
            [f"ganctl infer -n {result.count} out.npy", _rate(result.npy)],
            [f"ganctl infer -n {result.count} out.png", _rate(result.png)],
        ],
    )
    share = result.png_share
    screen.result(
        f"of a grid's time, without the start, its PNG takes {share.median:.0%} "
        f"({share.low:.0%} – {share.high:.0%})",
        *_machine(result.machine, result.threads),
    )


def _show_start(result: StartResult) -> None:
    from ganctl.cli.tables import show_table

    show_table(
        f"Whole processes: {counted(result.rounds, 'round')}",
        ["command", "seconds", "against", "seconds", "ratio", "target", ""],
        [
            [
                pair.name,
                _seconds(pair.command),
                pair.against,
                _seconds(pair.bare),
                _ratio(pair.ratio),
                f"≤ {pair.target:g}",
                _verdict(pair.met),
            ]
            for pair in result.pairs
        ],
    )
    screen.result(
        f"from the start of Python to its end; training on {result.data}",
        *_machine(result.machine),
    )


def _use_threads(asked: int) -> None:
    import torch

    from ganctl.training.device import use_threads

    for doubt in use_threads(asked, 1, torch.device("cpu")):
        screen.note(doubt)


def _machine(machine: Machine, threads: int | None = None) -> list[str]:
    """Return what the figures were measured on, in lines."""
    load = "load unknown" if machine.load is None else f"load {machine.load:.2f} at the start"
    used = [counted(threads, "thread")] if threads else []
    packages = [f"{name} {version}" for name, version in machine.versions.items()]
    lines = [
        ", ".join([machine.cpu, counted(machine.cores, "core"), *used, machine.system, load]),
        ", ".join([*packages, f"Python {machine.python}"]),
    ]
    if machine.busy:
        lines.append("the machine was busy with other work: do not trust these figures")
    return lines


def _rate(rate: Spread) -> str:
    return f"{rate.median:,.0f} ({rate.low:,.0f} – {rate.high:,.0f})"


def _ratio(ratio: Spread) -> str:
    return f"{ratio.median:.2f} ({ratio.low:.2f} – {ratio.high:.2f})"


def _seconds(seconds: Spread) -> str:
    return f"{seconds.median:.3f} ({seconds.low:.3f} – {seconds.high:.3f})"


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"


def _verdict(met: bool) -> str:
    return "met" if met else "missed"


def _print_json(result: Any) -> None:
    screen.result(*json.dumps(dataclasses.asdict(result), indent=2).splitlines())
