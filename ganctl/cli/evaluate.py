"""``ganctl evaluate``: metrics of a generator's images, next to those of real ones."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganctl.cli import complete, screen
from ganctl.cli.options import DataDir, Json, SeedOfAll, Threads
from ganctl.cli.progress import DrawingBar, status_line
from ganctl.environment import RUNS
from ganctl.errors import BadInput
from ganctl.text import counted

if TYPE_CHECKING:
    from ganctl.evaluation.evaluate import Evaluation
    from ganctl.evaluation.samples import Samples
    from ganctl.latents import GeneratorFunction
    from ganctl.model_card import Card

BATCH_SIZE = 64
MNIST = "mnist"

TARGETS = (
    "name an ONNX file, a folder of pictures, an array (.npy, .npz), or a run: its name, its "
    "folder or a .safetensors file"
)


def evaluate(
    target: Annotated[
        Path | None,
        typer.Argument(
            metavar="TARGET",
            readable=False,
            autocompletion=complete.runs(".onnx", ".safetensors", ".npy", ".npz"),
            help="An ONNX file, a folder of pictures, an array (.npy, .npz), or a run: its name, "
            "folder or checkpoint.",
            show_default="the newest run",
        ),
    ] = None,
    count: Annotated[
        int, typer.Option("-n", "--count", metavar="N", min=1, help="How many images to measure.")
    ] = 10_000,
    seed: SeedOfAll = 0,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            autocompletion=complete.data,
            help="Real images to measure against, as for ganctl train; mnist needs no download.",
            show_default="what it was trained on, else mnist",
        ),
    ] = None,
    data_dir: DataDir = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT",
            readable=False,
            autocompletion=complete.files(".html", ".png"),
            help="Write a report: a page (.html) or a picture (.png).",
        ),
    ] = None,
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Measure the images of a generator, and real digits the same way to compare.

    Only a run needs torch. ↓ in the table means that lower is better, ↑ that higher is better.

    Example: [bold]ganctl evaluate gen.onnx --report report.html[/]
    """
    from ganctl.environment import cpu_count
    from ganctl.evaluation.classifier import Classifier
    from ganctl.evaluation.evaluate import evaluate as evaluate_samples
    from ganctl.evaluation.reference import find_reference
    from ganctl.evaluation.report import check_report, write_report

    if report is not None:
        check_report(report)
    threads = min(threads, cpu_count())
    classifier = Classifier(threads)
    samples, source = _samples(target, count, seed, data, threads)
    with status_line() as progress:
        progress("classifying real images")
        reference = find_reference(source, samples.images.shape[1:], classifier, data_dir)
        evaluation = evaluate_samples(samples, reference, classifier, progress)
        if report is not None:
            progress("drawing the report")
            write_report(report, evaluation)
    if as_json:
        screen.result(*json.dumps(_plain(evaluation), indent=2, allow_nan=False).splitlines())
    else:
        _show(evaluation)
    if report is not None:
        (screen.note if as_json else screen.result)(f"wrote {report}")


def _samples(
    target: Path | None, count: int, seed: int, data: str | None, threads: int
) -> tuple[Samples, str]:
    """Return the images to measure, and the name or path of the data to measure them against."""
    from ganctl.evaluation.samples import read_array, read_folder

    suffix = "" if target is None else target.suffix.lower()
    if target is not None and suffix in (".npy", ".npz"):
        return read_array(target, count), data or MNIST
    if target is not None and os.path.isdir(target) and not any(target.glob("*.safetensors")):
        if not _names_run(target):
            return read_folder(target, count), data or MNIST
        screen.note(f"evaluating the run {target}; for the folder: {target.absolute()}")
    if target is not None and suffix == ".onnx":
        from ganctl.inference.generator import load_onnx

        onnx = load_onnx(target, threads, batch_size=BATCH_SIZE)
        source = data or _trained_on(target, onnx.card, None)
        for guess in onnx.guesses:
            screen.note(f"{target}: {guess}")
        names, shares = onnx.class_names, onnx.class_shares
        return _draw(target.name, onnx, onnx.latent_dim, names, shares, count, seed), source

    path = _checkpoint(target)
    from ganctl.checkpoint_file import peek
    from ganctl.training.checkpoint import as_function, load_generator
    from ganctl.training.device import limit_threads

    limit_threads(threads)
    generator, card = load_generator(path)
    source = data or _trained_on(path, card, peek(path).config.data)
    name = path.name if target and os.path.isfile(target) else card.name
    network, names, shares = as_function(generator), card.class_names, card.class_shares
    return _draw(name, network, generator.latent_dim, names, shares, count, seed), source


def _names_run(target: Path) -> bool:
    """Return whether there is a run of that name, which other commands would use."""
    from ganctl.runs.run_dir import LAST

    return target.parent == Path() and os.path.isfile(RUNS / target / LAST)


def _checkpoint(target: Path | None) -> Path:
    """Return the path of the checkpoint that ``target`` names; None is the newest run."""
    if target is not None and os.path.isfile(target) and target.suffix != ".safetensors":
        raise BadInput(f"{target} cannot be evaluated", TARGETS)

    from ganctl.environment import introduce
    from ganctl.runs.run_dir import blank_run_error, did_you_mean_run, find_checkpoint

    try:
        path = find_checkpoint(target)
    except BadInput as error:
        if target is None or blank_run_error(target):
            raise
        raise BadInput(
            f"there is no file, folder or run {target}{did_you_mean_run(target)}", TARGETS
        ) from error
    if target is None:
        screen.note(f"evaluating {introduce(path)}")
    return path


def _trained_on(path: Path, card: Card | None, data_path: str | None) -> str:
    """Return the name of the data that a generator was trained on, or its path.

    Args:
        path: of the generator's file.
        card: of the generator, if the file has one.
        data_path: of the training data, if the file has it.

    Raises:
        BadInput: the name is not that of a known data set, and the path is missing.
    """
    from ganctl.data.registry import NAMES

    if card is None:
        screen.note(f"{path} does not name its training data: measuring against {MNIST}")
        return MNIST
    if card.data_name not in NAMES:
        if data_path and os.path.exists(data_path):
            return data_path
        raise BadInput(
            f"{path} was trained on '{card.data_name}', which is no data set known by name",
            f"give its path, --data PATH, or another data set, such as --data {MNIST}",
        )
    return card.data_name


def _draw(
    name: str,
    generator: GeneratorFunction,
    latent_dim: int,
    class_names: Sequence[str],
    class_shares: Sequence[float],
    count: int,
    seed: int,
) -> Samples:
    """Return images 0 … ``count`` - 1 of a seed, with the digits that were requested."""
    import numpy as np

    from ganctl.evaluation.classifier import labels_to_digits
    from ganctl.evaluation.samples import Samples
    from ganctl.latents import draw, seeded

    inputs = seeded(seed, latent_dim, class_shares)
    drawn = []
    with DrawingBar(count) as progress:
        for batch in draw(generator, inputs, start=0, count=count, batch_size=BATCH_SIZE):
            drawn.append(batch)
            progress.drawn(min(len(drawn) * BATCH_SIZE, count))
    _, labels = inputs(0, count)
    asked = labels_to_digits(labels, class_names)
    return Samples(name, np.concatenate(drawn), asked)


def _show(evaluation: Evaluation) -> None:
    from ganctl.cli.tables import show_table

    drawn, real = evaluation.metrics, evaluation.real
    screen.result(
        f"{evaluation.target}: {counted(drawn.samples, 'image')}",
        f"real: {evaluation.real_name}",
        f"both measured against {evaluation.reference}",
    )
    show_table(
        "",
        ["", "better", "images", "real"],
        [[row.name, row.better, row.text(drawn), row.text(real)] for row in evaluation.rows],
    )
    show_table(
        "",
        ["%", *evaluation.class_names],
        [
            [name, *(f"{100 * share:.1f}" for share in row.class_shares)]
            for name, row in (("images", drawn), ("real", real))
        ],
    )
    suspects = ", ".join(f"{pair.index} ({pair.ratio:.2f})" for pair in evaluation.pairs[:4])
    screen.result(
        f"most like a training image: images {suspects}",
        evaluation.about_ratios,
        *(f"note: {note}" for note in evaluation.notes),
    )


def _plain(evaluation: Evaluation) -> dict[str, Any]:
    """Return everything but the images, for JSON."""
    return {
        "target": evaluation.target,
        "reference": evaluation.reference,
        "figures": dataclasses.asdict(evaluation.metrics),
        "real": dataclasses.asdict(evaluation.real),
        "real_name": evaluation.real_name,
        "pairs": [
            {"index": pair.index, "ratio": pair.ratio if math.isfinite(pair.ratio) else None}
            for pair in evaluation.pairs
        ],
        "notes": evaluation.notes,
        "class_names": evaluation.class_names,
    }
