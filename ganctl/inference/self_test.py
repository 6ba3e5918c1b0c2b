"""The golden self-test: a few images that an ONNX file brings, and must still draw.

It stands in ``metadata_props`` as JSON::

    {"version": 1, "seeds": [0, 1, …], "labels": [0, 1, …] or null, "shape": [C, H, W],
     "sha256": of the grey levels, image after image, "png": the images side by side, in base64}

Image k is the first one of seed k, and of class ``labels[k]`` where there are classes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ganctl.config import MAX_SEED
from ganctl.errors import BadInput, CheckFailed
from ganctl.images import Pixels, decode_png, encode_png, picture
from ganctl.latents import Floats, Labels, draw, latents

SELF_TEST_KEY = "ganctl.selftest"
"""The self-test's key in the ONNX file's ``metadata_props``."""

MOST_IMAGES = 10
MOST_LEVELS = 2**16
"""Grey levels of all the images together, above which there are fewer images; but always one."""

MOST_TEXT = 10_000_000
"""Characters of it: those of an image of 512×512 in colour fit in several times."""

TOLERANCE = 1
"""Grey levels that another machine's rounding may move a pixel by."""


class Drawer(Protocol):
    """A generator: latents (B, latent_dim), and classes (B,) → images (B, C, H, W) in [-1, 1]."""

    @property
    def latent_dim(self) -> int:
        """Return how many values a latent has."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Return (C, H, W)."""

    def __call__(self, latents: Floats, labels: Labels | None) -> Floats:
        """Draw one image for each row of ``latents``."""


@dataclass(frozen=True)
class Verdict:
    """How far the images drawn now are from those of the self-test."""

    images: int
    pixels: int  # compared; a colour counts thrice
    pixels_off: int
    max_levels: int  # grey levels, at the worst of them


def make_self_test(generator: Drawer, classes: int) -> str:
    """Return the self-test of ``generator`` as it draws now; ``classes`` is 0 where it has none."""
    image_shape = generator.image_shape
    count = max(1, min(MOST_IMAGES, MOST_LEVELS // int(np.prod(image_shape))))
    seeds = list(range(count))
    labels = [seed % classes for seed in seeds] if classes else None
    images = _draw(generator, seeds, labels)
    values = {
        "version": 1,
        "seeds": seeds,
        "labels": labels,
        "shape": list(image_shape),
        "sha256": hashlib.sha256(images.tobytes()).hexdigest(),
        "png": base64.b64encode(encode_png(_side_by_side(images))).decode(),
    }
    return json.dumps(values, sort_keys=True)


def run_self_test(text: str, generator: Drawer, name: str) -> Verdict:
    """Draw the images of the self-test ``text`` again and compare them.

    Raises:
        BadInput: the self-test cannot be read; ``name`` is the file's.
        CheckFailed: a pixel is off by more than `TOLERANCE`.
    """
    try:
        seeds, labels, digest, expected = _read(text, generator.image_shape)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BadInput(
            f"{name}: its self-test cannot be read: {error}", "export it again"
        ) from error
    drawn = _draw(generator, seeds, labels)
    apart = np.abs(drawn.astype(np.int16) - expected)
    verdict = Verdict(len(drawn), apart.size, int(np.count_nonzero(apart)), int(apart.max()))
    if verdict.max_levels > TOLERANCE:
        raise CheckFailed(
            f"{name} does not draw what it drew when it was made: {verdict.pixels_off:,} of "
            f"{verdict.pixels:,} pixels differ, by up to {verdict.max_levels} grey levels",
            "export it again; or this onnxruntime cannot be trusted with it",
        )
    if not verdict.pixels_off and hashlib.sha256(drawn.tobytes()).hexdigest() != digest:
        raise BadInput(
            f"{name}: its self-test cannot be read: its picture is not that of its SHA-256",
            "export it again",
        )
    return verdict


def _read(
    text: str, image_shape: tuple[int, int, int]
) -> tuple[list[int], list[int] | None, str, Pixels]:
    if len(text) > MOST_TEXT:
        raise ValueError(f"it has more than {MOST_TEXT:,} characters")
    values: dict[str, Any] = json.loads(text)
    seeds, labels = values["seeds"], values["labels"]
    if values["version"] != 1 or tuple(values["shape"]) != image_shape:
        raise ValueError("it is of another version or of another image shape")
    if not 1 <= len(seeds) <= MOST_IMAGES or not _are_below(seeds, MAX_SEED + 1):
        raise ValueError("its seeds are none")
    if labels is not None and (len(labels) != len(seeds) or not _are_below(labels, 2**16)):
        raise ValueError("its labels are none")
    if len(seeds) > 1 and len(seeds) * int(np.prod(image_shape)) > MOST_LEVELS:
        raise ValueError("it has more images than it should")
    channels, height, width = image_shape
    shape = (height, width * len(seeds), *((channels,) if channels > 1 else ()))
    strip = decode_png(base64.b64decode(values["png"], validate=True), shape)
    images = strip.reshape(height, len(seeds), width, channels).transpose(1, 3, 0, 2)
    return seeds, labels, str(values["sha256"]), images


def _are_below(values: list[Any], end: int) -> bool:
    return all(type(value) is int and 0 <= value < end for value in values)


def _draw(generator: Drawer, seeds: list[int], labels: list[int] | None) -> Pixels:
    z = np.concatenate([latents(seed, 0, 1, generator.latent_dim) for seed in seeds])
    classes = None if labels is None else np.array(labels, np.int64)
    (images,) = draw(
        generator, lambda first, count: (z, classes), start=0, count=len(z), batch_size=len(z)
    )
    return images


def _side_by_side(images: Pixels) -> Pixels:
    return np.concatenate([picture(image) for image in images], axis=1)
