"""``ganctl export``: write the generator as one ONNX file, or as a checkpoint of its own."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ganctl.cli import complete, screen
from ganctl.cli.options import Checkpoint, nothing_written, refuse_same
from ganctl.cli.progress import DrawingBar
from ganctl.errors import BadInput, CheckFailed
from ganctl.text import counted

if TYPE_CHECKING:
    from ganctl.export.onnx import Exported

EVALUATED = 5_000  # images of each file for the Fréchet distance: a few seconds
BATCH_SIZE = 250  # images drawn at once for it


def export(
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            readable=False,
            autocompletion=complete.files(".onnx", ".safetensors"),
            help="The ONNX file to write; or a .safetensors file, for sample and export.",
        ),
    ] = Path("generator.onnx"),
    checkpoint: Checkpoint = None,
    precision: Annotated[
        Literal["fp32", "fp16", "int8"],
        typer.Option(
            help="Precision of the stored weights; computation is in float32. fp16 halves the "
            "file, int8 quarters it."
        ),
    ] = "fp32",
    reader: Annotated[
        Literal["torch-fidelity"] | None,
        typer.Option("--for", help="Draw uint8 (N, 3, H, W), which torch-fidelity reads."),
    ] = None,
    opset: Annotated[
        int | None,
        typer.Option(metavar="N", min=18, max=23, help="ONNX operator set.", show_default="20"),
    ] = None,
) -> None:
    """Write the generator as one ONNX file that runs anywhere without torch.

    The file is written only if onnxruntime draws the same images from it as torch.

    Example: [bold]ganctl export gen.onnx[/], then [bold]ganctl infer gen.onnx[/]
    """
    from ganctl.checkpoint_file import read_header
    from ganctl.environment import introduce
    from ganctl.files import check_writable
    from ganctl.runs.run_dir import find_checkpoint

    if out.is_dir():
        raise BadInput(f"cannot write {out}: it is a folder", f"name a file: {out / 'gen.onnx'}")
    suffix = out.suffix.lower()
    if suffix not in (".onnx", ".safetensors"):
        raise BadInput(
            f"cannot write {out}: '{out.suffix}' is not a format of a generator",
            "use .onnx, or .safetensors for a checkpoint of the generator alone",
        )
    if suffix == ".safetensors" and (reader or opset or precision != "fp32"):
        raise typer.BadParameter(
            "--precision, --for and --opset apply to .onnx files only", param_hint="OUT"
        )
    check_writable(out)
    path = find_checkpoint(checkpoint)
    refuse_same(out, path, "the new file would overwrite the checkpoint")
    read_header(path)  # fails before torch is loaded, which is slow
    if checkpoint is None:
        screen.note(f"exporting {introduce(path)}")
    with nothing_written(), _failed_check_writes_nothing():
        if suffix == ".onnx":
            lines = _write_onnx(out, path, opset, precision, uint8=reader is not None)
        else:
            lines = _write_checkpoint(out, path)
    screen.result(*lines)


@contextmanager
def _failed_check_writes_nothing() -> Iterator[None]:
    try:
        yield
    except CheckFailed as error:
        raise CheckFailed(f"{error.message}; nothing was written", error.hint) from error


def _write_onnx(
    out: Path, path: Path, opset: int | None, precision: str, *, uint8: bool
) -> list[str]:
    """Write the file and return the lines of the result."""
    from ganctl.data.image_data import DIGIT_NAMES
    from ganctl.export.onnx import OPSET, convert, export_onnx
    from ganctl.files import write_atomic
    from ganctl.training.checkpoint import load_generator

    generator, card = load_generator(path)
    full = export_onnx(generator, card, opset or OPSET)
    exported = convert(full, generator, precision, uint8)
    lines = []
    if precision != "fp32" and set(card.class_names) == set(DIGIT_NAMES):
        distance, before = _frechet_distances(exported, full)
        lines = [
            f"Fréchet distance {distance:.2f}, {before:.2f} in fp32 ({EVALUATED:,} images each)"
        ]
    write_atomic(out, exported.data)
    if uint8:
        arguments = f"{str(out)!r}, {generator.latent_dim}, 'normal', {generator.classes}"
        command = f"torch_fidelity.GenerativeModelONNX({arguments})"
    else:
        name = f"./{out}" if str(out).startswith("-") else str(out)
        command = f"ganctl infer {shlex.quote(name)}"
    parity = exported.parity
    return [
        f"wrote {out}: {len(exported.data) / 1e6:.2f} MB, opset {exported.opset}",
        f"against torch: at most {parity.max_difference:.2g} apart; "
        f"{parity.pixels_off:,} of {counted(parity.pixels, 'pixel')} off, "
        f"by {counted(parity.max_levels, 'grey level')} at most, "
        f"{parity.mean_levels:.2g} on average",
        *lines,
        f"next: {command}",
    ]


def _frechet_distances(*files: Exported) -> list[float]:
    """Return the Fréchet distance from MNIST of each file's images of the same latents."""
    import numpy as np

    from ganctl.evaluation.classifier import Classifier
    from ganctl.evaluation.metrics import frechet_distance, moments
    from ganctl.evaluation.reference import mnist_statistics
    from ganctl.inference.generator import parse_onnx
    from ganctl.latents import draw, seeded

    classifier, mnist = Classifier(), mnist_statistics()
    distances: list[float] = []
    with DrawingBar(len(files) * EVALUATED) as progress:
        for file in files:
            generator = parse_onnx(file.data, "the new file")
            inputs = seeded(0, generator.latent_dim, file.card.class_shares)
            features = []
            for images in draw(generator, inputs, start=0, count=EVALUATED, batch_size=BATCH_SIZE):
                features.append(classifier(images).features)
                progress.drawn(len(distances) * EVALUATED + len(features) * BATCH_SIZE)
            statistics = moments(np.concatenate(features))
            distances.append(frechet_distance(*statistics, mnist.mean, mnist.covariance))
    return distances


def _write_checkpoint(out: Path, path: Path) -> list[str]:
    from ganctl.training.checkpoint import load_checkpoint, save_checkpoint

    save_checkpoint(out, load_checkpoint(path).generator_only())
    return [
        f"wrote {out}: {out.stat().st_size / 1e6:.2f} MB, the generator alone",
        f"next: ganctl sample --checkpoint {shlex.quote(str(out))}",
    ]
