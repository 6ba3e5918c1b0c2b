from __future__ import annotations

import pytest

from ganctl.data import ImageData
from ganctl.data.digits import load_digits
from ganctl.data.image_data import fingerprint
from ganctl.evaluation.classifier import Classifier


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    return Classifier(threads=1)


@pytest.fixture(scope="session")
def some_digits() -> ImageData:
    """400 real digits, under a name that ganctl does not know."""
    digits = load_digits()
    images, labels = digits.images[:400, None], digits.labels[:400]
    return ImageData("mine", images, labels, digits.class_names, fingerprint(images, labels))
