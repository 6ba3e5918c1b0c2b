"""``ganctl infer``: draw from an ONNX generator, without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganctl.cli import screen
from ganctl.cli.options import (
    OUT_HELP,
    Cols,
    Count,
    Digit,
    Digits,
    Interpolate,
    Seed,
    Start,
    Truncation,
    refuse_same,
)


def infer(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL", readable=False, help="The ONNX file that ganctl export wrote."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Argument(
            metavar="OUT", readable=False, help=OUT_HELP, show_default="the model's name with .png"
        ),
    ] = None,
    count: Count = None,
    seed: Seed = 0,
    start: Start = 0,
    cols: Cols = 0,
    digit: Digit = None,
    digits: Digits = None,
    truncation: Truncation = 1.0,
    interpolate: Interpolate = None,
    batch_size: Annotated[
        int,
        typer.Option(metavar="N", min=1, max=65536, help="Images drawn at once; changes no image."),
    ] = 64,
    threads: Annotated[
        int, typer.Option(metavar="N", min=0, help="On the CPU; 0 for all cores.")
    ] = 0,
    provider: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="What runs it: cpu, or another that onnxruntime has (cuda, …)."
        ),
    ] = "cpu",
) -> None:
    """Draw images from an ONNX generator: onnxruntime and NumPy, no torch.

    The same seed draws the same images as [bold]ganctl sample[/].

    Example: [bold]ganctl infer gen.onnx -n 64 --seed 7 out.png[/]
    """
    from ganctl.cli.asked import Asked
    from ganctl.drawing import draw_to
    from ganctl.images import check_output
    from ganctl.inference.generator import load_onnx
    from ganctl.machine import usable_cores

    asked = Asked(out, count, seed, start, cols, digit, digits, truncation, interpolate)
    cores = usable_cores()
    if threads > cores:
        screen.note(f"{threads} threads would wait for each other on {cores} cores: using {cores}")
    generator = load_onnx(model, min(threads, cores), provider)
    out = out or model.with_suffix(".png")
    check_output(out)
    refuse_same(out, model, "the images would take the model's place")
    drawing = asked.of(model, generator.latent_dim, generator.card)
    with screen.DrawingScreen(drawing.count) as progress:
        draw_to(
            out,
            generator,
            drawing.inputs,
            generator.image_shape,
            start=drawing.start,
            count=drawing.count,
            batch_size=batch_size,
            cols=drawing.cols,
            report=progress.show,
        )
    screen.result(f"wrote {out}: {drawing.what}{progress.speed}")
