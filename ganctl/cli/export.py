"""``ganctl export``: the generator as one ONNX file, or as a checkpoint of its own."""

from __future__ import annotations

import shlex
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganctl.cli import complete, screen
from ganctl.cli.options import Checkpoint, nothing_written, refuse_same
from ganctl.errors import BadInput
from ganctl.text import counted

if TYPE_CHECKING:
    from ganctl.export.onnx import Exported
    from ganctl.export.parity import Parity
    from ganctl.model_card import Card

JUDGED = 5_000
"""Images of each file whose Fréchet distance says what rounding costs: a few seconds' worth."""

OPSET = 20

BATCH_SIZE = 250
"""Images drawn at once for it."""


class Precision(str, Enum):
    """`ganctl.export.quantize.PRECISIONS`."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"


class Reader(str, Enum):
    """Who can read the file, where that is not whoever takes floats."""

    TORCH_FIDELITY = "torch-fidelity"


def export(
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            readable=False,
            autocompletion=complete.files(".onnx", ".safetensors"),
            help="The ONNX file to write; or .safetensors, which sample and export read.",
        ),
    ] = Path("generator.onnx"),
    checkpoint: Checkpoint = None,
    precision: Annotated[
        Precision,
        typer.Option(
            help="What the weights are stored in; float32 is computed in. fp16 halves the file, "
            "int8 quarters it."
        ),
    ] = Precision.FP32,
    reader: Annotated[
        Reader | None,
        typer.Option("--for", help="Draw uint8 (N, 3, H, W), which torch-fidelity reads."),
    ] = None,
    opset: Annotated[
        int | None,
        typer.Option(metavar="N", min=18, max=23, help="ONNX operator set.", show_default="20"),
    ] = None,
) -> None:
    """Write the generator as one ONNX file that runs anywhere without torch.

    The file is written only after onnxruntime has drawn the same images from it as torch.

    Example: [bold]ganctl export gen.onnx[/], then [bold]ganctl infer gen.onnx[/]
    """
    from ganctl.checkpoint_file import read_checkpoint, read_header
    from ganctl.files import check_writable
    from ganctl.pretrained import introduce
    from ganctl.runs.run_dir import find_checkpoint

    if out.is_dir():
        raise BadInput(f"cannot write {out}: it is a folder", f"name a file: {out / 'gen.onnx'}")
    if out.suffix.lower() not in (".onnx", ".safetensors"):
        raise BadInput(
            f"cannot write {out}: '{out.suffix}' is no kind of generator",
            "end it in .onnx, or in .safetensors for a checkpoint of the generator alone",
        )
    to_onnx = out.suffix.lower() == ".onnx"
    if not to_onnx and (reader or opset or precision is not Precision.FP32):
        raise typer.BadParameter(
            "a .safetensors file keeps the generator as it is: --precision, --for and --opset are "
            "for .onnx",
            param_hint="OUT",
        )
    check_writable(out)
    path = find_checkpoint(checkpoint)
    refuse_same(out, path, "the new file would take the checkpoint's place")
    read_header(read_checkpoint(path), str(path))  # before torch, which takes seconds to load
    if checkpoint is None:
        screen.note(f"exporting {introduce(path)}")
    with nothing_written():
        if to_onnx:
            lines = _write_onnx(out, path, opset or OPSET, precision, reader)
        else:
            lines = _write_checkpoint(out, path)
    screen.result(*lines)


def _write_onnx(
    out: Path, path: Path, opset: int, precision: Precision, reader: Reader | None
) -> list[str]:
    """Write the file, and return what is to be said of it."""
    from ganctl.export.onnx import export_onnx, export_rounded, export_stored
    from ganctl.files import write_atomic
    from ganctl.training.checkpoint import load_generator

    generator, card = load_generator(path)
    full = exported = stored = export_onnx(generator, card, opset)
    typed = f"./{out}" if str(out).startswith("-") else str(out)
    following = f"ganctl infer {shlex.quote(typed)}"
    if precision is not Precision.FP32:
        exported = stored = export_stored(full, generator, precision.value)
    if reader:
        exported = export_rounded(stored, generator)
        sizes = f"{generator.latent_dim}, 'normal', {generator.classes}"
        following = f"torch_fidelity.GenerativeModelONNX({str(out)!r}, {sizes})"
    judged = []
    if stored is not full and _shows_digits(card):
        distance, before = _distances(stored, full)
        judged = [f"Fréchet distance {distance:.2f}, {before:.2f} in fp32 ({JUDGED:,} images each)"]
    write_atomic(out, exported.data)  # last: whatever fails before leaves no file
    return [
        f"wrote {out}: {len(exported.data) / 1e6:.2f} MB, opset {exported.opset}",
        _agreement(exported.parity),
        *judged,
        f"next: {following}",
    ]


def _agreement(parity: Parity) -> str:
    return (
        f"against torch: at most {parity.max_difference:.2g} apart; "
        f"{parity.pixels_off:,} of {counted(parity.pixels, 'pixel')} off, "
        f"by {counted(parity.max_levels, 'grey level')} at most, "
        f"{parity.mean_levels:.2g} on average"
    )


def _shows_digits(card: Card) -> bool:
    """Tell whether the images are digits, the only ones that the classifier knows."""
    from ganctl.data.image_data import DIGIT_NAMES

    return set(card.class_names) == set(DIGIT_NAMES)


def _distances(*files: Exported) -> list[float]:
    """Return the Fréchet distance of each file's images from MNIST's, all of the same latents."""
    import numpy as np

    from ganctl.drawing import draw
    from ganctl.evaluation.classifier import Classifier
    from ganctl.evaluation.metrics import frechet_distance, moments
    from ganctl.evaluation.reference import mnist_statistics
    from ganctl.inference.generator import parse_onnx
    from ganctl.inputs import seeded

    classifier, mnist = Classifier(), mnist_statistics()
    distances: list[float] = []
    with screen.DrawingScreen(len(files) * JUDGED) as progress:
        for file in files:
            generator = parse_onnx(file.data, "the new file")
            inputs = seeded(0, generator.latent_dim, file.card.class_shares)
            features = []
            done = len(distances) * JUDGED
            batches = draw(generator, inputs, start=0, count=JUDGED, batch_size=BATCH_SIZE)
            for images in batches:
                features.append(classifier(images).features)
                done += len(images)
                progress.drawn(done)
            drawn = moments(np.concatenate(features))
            distances.append(frechet_distance(*drawn, mnist.mean, mnist.covariance))
    return distances


def _write_checkpoint(out: Path, path: Path) -> list[str]:
    from ganctl.training.checkpoint import load_checkpoint, save_checkpoint

    save_checkpoint(out, load_checkpoint(path).generator_only())
    return [
        f"wrote {out}: {out.stat().st_size / 1e6:.2f} MB, the generator alone",
        f"next: ganctl sample --checkpoint {shlex.quote(str(out))}",
    ]
