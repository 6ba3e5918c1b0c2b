"""``progress.gif``: the same latents through the training, from a run's sample grids."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganctl.images import PADDING, Pixels, encode_gif
from ganctl.runs.run_dir import RunDir

FRAMES, COLOUR_FRAMES = 100, 25
"""At most, as colour takes long; of more grids some are left out, evenly."""

FRAME_MS, LAST_MS = 200, 2000
"""How long a frame is shown, and the last one."""

LEVELS = 17
"""Grey levels of a frame: enough for digits, in a file of half the size."""

SIDE = 488
"""Pixels of a frame at most: as many images a side of the grid are shown as fit."""

MAX_BYTES = 2_000_000
"""Of the file: frames are left out until it is smaller."""


def film(run: RunDir, img_size: int, channels: int) -> bytes | None:
    """Return a run's samples as an animated GIF; None where fewer than two can be read.

    Args:
        run: with sample grids.
        img_size: height and width of its images.
        channels: of its images, 1 or 3.
    """
    tiles = max(1, (SIDE - PADDING) // (img_size + PADDING))
    most = FRAMES if channels == 1 else COLOUR_FRAMES
    grids = [grid for grid in map(read_grid, spread(run.samples(), most)) if grid is not None]
    alike = [grid for grid in grids if grid.shape == grids[-1].shape]
    if len(alike) < 2:
        return None
    side, step = tiles * (img_size + PADDING) + PADDING, 255 / (LEVELS - 1)
    levels = np.rint(np.rint(np.arange(256) / step) * step).astype(np.uint8)
    frames = np.stack([levels[grid[:, :side, :side]] for grid in alike])
    while True:
        data = encode_gif(frames, [*(len(frames) - 1) * [FRAME_MS], LAST_MS])
        if len(data) <= MAX_BYTES or len(frames) == 2:
            return data
        frames = frames[_evenly(len(frames), max(2, len(frames) // 2))]


def spread(paths: Sequence[Path], most: int) -> list[Path]:
    """Return at most so many of the paths, evenly spread, the first and the last among them."""
    if len(paths) <= most:
        return list(paths)
    return [paths[index] for index in _evenly(len(paths), most)]


def _evenly(count: int, most: int) -> NDArray[np.int64]:
    """Return so many indices below ``count``, evenly spread, the first and the last among them."""
    return np.linspace(0, count - 1, most).round().astype(np.int64)


def read_grid(path: Path) -> Pixels | None:
    """Return a sample grid as (C, H, W); None where it is no picture that can be read."""
    try:
        with Image.open(io.BytesIO(path.read_bytes()), formats=["PNG"]) as image:
            pixels = np.asarray(image if image.mode == "L" else image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
