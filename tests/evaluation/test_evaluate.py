from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from ganctl.data import ImageData
from ganctl.data.digits import load_digits
from ganctl.errors import BadInput
from ganctl.evaluation.classifier import Classifier
from ganctl.evaluation.evaluate import PAIRS, ROWS, SHOWN, Evaluation, Metrics, evaluate
from ganctl.evaluation.metrics import (
    authenticity,
    frechet_distance,
    kernel_distance,
    manifold,
    moments,
)
from ganctl.evaluation.reference import Reference, data_reference
from ganctl.evaluation.samples import Samples


@pytest.fixture(scope="module")
def mine(
    classifier: Classifier, some_digits: ImageData, tmp_path_factory: pytest.TempPathFactory
) -> Reference:
    return data_reference(some_digits, classifier, tmp_path_factory.mktemp("mine"))


@pytest.fixture(scope="module")
def drawn(mine: Reference) -> Samples:
    """150 digits: the first was requested to be another one, and number 17 is a copy."""
    digits = load_digits()
    images, asked = digits.images[1000:1150, None].copy(), digits.labels[1000:1150].copy()
    asked[0] = (asked[0] + 1) % 10
    images[17] = mine.training[5]
    return Samples("drawn", images, asked, ("a note",))


@pytest.fixture(scope="module")
def found(drawn: Samples, mine: Reference, classifier: Classifier) -> Evaluation:
    return evaluate(drawn, mine, classifier)


def test_the_metrics_are_those_of_the_formulas(
    found: Evaluation, drawn: Samples, mine: Reference, classifier: Classifier
) -> None:
    features, probabilities = classifier(drawn.images)
    metrics = found.metrics
    assert metrics.samples == 150
    assert metrics.frechet_distance == frechet_distance(
        *moments(features), mine.mean, mine.covariance
    )
    assert (metrics.kernel_distance, metrics.kernel_distance_error) == kernel_distance(
        features, mine.features
    )
    near = manifold(features, mine.features)
    assert (metrics.precision, metrics.recall, metrics.density, metrics.coverage) == near
    assert metrics.authenticity == authenticity(drawn.images, mine.training).share
    assert metrics.confidence == pytest.approx(probabilities.max(axis=1).mean())
    assert sum(metrics.class_shares) == pytest.approx(1)
    assert metrics.drawn_as_asked == (probabilities.argmax(axis=1) == drawn.asked).mean() < 1


def test_as_many_real_images_are_measured_the_same_way(found: Evaluation) -> None:
    real = found.real
    assert real.samples == 150 and found.real_name == "150 other images of mine"
    assert real.drawn_as_asked is not None and real.drawn_as_asked > 0.99
    assert real.frechet_distance == pytest.approx(found.metrics.frechet_distance, rel=0.3)
    assert real.recall > 0.8 and real.precision > 0.8


def test_copies_come_first(found: Evaluation, mine: Reference) -> None:
    assert len(found.pairs) == PAIRS
    first, *others = found.pairs
    assert (first.index, first.ratio) == (17, 0)
    assert np.array_equal(first.image, mine.training[5])
    assert np.array_equal(first.neighbour, mine.training[5])
    ratios = [pair.ratio for pair in others]
    assert ratios == sorted(ratios) and ratios[0] > 0


def test_it_keeps_the_first_images_and_the_notes(found: Evaluation, drawn: Samples) -> None:
    assert (found.target, found.reference) == ("drawn", "mine, 200 training images")
    assert np.array_equal(found.images, drawn.images[:SHOWN])
    assert found.labels.shape == (SHOWN,) and found.class_names == tuple("0123456789")
    assert found.notes[:2] == ("a note", "fewer than 1,000 images: the metrics are rough")


def test_without_requested_digits_the_row_is_left_out(
    found: Evaluation, drawn: Samples, mine: Reference, classifier: Classifier
) -> None:
    unasked = evaluate(dataclasses.replace(drawn, asked=None), mine, classifier)
    assert unasked.metrics.drawn_as_asked is None and unasked.real.drawn_as_asked is None
    assert (found.rows, unasked.rows) == (ROWS, ROWS[:-1])
    assert dataclasses.replace(found, real=unasked.real).rows == ROWS[:-1]


def test_a_note_says_that_images_were_scaled(
    drawn: Samples, mine: Reference, classifier: Classifier
) -> None:
    wide = np.repeat(drawn.images[:30], 3, axis=1).repeat(2, axis=2).repeat(2, axis=3)
    phases: list[str] = []
    found = evaluate(Samples("wide", wide), mine, classifier, phases.append)
    assert "scaled from 3×56×56 to the classifier's 1×28×28" in found.notes
    assert found.images.shape == (30, 3, 56, 56) and found.pairs[0].image.shape == (1, 28, 28)
    assert len(phases) == 4


def test_a_note_says_that_there_are_fewer_real_images(
    drawn: Samples, mine: Reference, classifier: Classifier
) -> None:
    many = Samples("many", np.concatenate([drawn.images, drawn.images]))
    found = evaluate(many, mine, classifier)
    assert found.metrics.samples == 300 and found.real.samples == 200
    assert any("there are fewer real images" in note for note in found.notes)


@pytest.mark.parametrize("count", [1, 3])
def test_too_few_images_are_refused(
    count: int, drawn: Samples, mine: Reference, classifier: Classifier
) -> None:
    with pytest.raises(BadInput, match=f"of {count} image"):
        evaluate(Samples("few", drawn.images[:count]), mine, classifier)


def test_an_evaluation_repeats(
    found: Evaluation, drawn: Samples, mine: Reference, classifier: Classifier
) -> None:
    again = evaluate(drawn, mine, classifier)
    assert (again.metrics, again.real) == (found.metrics, found.real)


def test_every_metric_has_a_row() -> None:
    fields = {field.name for field in dataclasses.fields(Metrics)} - {"samples", "class_shares"}
    assert fields == {name for row in ROWS for name in re.findall(r"\.([a-z]\w+)", row.template)}
    assert all(len(row.meaning) <= 80 for row in ROWS)
