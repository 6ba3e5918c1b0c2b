from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganctl.errors import BadInput, CheckFailed
from ganctl.inference.self_test import MOST_IMAGES, make_self_test, run_self_test
from ganctl.latents import Floats, Labels

DIM = 5


class Drawer:
    """Draws squares out of z, and of the class where there is one."""

    def __init__(self, shape: tuple[int, int, int], shift: float = 0, where: int = 0) -> None:
        self.image_shape, self.shift, self.where = shape, shift, where
        self.latent_dim = DIM

    def __call__(self, latents: Floats, labels: Labels | None) -> Floats:
        size = int(np.prod(self.image_shape))
        images = np.resize(np.tanh(latents), (len(latents), size)).astype(np.float32)
        images *= 0.9
        if labels is not None:
            images[:, 0] = labels / 10
        images[0, self.where] += np.float32(self.shift)
        return images.reshape(-1, *self.image_shape)


@pytest.mark.parametrize(("classes", "shape"), [(0, (1, 8, 6)), (3, (3, 8, 6)), (0, (3, 128, 128))])
def test_the_same_generator_draws_the_same(classes: int, shape: tuple[int, int, int]) -> None:
    text = make_self_test(Drawer(shape), classes)
    values = json.loads(text)
    assert len(values["seeds"]) == (1 if shape[1] == 128 else MOST_IMAGES)
    assert values["labels"] == ([0, 1, 2, 0, 1, 2, 0, 1, 2, 0] if classes else None)
    verdict = run_self_test(text, Drawer(shape), "x")
    assert (verdict.pixels_off, verdict.max_levels) == (0, 0)
    assert verdict.pixels == verdict.images * np.prod(shape)


SHAPE = (1, 8, 6)
TEXT = make_self_test(Drawer(SHAPE), 0)


def test_a_rounding_is_tolerated_and_counted() -> None:
    verdict = run_self_test(TEXT, Drawer(SHAPE, shift=1 / 127.5, where=3), "x")
    assert (verdict.pixels_off, verdict.max_levels) == (1, 1)


def test_more_is_another_picture() -> None:
    with pytest.raises(CheckFailed, match=r"1 of 480 pixels differ, by up to 1\d grey levels"):
        run_self_test(TEXT, Drawer(SHAPE, shift=0.1, where=3), "x")


def test_values_that_are_not_finite_are_an_error() -> None:
    with pytest.raises(CheckFailed, match="NaN or infinite"):
        run_self_test(TEXT, Drawer(SHAPE, shift=float("nan")), "x")


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"shape": [1, 6, 8]},
        {"seeds": []},
        {"seeds": [0] * 11},
        {"seeds": [-1] * 10},
        {"seeds": ["0"] * 10},
        {"seeds": 3},
        {"labels": [0]},
        {"labels": [-1] * 10},
        {"png": "not base64"},
        {"png": "AAAA"},
        {"png": 3},
        {"sha256": "0" * 64},
    ],
)
def test_a_broken_self_test_is_named(change: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="x: its self-test cannot be read"):
        run_self_test(json.dumps(json.loads(TEXT) | change), Drawer(SHAPE), "x")


@settings(deadline=None)
@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_no_text_brings_anything_but_bad_input(text: str) -> None:
    with pytest.raises(BadInput):
        run_self_test(text, Drawer(SHAPE), "x")


def test_a_png_of_another_size_is_not_unpacked() -> None:
    """A picture of a million pixels takes a few bytes."""
    huge = make_self_test(Drawer((1, 1000, 1000)), 0)
    change = {"png": json.loads(huge)["png"]}
    with pytest.raises(BadInput, match="its picture is of another size"):
        run_self_test(json.dumps(json.loads(TEXT) | change), Drawer(SHAPE), "x")
