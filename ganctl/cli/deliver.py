"""Where ``sample`` and ``infer`` put the images: a file, a folder, stdout or the terminal."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import typer

from ganctl.cli import screen
from ganctl.cli.asked import Drawing
from ganctl.cli.progress import DrawingBar
from ganctl.cli.streams import STDOUT, write_stdout
from ganctl.errors import BadInput
from ganctl.images import check_output, check_size, write_images
from ganctl.latents import GeneratorFunction, draw


def file_for(out: Path) -> Path:
    """Return ``out``; for stdout the name of a PNG, which is what stdout gets."""
    return Path("stdout.png") if out == STDOUT else out


def check_target(out: Path, show: bool) -> None:
    """Check that ``out`` can be written, before anything is loaded or drawn.

    Args:
        out: the file or folder; ``-`` for stdout.
        show: whether the images are drawn in the terminal, on stdout, as well.

    Raises:
        typer.BadParameter: stdout cannot take both.
        BadInput: stdout is a terminal; or as by `ganctl.images.check_output`.
    """
    if out != STDOUT:
        check_output(out)
    elif show:
        raise typer.BadParameter("stdout takes the PNG: name a file", param_hint="--show")
    elif sys.stdout.isatty():
        raise BadInput("a terminal shows no PNG", "send it to a file or a program: - > out.png")


def deliver(
    generator: GeneratorFunction,
    drawn: Drawing,
    image_shape: tuple[int, int, int],
    batch_size: int,
    out: Path | None,
    show: bool,
) -> None:
    """Draw in the terminal, to a file or folder, or both, and print the result line.

    Args:
        generator: draws the batches.
        drawn: which images are drawn.
        image_shape: (C, H, W) of its images.
        batch_size: images drawn at once.
        out: the file or folder; ``-`` for stdout; None if the images are only shown.
        show: whether the images are drawn in the terminal.

    Raises:
        BadInput, CheckFailed, OutOfResources: as by `draw`, `check_size` and `write_images`.
    """
    if show:
        from ganctl.cli.show import show_drawing  # loads rich, which is slow

        show_drawing(generator, drawn, image_shape[1:], batch_size)
    if out is None:
        screen.result(drawn.what)
        return
    png = io.BytesIO()
    target = png if out == STDOUT else out
    check_size(target, drawn.count, image_shape, drawn.cols)
    with DrawingBar(drawn.count) as progress:
        batches = draw(
            generator,
            drawn.inputs,
            start=drawn.start,
            count=drawn.count,
            batch_size=batch_size,
            report=progress.drawn,
        )
        write_images(target, batches, drawn.count, drawn.start, drawn.cols)
    if out == STDOUT:
        write_stdout(png.getvalue())
    else:
        screen.result(f"wrote {out}: {drawn.what}{progress.speed}")
