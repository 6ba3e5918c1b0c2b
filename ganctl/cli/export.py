"""``ganctl export``: the generator as one ONNX file, or as a checkpoint of its own."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from ganctl.cli import screen
from ganctl.cli.options import Checkpoint, refuse_same
from ganctl.errors import BadInput


def export(
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            readable=False,
            help="The ONNX file to write; or .safetensors, which sample and export read.",
        ),
    ] = Path("generator.onnx"),
    checkpoint: Checkpoint = None,
    opset: Annotated[
        int, typer.Option(metavar="N", min=18, max=23, help="ONNX operator set.")
    ] = 20,
) -> None:
    """Write the generator as one ONNX file that runs anywhere without torch.

    The file is written only after onnxruntime has drawn the same images from it as torch.

    Example: [bold]ganctl export gen.onnx[/], then [bold]ganctl infer gen.onnx[/]
    """
    from ganctl.files import check_writable
    from ganctl.training.run import find_checkpoint, introduce

    if out.suffix.lower() not in (".onnx", ".safetensors"):
        raise BadInput(
            f"cannot write {out}: '{out.suffix}' is no kind of generator",
            "end it in .onnx, or in .safetensors for a checkpoint of the generator alone",
        )
    check_writable(out)
    path = find_checkpoint(checkpoint)
    refuse_same(out, path, "the new file would take the checkpoint's place")
    if checkpoint is None:
        screen.note(f"exporting {introduce(path)}")
    if out.suffix.lower() == ".onnx":
        _write_onnx(out, path, opset)
    else:
        _write_checkpoint(out, path)


def _write_onnx(out: Path, path: Path, opset: int) -> None:
    from ganctl.files import write_atomic
    from ganctl.training.export import export_onnx
    from ganctl.training.generate import load_generator

    generator, card = load_generator(path)
    exported = export_onnx(generator, card, opset)
    write_atomic(out, exported.data)
    parity = exported.parity
    screen.result(
        f"wrote {out}: {len(exported.data) / 1e6:.2f} MB, opset {exported.opset}",
        f"against torch: at most {parity.max_difference:.1e} apart; "
        f"{parity.pixels_off} of {parity.pixels:,} pixels differ, "
        f"by at most {parity.max_levels} grey levels",
        f"next: ganctl infer {shlex.quote(str(out))}",
    )


def _write_checkpoint(out: Path, path: Path) -> None:
    from ganctl.training.checkpoint import load_checkpoint, save_checkpoint
    from ganctl.training.generate import generator_alone

    save_checkpoint(out, generator_alone(load_checkpoint(path)))
    screen.result(
        f"wrote {out}: {out.stat().st_size / 1e6:.2f} MB, the generator alone",
        f"next: ganctl sample --checkpoint {shlex.quote(str(out))}",
    )
