"""Make a folder of small pictures to try out your own data with: coloured shapes on white.

    python scripts/make_shapes.py FOLDER

Writes FOLDER/circle/0000.png and so on, one sub-folder per shape. The same seed gives the same
pictures, and a larger count adds pictures to those of a smaller one.
"""

from __future__ import annotations

import argparse
import colorsys
import math
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ganctl.errors import BadInput, GanctlError
from ganctl.files import make_folder, write_error
from ganctl.images import encode_png

CORNERS = {"circle": 60, "heart": 60, "square": 4, "star": 10, "triangle": 3}  # of each class
MAX_COUNT, MAX_SIZE = 10_000, 1024  # pictures of a shape, and pixels a side
OVERSAMPLING = 4  # pictures are drawn larger and reduced, for smooth edges


def outline(shape: str) -> NDArray[np.float64]:
    """Return a shape's corners (N, 2) around (0, 0), at most 1 away; x to the right and y down."""
    angle = np.arange(CORNERS[shape]) * (2 * math.pi / CORNERS[shape])
    if shape == "heart":
        x = 16 * np.sin(angle) ** 3
        y = -13 * np.cos(angle) + 5 * np.cos(2 * angle) + 2 * np.cos(3 * angle) + np.cos(4 * angle)
        return np.stack([x, y], axis=1) / 17
    radius = np.where(np.arange(len(angle)) % 2, 0.45, 1.0) if shape == "star" else 1.0
    turned = angle + (math.pi / 4 if shape == "square" else 0)
    return np.stack([radius * np.sin(turned), -radius * np.cos(turned)], axis=1)


def draw_shape(shape: str, size: int, rng: np.random.Generator) -> Image.Image:
    """Return a shape of random colour, size, place and slight rotation on white, in RGB."""
    turn, radius = rng.uniform(-0.3, 0.3), rng.uniform(0.28, 0.38)
    centre = rng.uniform(0.44, 0.56, 2)
    red, green, blue = colorsys.hsv_to_rgb(rng.uniform(), 0.85, rng.uniform(0.75, 0.95))
    rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    corners = (outline(shape) @ rotation * radius + centre) * size * OVERSAMPLING
    picture = Image.new("RGB", (size * OVERSAMPLING, size * OVERSAMPLING), "white")
    colour = (round(red * 255), round(green * 255), round(blue * 255))
    ImageDraw.Draw(picture).polygon([(x, y) for x, y in corners.tolist()], fill=colour)
    return picture.reduce(OVERSAMPLING)


def make_shapes(folder: Path, count: int = 120, size: int = 64, seed: int = 0) -> None:
    """Write ``count`` pictures of each shape to ``folder``.

    Raises:
        BadInput: ``folder`` is not empty, or cannot be written.
        OutOfResources: the disk is full.
    """
    make_folder(folder)
    try:
        if any(folder.iterdir()):
            raise BadInput(f"{folder} is not empty", "name a new folder")
        for number, shape in enumerate(CORNERS):
            (folder / shape).mkdir()
            for index in range(count):
                picture = draw_shape(shape, size, np.random.default_rng((seed, number, index)))
                (folder / shape / f"{index:04d}.png").write_bytes(encode_png(np.asarray(picture)))
    except OSError as error:
        raise write_error(folder, error) from error


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="a new folder")
    parser.add_argument("--count", type=int, default=120, help="pictures of each shape")
    parser.add_argument("--size", type=int, default=64, help="height and width in pixels")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other pictures")
    options = parser.parse_args()
    if not (
        1 <= options.count <= MAX_COUNT and 8 <= options.size <= MAX_SIZE and options.seed >= 0
    ):
        parser.error(f"--count: 1 to {MAX_COUNT:,}; --size: 8 to {MAX_SIZE:,}; --seed: 0 or more")
    try:
        make_shapes(options.folder, options.count, options.size, options.seed)
        total = options.count * len(CORNERS)
        print(f"wrote {options.folder}: {total} pictures, {len(CORNERS)} classes")
    except GanctlError as error:
        sys.exit(f"error: {error.message}\nhint: {error.hint}")
