"""What the health checks find in a failing training, and what they leave alone."""

from __future__ import annotations

import numpy as np
import pytest

from ganctl.data.digits import load_digits
from ganctl.images import Pixels
from ganctl.training.health import WARM_UP, discriminator_saturated, mode_collapse, variety

REAL: Pixels = load_digits().images[::150, None]


@pytest.mark.parametrize(
    ("d_real", "d_fake", "warned"),
    [(0.99, 0.01, True), (0.99, 0.2, False), (0.8, 0.01, False), (0.5, 0.5, False)],
)
def test_a_discriminator_that_is_always_right_is_saturated(
    d_real: float, d_fake: float, warned: bool
) -> None:
    assert bool(discriminator_saturated(d_real, d_fake)) is warned


def test_one_image_from_all_latents_is_a_dead_generator() -> None:
    assert "is dead" in mode_collapse(np.repeat(REAL[:1], 64, axis=0), REAL, WARM_UP)


def test_three_images_with_a_little_noise_are_mode_collapse() -> None:
    noise = np.random.default_rng(0).integers(0, 9, (64, 1, 28, 28), np.uint8)
    few = np.tile(REAL[:3], (22, 1, 1, 1))[:64] // 2 + noise
    assert "mode collapse" in mode_collapse(few, REAL, WARM_UP)


def test_other_digits_are_neither() -> None:
    assert mode_collapse(load_digits().images[7::150, None][:64], REAL, WARM_UP) == ""


def test_a_generator_that_has_hardly_been_trained_is_not_checked() -> None:
    assert mode_collapse(np.repeat(REAL[:1], 64, axis=0), REAL, WARM_UP - 1) == ""


@pytest.mark.parametrize("drawn", [REAL[:64], np.repeat(REAL[:1], 64, axis=0)])
def test_data_that_is_one_image_cannot_collapse(drawn: Pixels) -> None:
    assert mode_collapse(drawn, np.repeat(REAL[:1], 4, axis=0), WARM_UP) == ""


def test_variety_is_the_distance_to_the_nearest() -> None:
    images = np.zeros((3, 1, 2, 2), np.uint8)
    images[1], images[2] = 3, 10  # 6, 6 and 14 apart
    assert variety(images) == pytest.approx(6)


def test_large_images_are_subsampled() -> None:
    large = np.random.default_rng(0).integers(0, 256, (64, 3, 512, 512), np.uint8)
    assert variety(large) == pytest.approx(variety(large[:, :, ::16, ::16]))
