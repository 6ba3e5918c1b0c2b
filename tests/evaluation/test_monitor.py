from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from ganctl.data import ImageData, load_data
from ganctl.errors import BadInput
from ganctl.evaluation.classifier import Classifier
from ganctl.evaluation.metrics import frechet_distance, moments
from ganctl.evaluation.monitor import Monitor, real_distance
from ganctl.evaluation.reference import mnist_statistics


@pytest.fixture(scope="module")
def digits() -> ImageData:
    return load_data("digits")


@pytest.fixture(scope="module")
def monitor(digits: ImageData) -> Monitor:
    return Monitor(digits, 500, threads=1)


def test_real_digits_are_near_and_noise_is_far(digits: ImageData, monitor: Monitor) -> None:
    real = monitor(digits.images[::20])
    assert set(real) == {"frechet_distance", "confidence", "smallest_share"}
    assert real["frechet_distance"] < 40 and real["confidence"] > 0.99
    assert 0.05 < real["smallest_share"] <= 0.1
    noise = np.random.default_rng(0).integers(0, 256, (200, 1, 28, 28), dtype=np.uint8)
    assert monitor(noise)["frechet_distance"] > 200
    assert monitor(digits.images[:1].repeat(50, axis=0))["smallest_share"] == 0


def test_the_distance_of_real_test_digits_is_known(digits: ImageData) -> None:
    few, many = (real_distance(digits, count) for count in (2_000, 10_000))
    assert few == pytest.approx(5.98, abs=0.1) and many == pytest.approx(2.0, abs=0.1)
    assert real_distance(dataclasses.replace(digits, fingerprint="other"), 2_000) is None


def test_requested_digits_are_compared(digits: ImageData, monitor: Monitor) -> None:
    images, labels = digits.images[::50], digits.labels
    assert labels is not None
    right = labels[::50]
    assert monitor(images, right)["drawn_as_asked"] > 0.98
    assert monitor(images, (right + 1) % 10)["drawn_as_asked"] < 0.02
    letters = dataclasses.replace(digits, class_names=tuple("abcdefghij"))
    assert "drawn_as_asked" not in Monitor(letters, 200, threads=1)(images, right)


def test_the_distance_is_that_of_an_evaluation(
    digits: ImageData, monitor: Monitor, classifier: Classifier
) -> None:
    mnist, images = mnist_statistics(), digits.images[:300]
    expected = frechet_distance(*moments(classifier(images).features), mnist.mean, mnist.covariance)
    assert monitor(images)["frechet_distance"] == expected
    assert monitor(images) == Monitor(digits, 300, 1)(images)


@pytest.mark.parametrize("batch", [1, 6])
def test_a_measurement_can_be_ended_every_few_images(batch: int, some_digits: ImageData) -> None:
    """In the images, of which there are two batches, and in those of the data."""
    calls = []

    def between() -> None:
        calls.append(1)
        if len(calls) == batch:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Monitor(some_digits, 100, 1, between)(some_digits.images[:100])
    assert len(calls) == batch


def test_other_data_is_classified_once(
    some_digits: ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    classified: list[int] = []
    call = Classifier.__call__

    def counted(self: Classifier, images: np.ndarray, between: Callable[[], None]) -> object:
        classified.append(len(images))
        return call(self, images, between)

    monkeypatch.setattr(Classifier, "__call__", counted)
    monitor = Monitor(some_digits, 100, threads=1)
    assert classified == []
    assert monitor(some_digits.images[:100]) == monitor(some_digits.images[:100])
    assert classified == [100, 400, 100]


def test_data_is_known_by_its_content_not_its_name(some_digits: ImageData) -> None:
    """In colour and at any size: the same images are at no distance."""
    wide = np.repeat(some_digits.images[:60], 3, axis=1).repeat(2, axis=2).repeat(2, axis=3)
    data = dataclasses.replace(some_digits, name="mnist", images=wide, fingerprint="")
    assert Monitor(data, 60, threads=1)(wide)["frechet_distance"] == pytest.approx(0, abs=1e-6)


def test_one_image_is_too_few(digits: ImageData, monitor: Monitor) -> None:
    with pytest.raises(BadInput, match="at least 2"):
        monitor(digits.images[:1])
