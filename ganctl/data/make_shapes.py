"""Make a folder of small pictures to try one's own pictures with: coloured shapes on white.

``python -m ganctl.data.make_shapes FOLDER`` writes FOLDER/circle/0000.png and so on, a sub-folder a
shape; the same seed makes the same pictures, and more of them begin with those of fewer.
"""

from __future__ import annotations

import argparse
import colorsys
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ganctl.errors import BadInput, GanctlError
from ganctl.files import make_folder, write_error
from ganctl.images import encode_png

POINTS = {"circle": 60, "heart": 60, "square": 4, "star": 10, "triangle": 3}
"""The classes, and the corners that each is drawn with."""

MOST, LARGEST = 10_000, 1024
"""Pictures of a shape, and pixels a side."""

FINER = 4
"""Times that a picture is drawn larger, so that its edges are smooth once it is reduced."""


def outline(shape: str) -> NDArray[np.float64]:
    """Return a shape's corners (N, 2), x to the right and y down, around (0, 0), up to 1 away."""
    angle = np.arange(POINTS[shape]) * (2 * math.pi / POINTS[shape])
    if shape == "heart":
        x = 16 * np.sin(angle) ** 3
        y = -13 * np.cos(angle) + 5 * np.cos(2 * angle) + 2 * np.cos(3 * angle) + np.cos(4 * angle)
        return np.stack([x, y], axis=1) / 17
    far = np.where(np.arange(len(angle)) % 2, 0.45, 1.0) if shape == "star" else 1.0
    turned = angle + (math.pi / 4 if shape == "square" else 0)
    return np.stack([far * np.sin(turned), -far * np.cos(turned)], axis=1)


def draw_shape(shape: str, size: int, rng: np.random.Generator) -> Image.Image:
    """Return a shape of a random colour, size, place and slight turn on white, in RGB."""
    turn, radius = rng.uniform(-0.3, 0.3), rng.uniform(0.28, 0.38)
    centre = rng.uniform(0.44, 0.56, 2)
    red, green, blue = colorsys.hsv_to_rgb(rng.uniform(), 0.85, rng.uniform(0.75, 0.95))
    rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    corners = (outline(shape) @ rotation * radius + centre) * size * FINER
    picture = Image.new("RGB", (size * FINER, size * FINER), "white")
    colour = (round(red * 255), round(green * 255), round(blue * 255))
    ImageDraw.Draw(picture).polygon([(x, y) for x, y in corners.tolist()], fill=colour)
    return picture.reduce(FINER)


def make_shapes(folder: Path, count: int = 120, size: int = 64, seed: int = 0) -> int:
    """Write ``count`` pictures of each shape under ``folder``; return how many that are.

    Raises:
        BadInput: ``folder`` has something in it, or cannot be written.
        OutOfResources: the disk is full.
    """
    make_folder(folder)
    try:
        if any(folder.iterdir()):
            raise BadInput(f"{folder} is not empty", "name a new folder")
        for number, shape in enumerate(POINTS):
            (folder / shape).mkdir()
            for index in range(count):
                picture = draw_shape(shape, size, np.random.default_rng((seed, number, index)))
                (folder / shape / f"{index:04d}.png").write_bytes(encode_png(np.asarray(picture)))
    except OSError as error:
        raise write_error(folder, error) from error
    return count * len(POINTS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="make_shapes", description=__doc__)
    parser.add_argument("folder", type=Path, help="where they go: a new folder")
    parser.add_argument("--count", type=int, default=120, help="pictures of each shape")
    parser.add_argument("--size", type=int, default=64, help="height and width in pixels")
    parser.add_argument("--seed", type=int, default=0, help="another one makes other pictures")
    options = parser.parse_args(arguments)
    if not (1 <= options.count <= MOST and 8 <= options.size <= LARGEST and options.seed >= 0):
        parser.error(f"--count: 1 to {MOST:,}; --size: 8 to {LARGEST:,}; --seed: 0 or more")
    try:
        made = make_shapes(options.folder, options.count, options.size, options.seed)
    except GanctlError as error:
        print(f"error: {error.message}\nhint: {error.hint}", file=sys.stderr)
        return error.exit_code
    print(f"wrote {options.folder}: {made} pictures, {len(POINTS)} classes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
