from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganctl.data.digits import load_digits
from ganctl.errors import BadInput
from ganctl.evaluation import neighbours
from ganctl.evaluation.neighbours import authenticity, nearest
from ganctl.images import Pixels


def noise(count: int, seed: int, shape: tuple[int, ...] = (1, 4, 4), top: int = 256) -> Pixels:
    return np.random.default_rng(seed).integers(0, top, (count, *shape), np.uint8)


def slightly_off(images: Pixels) -> Pixels:
    changed = images.copy()
    changed[:, 0, 0, 0] ^= 1
    return changed


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from([2, 256]), st.integers(1, 9))
def test_nearest_is_the_smallest_of_all_distances(
    count: int, known: int, top: int, rows: int
) -> None:
    images, training = noise(count, 1, top=top), noise(known, 2, top=top)
    difference = images[:, None].astype(float) - training
    every = np.sqrt((difference**2).sum(axis=(2, 3, 4)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "ROWS", rows)
        distance, index = nearest(images, training)
    assert np.allclose(distance, every.min(axis=1), rtol=1e-12)
    assert np.allclose(every[np.arange(count), index], distance, rtol=1e-12)


def test_a_real_digit_is_found_among_all_of_them_at_no_distance() -> None:
    digits = load_digits().images[:3000]
    distance, index = nearest(digits[2000:2100], digits)
    assert not distance.any()
    assert index.tolist() == list(range(2000, 2100))


def test_the_search_in_float32_finds_what_float64_does() -> None:
    digits = load_digits().images.reshape(10_000, -1)
    images, training = digits[:200].astype(np.float64), digits[200:3200].astype(np.float64)
    squared = (images**2).sum(1)[:, None] + (training**2).sum(1) - 2 * images @ training.T
    distance, index = nearest(digits[:200], digits[200:3200])
    assert np.array_equal(index, squared.argmin(axis=1))
    assert np.allclose(distance, np.sqrt(squared.min(axis=1)), rtol=1e-12)


def test_copies_are_not_authentic_and_come_first() -> None:
    training, fresh = noise(100, 1), noise(30, 2)
    images = np.concatenate([fresh, training[40:50], slightly_off(training[60:70])])
    found = authenticity(images, training)
    assert found.index[30:].tolist() == [*range(40, 50), *range(60, 70)]
    assert set(np.argsort(found.ratio)[:20]) == set(range(30, 50))
    assert not found.ratio[30:40].any()
    assert (found.ratio[40:] < 0.1).all()
    assert found.share == np.mean(found.ratio > 1) <= 0.6


def test_the_ratio_is_of_the_two_distances() -> None:
    training = np.array([[0, 0], [0, 10], [200, 0]], np.uint8)
    found = authenticity(np.array([[0, 4], [150, 0], [200, 10], [0, 5]], np.uint8), training)
    assert found.ratio[:3] == pytest.approx([0.4, 50 / 200, 10 / 200])
    assert found.share == 0
    far = authenticity(np.array([[30, 0]], np.uint8), training)
    assert (far.share, far.ratio.tolist(), far.index.tolist()) == (1, [3], [0])


def test_a_training_image_that_stands_there_twice_is_its_own_neighbour() -> None:
    training = np.array([[0, 0], [0, 0], [100, 0]], np.uint8)
    found = authenticity(np.array([[0, 0], [1, 0]], np.uint8), training)
    assert found.ratio.tolist() == [0, np.inf]  # a copy; no copy
    assert found.share == 0.5


def test_fresh_draws_are_as_authentic_as_the_training_images_themselves() -> None:
    digits = load_digits().images
    found = authenticity(digits[:500], digits[500:2000])
    assert 0.3 < found.share < 0.7
    assert authenticity(digits[:500], digits[:2000]).share == 0


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(BadInput, match=r"\(1, 4, 4\) cannot be sought among 3 .* of \(1, 5, 5\)"):
        nearest(noise(2, 1), noise(3, 1, (1, 5, 5)))
    with pytest.raises(BadInput, match="0 training images"):
        nearest(noise(2, 1), noise(0, 1))
    for images, training in ((0, 5), (5, 1)):
        with pytest.raises(BadInput, match="it takes at least 1 and 2"):
            authenticity(noise(images, 1), noise(training, 2))
