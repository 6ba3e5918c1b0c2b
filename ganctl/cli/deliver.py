"""What ``sample`` and ``infer`` do with what they are asked to draw."""

from __future__ import annotations

from pathlib import Path

from ganctl.cli import screen
from ganctl.cli.asked import Drawing
from ganctl.cli.piped import STDOUT, place_for
from ganctl.images import check_size, write_images
from ganctl.latents import GeneratorFunction, draw


def deliver(
    generator: GeneratorFunction,
    drawn: Drawing,
    image_shape: tuple[int, int, int],
    batch_size: int,
    out: Path | None,
    show: bool,
) -> None:
    """Draw in the terminal, to a file or a folder, or both, and say what has been made.

    Args:
        generator: draws the batches.
        drawn: what is asked for.
        image_shape: (C, H, W) of its images.
        batch_size: images drawn at once.
        out: where they are written; ``-`` for stdout; None: nowhere.
        show: whether they are drawn in the terminal.

    Raises:
        BadInput, CheckFailed, OutOfResources: as `draw`, `check_size` and `write_images`.
    """
    if show:
        from ganctl.cli.show import show_drawing  # and with it rich, which takes a while

        show_drawing(generator, drawn, image_shape[1:], batch_size)
    if out is None:
        screen.result(drawn.what)
        return
    with place_for(out) as place, screen.DrawingScreen(drawn.count) as progress:
        check_size(place, drawn.count, image_shape, drawn.cols)
        batches = draw(
            generator,
            drawn.inputs,
            start=drawn.start,
            count=drawn.count,
            batch_size=batch_size,
            report=progress.drawn,
        )
        write_images(place, batches, drawn.count, drawn.start, drawn.cols)
    if out != STDOUT:
        screen.result(f"wrote {out}: {drawn.what}{progress.speed}")
