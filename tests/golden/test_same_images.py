"""Image i of seed s is the same from every command, every kind of file and every slice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import ganctl as package

from .conftest import done

Pixels = NDArray[np.uint8]


def drawn(command: str, options: str) -> Pixels:
    done(f"{command} {options} drawn.npy")
    images: Pixels = np.load("drawn.npy", allow_pickle=False)
    return images


def assert_alike(images: Pixels, others: Pixels) -> None:
    """See that they are the same but for rounding: torch and onnxruntime sum in another order."""
    assert images.shape == others.shape
    off = np.abs(images.astype(np.int16) - others)
    assert off.max() <= 1 and off.mean() < 0.01
    assert images.std() > 1 and not np.array_equal(images[0], images[1])


@pytest.mark.parametrize(
    ("name", "options", "asked"),
    [
        ("plain", "", {}),
        ("classes", "", {}),
        ("classes", "--digit 7", {"digit": 7}),
        ("classes", "--digit 2,0-1", {"digit": [2, 0, 1]}),
        ("plain", "--truncation 0.5", {"truncation": 0.5}),
    ],
)
def test_the_same_seed_draws_the_same_images(
    name: str, options: str, asked: dict[str, Any], place: Path
) -> None:
    sampled = drawn(f"sample --checkpoint {name}", f"-n 9 --seed 7 {options}")
    inferred = drawn(f"infer {name}.onnx", f"-n 9 --seed 7 {options}")
    assert_alike(sampled, inferred)
    loaded = {
        source: package.load(source).sample(9, seed=7, **asked)
        for source in (name, f"{name}.safetensors", f"{name}.onnx")
    }
    assert np.array_equal(loaded[name], sampled)
    assert np.array_equal(loaded[f"{name}.safetensors"], sampled)
    assert np.array_equal(loaded[f"{name}.onnx"], inferred)
    others = drawn(f"infer {name}.onnx", f"-n 9 --seed 8 {options}")
    assert not np.array_equal(others, inferred)


@pytest.mark.parametrize("command", ["sample --checkpoint classes", "infer classes.onnx"])
def test_start_draws_the_slice(command: str, place: Path) -> None:
    """Across the blocks of 256 in which latents are drawn, and whatever is drawn at once."""
    whole = drawn(command, "-n 300 --seed 3")
    for start, count in ((0, 1), (17, 100), (250, 50)):
        part = drawn(command, f"-n {count} --seed 3 --start {start}")
        assert np.array_equal(part, whole[start : start + count])


def test_the_batch_size_changes_no_image(place: Path) -> None:
    images = [drawn("infer plain.onnx", f"-n 20 --batch-size {size}") for size in (1, 7, 64)]
    assert all(np.array_equal(images[0], others) for others in images[1:])


def test_python_draws_the_slice(place: Path) -> None:
    generator = package.load("plain.onnx")
    whole = generator.sample(20, seed=5)
    assert np.array_equal(generator.sample(5, seed=5, start=10), whole[10:15])
    package.grid(whole, cols=5).save("grid.png")
    done("infer plain.onnx -n 20 --seed 5 --cols 5 same.png")
    from PIL import Image

    with Image.open("grid.png") as first, Image.open("same.png") as second:
        assert np.array_equal(np.asarray(first), np.asarray(second))
