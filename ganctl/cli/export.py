"""``ganctl export``: the generator as one ONNX file."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from ganctl.cli import screen
from ganctl.cli.options import Checkpoint, refuse_same


def export(
    out: Annotated[
        Path, typer.Argument(metavar="OUT", readable=False, help="The ONNX file to write.")
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
    from ganctl.files import check_writable, write_atomic
    from ganctl.training.run import find_checkpoint

    check_writable(out)
    path = find_checkpoint(checkpoint)
    refuse_same(out, path, "the ONNX file would take the checkpoint's place")
    if checkpoint is None:
        screen.note(f"exporting {path}")

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
