from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

from ganctl.data.digits import load_digits
from ganctl.errors import BadInput
from ganctl.evaluation import metrics
from ganctl.evaluation.metrics import (
    Manifold,
    authenticity,
    class_shares,
    distance_from_uniform,
    frechet_distance,
    inception_score,
    kernel_distance,
    manifold,
    moments,
    nearest,
)
from ganctl.images import Pixels

Array = NDArray[np.float32]


def features(count: int, seed: int, shift: float = 0.0, dim: int = 24) -> Array:
    """Return features like a classifier's: 0 or more, correlated, some hardly ever active."""
    mixing = np.random.default_rng(99).standard_normal((dim // 2, dim))
    drawn = np.random.default_rng(seed).standard_normal((count, dim // 2)) + shift
    return np.maximum(drawn @ mixing - np.linspace(0, 6, dim), 0).astype(np.float32)


def distance(a: Array, b: Array) -> float:
    return frechet_distance(*moments(a), *moments(b))


def by_definition(fake: Array, real: Array, k: int, density_k: int) -> Manifold:
    """Return the papers' metrics by their equations, in loops."""

    def gap(x: Array, y: Array) -> float:
        return float(np.linalg.norm(x.astype(np.float64) - y))

    def radius(points: Array, own: int, k: int) -> float:
        others = [gap(points[own], y) for j, y in enumerate(points) if j != own]
        return sorted(others)[k - 1]

    fake_radii = [radius(fake, i, k) for i in range(len(fake))]
    real_radii = [radius(real, i, k) for i in range(len(real))]
    density_radii = [radius(real, i, density_k) for i in range(len(real))]
    holds = [[gap(x, y) <= r for y, r in zip(real, density_radii, strict=True)] for x in fake]
    return Manifold(
        precision=float(
            np.mean(
                [any(gap(x, y) <= r for y, r in zip(real, real_radii, strict=True)) for x in fake]
            )
        ),
        recall=float(
            np.mean(
                [any(gap(x, y) <= r for y, r in zip(fake, fake_radii, strict=True)) for x in real]
            )
        ),
        density=float(np.sum(holds)) / density_k / len(fake),
        coverage=float(np.any(holds, axis=0).mean()),
    )


@pytest.mark.parametrize("shift", [0.0, 0.3, 3.0])
def test_frechet_distance_is_that_of_torch_fidelity(shift: float) -> None:
    a, b = features(600, 1).astype(np.float64), features(500, 2, shift).astype(np.float64)
    theirs = fid_statistics_to_metric(
        *(fid_features_to_statistics(torch.from_numpy(x)) for x in (a, b)), verbose=False
    )
    expected = theirs["frechet_inception_distance"]
    assert frechet_distance(*moments(a), *moments(b)) == pytest.approx(expected, rel=1e-6)


def test_kernel_distance_is_that_of_torch_fidelity() -> None:
    """With subsets as large as the sets, every subset is the whole set."""
    a, b = features(300, 1), features(300, 2, 0.3)
    theirs = kid_features_to_metric(
        *(torch.from_numpy(x.astype(np.float64)) for x in (a, b)),
        kid_subsets=2,
        kid_subset_size=300,
        verbose=False,
    )
    ours, error = kernel_distance(a, b, subsets=2, subset_size=300)
    assert ours == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-9)
    assert error == pytest.approx(0, abs=1e-9 * ours)


def test_kernel_distance_over_subsets_is_the_whole_within_its_error() -> None:
    a, b = features(2000, 1), features(2000, 2, 0.2)
    whole, _ = kernel_distance(a, b, subsets=1, subset_size=2000)
    estimate, error = kernel_distance(a, b, subsets=50, subset_size=200)
    assert 0 < error < whole / 5
    assert abs(estimate - whole) < 4 * error
    assert kernel_distance(a, b, 50, 200) == (estimate, error)
    assert kernel_distance(a, b, 50, 200, seed=1) != (estimate, error)


def test_inception_score_is_that_of_torch_fidelity() -> None:
    logits = 5 * torch.randn(700, 10, generator=torch.Generator().manual_seed(0))
    theirs = isc_features_to_metric(logits, splits=1)["inception_score_mean"]
    assert inception_score(logits.softmax(1).numpy()) == pytest.approx(theirs, rel=1e-5)


@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0])
def test_precision_and_recall_are_those_of_torch_fidelity(shift: float) -> None:
    fake, real = features(400, 1, shift), features(500, 2)
    theirs = prc_features_to_metric(
        *(torch.from_numpy(x.astype(np.float64)) for x in (fake, real)), verbose=False
    )
    ours = manifold(fake, real)
    assert ours.precision == pytest.approx(theirs["precision"], abs=1e-6)
    assert ours.recall == pytest.approx(theirs["recall"], abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 1000),
    shift=st.sampled_from([0.0, 0.5, 2.0]),
    k=st.integers(1, 6),
    density_k=st.integers(1, 6),
    whole=st.booleans(),
)
def test_the_manifold_are_their_definitions(
    seed: int, shift: float, k: int, density_k: int, whole: bool
) -> None:
    fake, real = features(20, seed, shift, dim=6), features(25, seed + 1, dim=6)
    if whole:  # many ties and copies
        fake, real = np.rint(fake), np.rint(real)
    ours, expected = (
        manifold(fake, real, k, density_k),
        by_definition(fake, real, k, density_k),
    )
    for name in ("precision", "recall", "density", "coverage"):
        assert getattr(ours, name) == pytest.approx(getattr(expected, name)), name


def test_two_gaussians_on_the_axes_have_the_closed_form() -> None:
    """Commuting covariances: |m_a - m_b|² and the squared differences of the deviations."""
    mean_a, mean_b = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 7.0])
    spread_a, spread_b = np.array([1.0, 2.0, 0.0]), np.array([3.0, 2.0, 0.5])
    found = frechet_distance(mean_a, np.diag(spread_a**2), mean_b, np.diag(spread_b**2))
    assert found == pytest.approx(4 + 16 + 4 + 0.25)


def test_identical_sets_are_at_no_distance_and_wholly_covered() -> None:
    real = features(400, 1)
    assert distance(real, real) == pytest.approx(0, abs=1e-9)
    # Each ball holds its own centre too: six of five.
    assert manifold(real, real) == Manifold(1, 1, 1.2, 1)


def test_copies_of_one_point_are_within_their_own_balls() -> None:
    """Rounding must not push a point out of a ball of no radius."""
    same = np.repeat(1000 * features(1, 1), 20, axis=0)
    assert manifold(same, same) == Manifold(1, 1, 4, 1)
    assert manifold(same, features(20, 2)).recall == 0


def test_inception_score_runs_from_one_to_the_number_of_classes() -> None:
    sure = np.eye(10, dtype=np.float32)
    assert inception_score(sure) == pytest.approx(10)
    assert inception_score(sure[[3] * 7]) == pytest.approx(1)
    assert inception_score(np.full((7, 10), 0.1, np.float32)) == pytest.approx(1)
    assert inception_score(sure[[0, 1] * 4]) == pytest.approx(2)


def test_class_shares_count_the_likeliest_class() -> None:
    probabilities = np.array([[0.5, 0.4, 0.1], [0.2, 0.3, 0.5], [0.6, 0.2, 0.2], [0.9, 0.1, 0.0]])
    shares = class_shares(probabilities)
    assert shares == (0.75, 0.0, 0.25)
    assert distance_from_uniform(shares) == pytest.approx(5 / 12)
    assert distance_from_uniform((0.1,) * 10) == pytest.approx(0)
    assert distance_from_uniform((1.0, *(0.0,) * 9)) == pytest.approx(0.9)


def test_too_few_images_are_refused() -> None:
    few, many = features(5, 1), features(6, 2)
    for call in (
        lambda: moments(few[:1]),
        lambda: manifold(few[:3], many),
        lambda: manifold(many, few),
    ):
        with pytest.raises(BadInput, match="at least"):
            call()
    assert 0 <= manifold(few, many).precision <= 1


def noise(count: int, seed: int, top: int = 256) -> Pixels:
    return np.random.default_rng(seed).integers(0, top, (count, 1, 4, 4), np.uint8)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from([2, 256]), st.integers(1, 9))
def test_nearest_is_the_smallest_of_all_distances(
    count: int, known: int, top: int, block: int
) -> None:
    images, training = noise(count, 1, top), noise(known, 2, top)
    difference = images[:, None].astype(float) - training
    every = np.sqrt((difference**2).sum(axis=(2, 3, 4)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "BLOCK", block)
        distance, index = nearest(images, training)
    assert np.allclose(distance, every.min(axis=1), rtol=1e-12)
    assert np.allclose(every[np.arange(count), index], distance, rtol=1e-12)


def test_the_search_in_float32_finds_what_float64_does() -> None:
    digits = load_digits().images.reshape(10_000, -1)
    images, training = digits[:200].astype(np.float64), digits[200:3200].astype(np.float64)
    squared = (images**2).sum(1)[:, None] + (training**2).sum(1) - 2 * images @ training.T
    distance, index = nearest(digits[:200], digits[200:3200])
    assert np.array_equal(index, squared.argmin(axis=1))
    assert np.allclose(distance, np.sqrt(squared.min(axis=1)), rtol=1e-12)


def test_copies_are_not_authentic_and_have_the_smallest_ratios() -> None:
    training, almost = noise(100, 1), noise(100, 1)
    almost[:, 0, 0, 0] ^= 1
    found = authenticity(np.concatenate([noise(30, 2), training[40:50], almost[60:70]]), training)
    assert found.index[30:].tolist() == [*range(40, 50), *range(60, 70)]
    assert set(np.argsort(found.ratio)[:20]) == set(range(30, 50))
    assert not found.ratio[30:40].any() and (found.ratio[40:] < 0.1).all()
    assert found.share == np.mean(found.ratio > 1) <= 0.6


def test_the_ratio_is_that_of_the_two_distances() -> None:
    training = np.array([[0, 0], [0, 10], [200, 0]], np.uint8)
    found = authenticity(np.array([[0, 4], [150, 0], [200, 10], [30, 0]], np.uint8), training)
    assert found.ratio == pytest.approx([0.4, 50 / 200, 10 / 200, 3])
    assert found.share == 0.25 and found.index.tolist() == [0, 2, 2, 0]
    twice = authenticity(np.array([[0, 0], [1, 0]], np.uint8), training[[0, 0, 2]])
    assert twice.ratio.tolist() == [0, np.inf] and twice.share == 0.5  # a copy; not a copy


def test_unseen_digits_are_as_authentic_as_the_training_images_themselves() -> None:
    digits = load_digits().images
    assert 0.3 < authenticity(digits[:500], digits[500:2000]).share < 0.7
    assert authenticity(digits[:500], digits[:2000]).share == 0
