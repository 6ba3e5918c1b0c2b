from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from ganctl.data import ImageData, load_data
from ganctl.errors import BadInput
from ganctl.evaluation.classifier import Judge, load_judge
from ganctl.evaluation.metrics import frechet_distance, moments
from ganctl.evaluation.monitor import Monitor, real_distance
from ganctl.evaluation.reference import load_shipped


@pytest.fixture(scope="module")
def digits() -> ImageData:
    return load_data("digits")


def test_real_digits_are_near_and_noise_is_far(digits: ImageData) -> None:
    monitor = Monitor(digits, 500, threads=1)
    real = monitor(digits.images[::20])
    assert set(real) == {"frechet_distance", "confidence", "smallest_share"}
    assert real["frechet_distance"] < 40 and real["confidence"] > 0.99
    assert 0.05 < real["smallest_share"] <= 0.1
    noise = np.random.default_rng(0).integers(0, 256, (200, 1, 28, 28), dtype=np.uint8)
    assert monitor(noise)["frechet_distance"] > 200
    assert monitor(digits.images[:500:500].repeat(50, axis=0))["smallest_share"] == 0


def test_real_test_digits_are_the_scale(digits: ImageData) -> None:
    few, many = (real_distance(digits, count) for count in (2_000, 10_000))
    assert few == pytest.approx(5.98, abs=0.1) and many == pytest.approx(2.0, abs=0.1)
    assert real_distance(dataclasses.replace(digits, fingerprint="other"), 2_000) is None


def test_digits_that_were_asked_for_are_counted(digits: ImageData) -> None:
    monitor = Monitor(digits, 200, threads=1)
    images, labels = digits.images[::50], digits.labels
    assert labels is not None
    right = labels[::50].copy()
    assert monitor(images, right)["drawn_as_asked"] > 0.98
    assert monitor(images, (right + 1) % 10)["drawn_as_asked"] < 0.02
    named = dataclasses.replace(digits, class_names=tuple("abcdefghij"))
    assert "drawn_as_asked" not in Monitor(named, 200, threads=1)(images, right)


def test_equal_images_give_equal_figures(digits: ImageData) -> None:
    first, second = (Monitor(digits, 300, threads)(digits.images[:300]) for threads in (1, 1))
    assert first == second


def test_the_distance_is_that_of_an_evaluation(digits: ImageData, judge: Judge) -> None:
    shipped = load_shipped()
    images = digits.images[:300]
    assert Monitor(digits, 300, 1)(images)["frechet_distance"] == frechet_distance(
        *moments(judge(images).features), shipped.mean, shipped.covariance
    )


@pytest.mark.parametrize("batch", [1, 6])
def test_a_measurement_can_be_ended_every_few_images(batch: int, some_digits: ImageData) -> None:
    """In the images, of which there are two batches, and in those of the data."""
    asked = []

    def between() -> None:
        asked.append(1)
        if len(asked) == batch:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Monitor(some_digits, 100, 1, between)(some_digits.images[:100])
    assert len(asked) == batch


def test_other_data_is_looked_at_once(
    some_digits: ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    call = Judge.__call__

    def counted(judge: Judge, images: np.ndarray, between: Callable[[], None]) -> object:
        looks.append(len(images))
        return call(judge, images, between)

    monkeypatch.setattr(Judge, "__call__", counted)
    monitor = Monitor(some_digits, 100, threads=1)
    assert looks == []
    assert monitor(some_digits.images[:100]) == monitor(some_digits.images[:100])
    assert looks == [100, 400, 100]
    assert monitor(some_digits.images)["frechet_distance"] == pytest.approx(0, abs=1e-6)


def test_a_name_alone_makes_no_mnist(some_digits: ImageData) -> None:
    named = dataclasses.replace(some_digits, name="mnist")
    figures = Monitor(named, 400, threads=1)(named.images)
    assert figures["frechet_distance"] == pytest.approx(0, abs=1e-6)


def test_colour_images_of_any_size_are_measured(some_digits: ImageData) -> None:
    wide = np.repeat(some_digits.images[:60], 3, axis=1).repeat(2, axis=2).repeat(2, axis=3)
    data = dataclasses.replace(some_digits, images=wide, fingerprint="")
    assert Monitor(data, 60, threads=1)(wide)["frechet_distance"] == pytest.approx(0, abs=1e-6)


def test_one_image_is_too_few(digits: ImageData) -> None:
    with pytest.raises(BadInput, match="at least 2"):
        Monitor(digits, 1, threads=1)(digits.images[:1])


def test_the_judge_beside_a_training_may_have_all_cores(digits: ImageData) -> None:
    assert load_judge(0)(digits.images[:2]).features.shape == (2, 128)
