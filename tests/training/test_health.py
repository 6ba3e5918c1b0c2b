"""What is noticed of a sick training, and what is not."""

from __future__ import annotations

import numpy as np
import pytest

from ganctl.data.digits import load_digits
from ganctl.images import Pixels
from ganctl.training.health import LEARNT, monotony, saturation, variety

REAL: Pixels = load_digits().images[::150, None]


@pytest.mark.parametrize(
    ("d_real", "d_fake", "said"),
    [(0.99, 0.01, True), (0.99, 0.2, False), (0.8, 0.01, False), (0.5, 0.5, False)],
)
def test_a_discriminator_that_is_always_right_has_won(
    d_real: float, d_fake: float, said: bool
) -> None:
    assert bool(saturation(d_real, d_fake)) is said


def test_one_picture_from_all_latents_is_death() -> None:
    assert "is dead" in monotony(np.repeat(REAL[:1], 64, axis=0), REAL, LEARNT)


def test_three_pictures_with_a_little_noise_are_collapse() -> None:
    noise = np.random.default_rng(0).integers(0, 9, (64, 1, 28, 28), np.uint8)
    few = np.tile(REAL[:3], (22, 1, 1, 1))[:64] // 2 + noise
    assert "mode collapse" in monotony(few, REAL, LEARNT)


def test_other_digits_are_neither() -> None:
    assert monotony(load_digits().images[7::150, None][:64], REAL, LEARNT) == ""


def test_a_generator_that_has_hardly_begun_is_not_sick() -> None:
    assert monotony(np.repeat(REAL[:1], 64, axis=0), REAL, LEARNT - 1) == ""


@pytest.mark.parametrize("drawn", [REAL[:64], np.repeat(REAL[:1], 64, axis=0)])
def test_data_that_is_one_picture_cannot_collapse(drawn: Pixels) -> None:
    same = np.repeat(REAL[:1], 4, axis=0)
    assert monotony(drawn, same, LEARNT) == ""


def test_variety_is_the_distance_to_the_nearest() -> None:
    images = np.zeros((3, 1, 2, 2), np.uint8)
    images[1], images[2] = 3, 10  # 6, 6 and 14 apart
    assert variety(images) == pytest.approx(6)


def test_large_pictures_are_thinned_out() -> None:
    large = np.random.default_rng(0).integers(0, 256, (64, 3, 512, 512), np.uint8)
    assert variety(large) == pytest.approx(variety(large[:, :, ::16, ::16]))
