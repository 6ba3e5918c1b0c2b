from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ganctl.data.digits import load_digits
from ganctl.evaluation.classifier import Classifier, labels_to_digits, softmax, to_input


def test_it_classifies_digits(classifier: Classifier) -> None:
    images, labels, _ = load_digits()
    features, probabilities = classifier(images[:500, None])
    assert (probabilities.argmax(axis=1) == labels[:500]).mean() > 0.99
    assert features.shape == (500, 128) and features.dtype == np.float32 and features.min() == 0
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_the_output_does_not_depend_on_the_batch_or_the_threads(classifier: Classifier) -> None:
    images = load_digits().images[:120, None]
    whole = classifier(images)
    for size in (1, 51):
        for start in range(0, 120, size):
            part = classifier(images[start : start + size])
            for ours, theirs in zip(part, whole, strict=True):
                np.testing.assert_allclose(ours, theirs[start : start + size], atol=1e-4)
    for threads in (0, 2):
        for ours, theirs in zip(Classifier(threads)(images), whole, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_images_of_28_pixels_are_not_changed_and_colours_become_luma() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 28, 28), dtype=np.uint8)
    grey = images[:, :1]
    assert to_input(grey) is grey
    luma = np.tensordot([0.299, 0.587, 0.114], images, axes=(0, 1))
    assert to_input(images).shape == (5, 1, 28, 28)
    assert np.abs(to_input(images)[:, 0] - luma).max() < 1


@pytest.mark.parametrize(("channels", "height", "width"), [(1, 56, 56), (3, 64, 64), (1, 40, 28)])
def test_digits_of_other_sizes_are_scaled_and_classified(
    channels: int, height: int, width: int, classifier: Classifier
) -> None:
    images, labels, _ = load_digits()
    scaled = [Image.fromarray(image).resize((width, width)) for image in images[:50]]
    framed = np.zeros((50, channels, height, width), np.uint8)
    top = (height - width) // 2
    framed[:, :, top : top + width] = np.array([np.asarray(image) for image in scaled])[:, None]
    assert (classifier(framed).probabilities.argmax(axis=1) == labels[:50]).mean() > 0.95


def test_softmax_does_not_overflow() -> None:
    logits = np.array([[0, 0], [1000, 0], [-1000, -1000]], np.float32)
    assert softmax(logits).tolist() == [[0.5, 0.5], [1, 0], [0.5, 0.5]]


def test_labels_become_digits_if_all_classes_are_digits() -> None:
    labels = np.array([0, 1, 1])
    assert labels_to_digits(labels, ("3", "7")) == pytest.approx([3, 7, 7])
    assert labels_to_digits(labels, ("3", "cat")) is None
    assert labels_to_digits(None, ()) is None
