from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ganctl.data import ImageData
from ganctl.data.digits import load_digits
from ganctl.errors import BadInput
from ganctl.evaluation.classifier import Judge
from ganctl.evaluation.evaluate import PAIRS, SHOWN, evaluate
from ganctl.evaluation.figures import Evaluation
from ganctl.evaluation.metrics import frechet_distance, kernel_distance, manifold_figures, moments
from ganctl.evaluation.neighbours import authenticity
from ganctl.evaluation.reference import Reference, data_reference
from ganctl.evaluation.samples import Samples


@pytest.fixture(scope="module")
def mine(
    judge: Judge, some_digits: ImageData, tmp_path_factory: pytest.TempPathFactory
) -> Reference:
    return data_reference(some_digits, judge, tmp_path_factory.mktemp("mine"), lambda _: None)


@pytest.fixture(scope="module")
def drawn() -> Samples:
    """150 digits, of which the first is asked to be another; number 17 is no original."""
    digits = load_digits()
    asked = digits.labels[1000:1150].copy()
    asked[0] = (asked[0] + 1) % 10
    return Samples("drawn", digits.images[1000:1150, None].copy(), asked, ("a note",))


@pytest.fixture(scope="module")
def found(drawn: Samples, mine: Reference, judge: Judge) -> Evaluation:
    drawn.images[17] = mine.training[5]
    return evaluate(drawn, mine, judge)


def test_the_figures_are_those_of_the_formulas(
    found: Evaluation, drawn: Samples, mine: Reference, judge: Judge
) -> None:
    features, probabilities = judge(drawn.images)
    figures = found.figures
    assert figures.samples == 150
    assert figures.frechet_distance == frechet_distance(
        *moments(features), mine.mean, mine.covariance
    )
    assert (figures.kernel_distance, figures.kernel_distance_error) == kernel_distance(
        features, mine.features
    )
    manifold = manifold_figures(features, mine.features)
    assert figures.recall == manifold.recall and figures.density == manifold.density
    assert figures.authenticity == authenticity(drawn.images, mine.training).share
    assert figures.confidence == pytest.approx(probabilities.max(axis=1).mean())
    assert sum(figures.class_shares) == pytest.approx(1)


def test_real_images_are_measured_likewise_and_as_many(found: Evaluation) -> None:
    real = found.real
    assert real.samples == 150 and found.real_name == "150 other images of mine"
    assert real.drawn_as_asked is not None and real.drawn_as_asked > 0.99
    assert real.frechet_distance == pytest.approx(found.figures.frechet_distance, rel=0.3)
    assert real.recall > 0.8 and real.precision > 0.8


def test_copies_come_first(found: Evaluation, mine: Reference) -> None:
    assert len(found.pairs) == PAIRS
    first, *others = found.pairs
    assert (first.index, first.ratio) == (17, 0)
    assert np.array_equal(first.image, mine.training[5])
    assert np.array_equal(first.neighbour, mine.training[5])
    ratios = [pair.ratio for pair in others]
    assert ratios == sorted(ratios) and ratios[0] > 0


def test_what_was_asked_for_is_compared(found: Evaluation, judge: Judge, drawn: Samples) -> None:
    seen = judge(drawn.images).probabilities.argmax(axis=1)
    assert drawn.asked is not None
    assert found.figures.drawn_as_asked == (seen == drawn.asked).mean() < 1


def test_what_is_there_to_be_looked_at(found: Evaluation, drawn: Samples) -> None:
    assert (found.target, found.reference) == ("drawn", "mine, 200 training images")
    assert np.array_equal(found.images, drawn.images[:SHOWN])
    assert found.labels.shape == (SHOWN,) and found.class_names == tuple("0123456789")
    assert found.notes[0] == "a note"
    assert "fewer than 1,000 samples: the figures are rough" in found.notes


def test_what_nobody_asked_for_is_not_compared(
    drawn: Samples, mine: Reference, judge: Judge
) -> None:
    found = evaluate(dataclasses.replace(drawn, asked=None), mine, judge)
    assert found.figures.drawn_as_asked is None and found.real.drawn_as_asked is None


def test_scaled_images_are_told(drawn: Samples, mine: Reference, judge: Judge) -> None:
    wide = np.repeat(drawn.images[:30], 3, axis=1).repeat(2, axis=2).repeat(2, axis=3)
    phases: list[str] = []
    found = evaluate(Samples("wide", wide), mine, judge, phases.append)
    assert "scaled from 3×56×56 to the judge's 1×28×28" in found.notes
    assert found.images.shape == (30, 3, 56, 56) and found.pairs[0].image.shape == (1, 28, 28)
    assert phases == [
        "looking at the samples",
        "seeking copies",
        "measuring the samples",
        "measuring real images",
    ]


def test_a_real_row_of_fewer_images_is_told(drawn: Samples, mine: Reference, judge: Judge) -> None:
    many = Samples("many", np.concatenate([drawn.images, drawn.images]))
    found = evaluate(many, mine, judge)
    assert found.figures.samples == 300 and found.real.samples == 200
    assert any("the real row has fewer images" in note for note in found.notes)


@pytest.mark.parametrize("count", [1, 3])
def test_too_few_samples_are_refused(
    count: int, drawn: Samples, mine: Reference, judge: Judge
) -> None:
    with pytest.raises(BadInput, match=f"of {count} image"):
        evaluate(Samples("few", drawn.images[:count]), mine, judge)


def test_an_evaluation_repeats(
    found: Evaluation, drawn: Samples, mine: Reference, judge: Judge, tmp_path: Path
) -> None:
    again = evaluate(drawn, mine, judge)
    assert (again.figures, again.real) == (found.figures, found.real)
