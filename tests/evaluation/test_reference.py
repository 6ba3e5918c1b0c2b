from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ganctl.data import ImageData
from ganctl.data.digits import load_digits
from ganctl.data.image_data import GreyImages
from ganctl.errors import BadInput, CheckFailed
from ganctl.evaluation import classifier as classifier_module
from ganctl.evaluation import reference
from ganctl.evaluation.classifier import Classifier, Predictions
from ganctl.evaluation.metrics import authenticity, frechet_distance, moments
from ganctl.evaluation.reference import data_reference, find_reference, mnist_statistics
from ganctl.images import Pixels

from ..data.files import write_idx_pair


class Blind(Classifier):
    """A classifier that is quick because it looks at nothing."""

    def __init__(self) -> None:
        pass

    def __call__(self, images: Pixels, between: Callable[[], None] = lambda: None) -> Predictions:
        count = len(images)
        return Predictions(np.zeros((count, 128), np.float32), np.zeros((count, 10), np.float32))


@pytest.fixture(autouse=True)
def notes(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level("INFO", "ganctl")
    return caplog


def test_the_shipped_statistics_are_those_of_mnist(classifier: Classifier) -> None:
    mnist = mnist_statistics()
    features, probabilities = mnist.test
    distance = frechet_distance(*moments(features), mnist.mean, mnist.covariance)
    assert distance == pytest.approx(1.96, abs=0.01)
    assert (probabilities.argmax(axis=1) == mnist.test_digits).mean() == pytest.approx(0.9964)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-4)
    assert features.shape == (10_000, 128) and features.dtype == np.float32
    assert np.bincount(mnist.test_digits).tolist()[:3] == [980, 1135, 1032]  # of the test split
    features = classifier(load_digits().images[::5, None]).features
    distance = frechet_distance(*moments(features), mnist.mean, mnist.covariance)
    assert distance < 8  # 2,000 digits; a classifier with other weights is hundreds away


def test_statistics_of_another_classifier_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reference.FILE.stat().st_size < 750_000
    monkeypatch.setattr(classifier_module, "SHA256", "f" * 64)
    with pytest.raises(CheckFailed, match="another classifier"):
        mnist_statistics()


@pytest.mark.parametrize("source", ["mnist", "digits"])
def test_mnist_needs_only_shipped_files(
    source: str, tmp_path: Path, notes: pytest.LogCaptureFixture
) -> None:
    found = find_reference(source, (3, 64, 64), Blind(), tmp_path / "none")
    assert found.name == "MNIST, 60,000 training digits"
    assert found.features.shape == (10_000, 128) and found.training.shape == (10_000, 1, 28, 28)
    assert found.real_name == "MNIST test digits" and found.real_digits is not None
    assert found.real_authenticity == pytest.approx(0.656, abs=0.001)
    assert "copies are searched in 10,000 training digits" in found.notes
    assert not (tmp_path / "none").exists() and not notes.messages


def test_copies_are_searched_in_all_training_digits_if_they_were_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels, class_names = load_digits()
    write_idx_pair(tmp_path / "MNIST" / "raw", images[:50], labels[:50].astype(np.uint8))
    many = GreyImages(np.concatenate([images, images[:1]]), labels, class_names)
    monkeypatch.setattr(reference, "load_dataset", lambda name, folder: many)
    found = find_reference("mnist", (1, 28, 28), Blind(), tmp_path)
    assert len(found.training) == 10_001
    assert found.real_authenticity == pytest.approx(0.667, abs=0.001)
    assert len(find_reference("digits", (1, 28, 28), Blind(), tmp_path).training) == 10_000


def test_mnist_is_recognised_by_its_content(tmp_path: Path) -> None:
    images, labels, _ = load_digits()
    write_idx_pair(tmp_path / "mine", images, labels.astype(np.uint8))
    found = find_reference(str(tmp_path / "mine"), (1, 28, 28), Blind(), tmp_path)
    assert found.name == "MNIST, 60,000 training digits"


def test_other_data_is_split_classified_and_cached(
    classifier: Classifier,
    some_digits: ImageData,
    tmp_path: Path,
    notes: pytest.LogCaptureFixture,
) -> None:
    first = data_reference(some_digits, classifier, tmp_path / "quality")
    assert notes.messages == ["classifying 400 images of mine"]
    assert first.name == "mine, 200 training images"
    assert first.features.shape == (200, 128) and len(first.training) == 200
    for features in (first.features, classifier(first.training).features):
        mean, covariance = moments(features)
        np.testing.assert_allclose(first.mean, mean, atol=1e-4)
        np.testing.assert_allclose(first.covariance, covariance, atol=1e-3)
    assert first.real_digits is not None
    assert (first.real.probabilities.argmax(axis=1) == first.real_digits).mean() > 0.99
    others = [
        image for image in some_digits.images if not (first.training == image).all((1, 2, 3)).any()
    ]
    assert first.real_authenticity == authenticity(np.stack(others), first.training).share
    assert len(others) == 200

    again = data_reference(some_digits, Blind(), tmp_path / "quality")
    for ours, theirs in zip(dataclasses.astuple(again), dataclasses.astuple(first), strict=True):
        np.testing.assert_equal(ours, theirs)
    assert len(notes.messages) == len(list((tmp_path / "quality").iterdir())) == 1


@pytest.mark.parametrize("content", [b"", b"PK\3\4 rubbish", b"half", b"other", b"pickle"])
def test_a_broken_cache_is_replaced(
    content: bytes, classifier: Classifier, some_digits: ImageData, tmp_path: Path
) -> None:
    first = data_reference(some_digits, classifier, tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    if content == b"half":
        content = whole[: len(whole) // 2]
    elif content in (b"other", b"pickle"):
        names = ["mean"] if content == b"other" else reference.Cached._fields
        np.savez(path, **{name: np.array([{}]) for name in names})  # type: ignore[arg-type]
        content = path.read_bytes()
        content += hashlib.sha256(content).digest()
    path.write_bytes(content)
    again = data_reference(some_digits, classifier, tmp_path)
    np.testing.assert_equal(again.real, first.real)
    assert path.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_noted(
    some_digits: ImageData, tmp_path: Path, notes: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    found = data_reference(some_digits, Blind(), tmp_path / "file" / "quality")
    assert len(found.features) == 200
    assert len(notes.messages) == 2 and "will classify the images again" in notes.messages[1]


def test_other_classes_than_digits_are_noted(some_digits: ImageData, tmp_path: Path) -> None:
    pets = dataclasses.replace(some_digits, class_names=tuple("abcdefghij"))
    found = data_reference(pets, Blind(), tmp_path)
    assert found.real_digits is None
    assert any("knows handwritten digits only" in note for note in found.notes)


def test_too_few_images_are_refused(some_digits: ImageData, tmp_path: Path) -> None:
    few = dataclasses.replace(some_digits, images=some_digits.images[:2])
    with pytest.raises(BadInput, match="at least 2"):
        data_reference(few, Blind(), tmp_path)
    assert not any(tmp_path.iterdir())
