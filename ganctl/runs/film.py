"""``progress.gif``: the same latents through the training, from a run's sample grids."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ganctl.images import PADDING, Pixels, encode_gif
from ganctl.runs.folder import samples

FRAMES = 100
"""At most; of more grids some are left out, evenly."""

FRAME_MS, LAST_MS = 200, 2000
"""How long a frame is shown, and the last one."""

LEVELS = 17
"""Grey levels of a frame: enough for digits, in a file of half the size."""

SIDE = 488
"""Pixels of a frame at most: as many images a side of the grid are shown as fit."""

MAX_BYTES = 2_000_000
"""Of the file: frames are left out until it is smaller."""


def film(folder: Path, img_size: int) -> bytes | None:
    """Return a run's samples as an animated GIF; None where there are none that can be read.

    Args:
        folder: of the run.
        img_size: height and width of its images.
    """
    tiles = max(1, (SIDE - PADDING) // (img_size + PADDING))
    grids = [grid for grid in map(read_grid, spread(samples(folder))) if grid is not None]
    if not grids:
        return None
    side = tiles * (img_size + PADDING) + PADDING
    alike = [grid[:, :side, :side] for grid in grids if grid.shape == grids[-1].shape]
    step = 255 / (LEVELS - 1)
    frames = np.rint(np.rint(np.stack(alike) / step) * step).astype(np.uint8)
    while True:
        data = encode_gif(frames, [*(len(frames) - 1) * [FRAME_MS], LAST_MS])
        if len(data) <= MAX_BYTES or len(frames) == 1:
            return data
        frames = frames[(len(frames) - 1) % 2 :: 2]  # every other one, and the last


def spread(paths: Sequence[Path]) -> list[Path]:
    """Return at most `FRAMES` of the paths, evenly spread, the first and the last among them."""
    if len(paths) <= FRAMES:
        return list(paths)
    return [paths[index] for index in np.linspace(0, len(paths) - 1, FRAMES).round().astype(int)]


def read_grid(path: Path) -> Pixels | None:
    """Return a sample grid as (C, H, W); None where it is no picture that can be read."""
    try:
        with Image.open(io.BytesIO(path.read_bytes()), formats=["PNG"]) as image:
            pixels = np.asarray(image if image.mode == "L" else image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
