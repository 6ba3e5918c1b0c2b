from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganctl.config import MAX_SEED
from ganctl.errors import BadInput
from ganctl.latents import BLOCK, Stream, class_labels, latents, random_generator


@given(seed=st.integers(0, MAX_SEED), start=st.integers(0, 3 * BLOCK), count=st.integers(0, 400))
def test_any_slice_is_the_slice_of_the_whole(seed: int, start: int, count: int) -> None:
    whole = latents(seed, 0, start + count, 5)
    assert np.array_equal(latents(seed, start, count, 5), whole[start:])


def test_the_numbers_are_those_of_the_format() -> None:
    """Pinned: another value changes every picture that anyone has drawn."""
    assert latents(7, 1000, 1, 4).tolist() == [
        [0.28038325905799866, -1.0464539527893066, 0.05038260668516159, -0.9583898782730103]
    ]


def test_what_is_done_to_latents_does_not_come_back() -> None:
    first = latents(5, 0, BLOCK, 4)
    kept = first.copy()
    first[:] = 0
    assert np.array_equal(latents(5, 0, BLOCK, 4), kept)
    assert not np.array_equal(latents(5, 0, BLOCK, 5)[:, :4], latents(6, 0, BLOCK, 5)[:, :4])


def test_far_indices_cost_no_more() -> None:
    assert latents(0, 10**12, 3, 100).shape == (3, 100)


def test_seeds_streams_and_blocks_share_nothing() -> None:
    drawn = [
        latents(0, 0, BLOCK, 8),
        latents(0, BLOCK, BLOCK, 8),
        latents(1, 0, BLOCK, 8),
        latents(0, 0, BLOCK, 8, Stream.STATISTICS),
    ]
    values = np.concatenate([z.ravel() for z in drawn])
    assert len(np.unique(values)) > 0.999 * len(values)


def test_the_distribution_is_standard_normal() -> None:
    z = latents(3, 0, 4000, 50)
    assert z.dtype == np.float32
    assert abs(z.mean()) < 0.01
    assert abs(z.std() - 1) < 0.01
    assert abs((z**4).mean() - 3) < 0.1


@pytest.mark.parametrize(("seed", "start"), [(-1, 0), (MAX_SEED + 1, 0), (0, -1)])
def test_what_is_out_of_range_is_refused(seed: int, start: int) -> None:
    with pytest.raises(BadInput):
        latents(seed, start, 1, 1)


def test_a_generator_is_a_pure_function_of_its_arguments() -> None:
    first, second = (random_generator(5, Stream.ORDER, 2).permutation(9) for _ in range(2))
    assert first.tolist() == second.tolist()


SHARES = (0.2, 0.0, 0.5, 0.3)


@given(seed=st.integers(0, MAX_SEED), start=st.integers(0, 3 * BLOCK), count=st.integers(0, 400))
def test_any_slice_of_the_classes_is_the_slice_of_the_whole(
    seed: int, start: int, count: int
) -> None:
    whole = class_labels(seed, 0, start + count, SHARES)
    assert np.array_equal(class_labels(seed, start, count, SHARES), whole[start:])


def test_the_classes_are_drawn_as_often_as_their_shares_say() -> None:
    counts = np.bincount(class_labels(3, 0, 100_000, SHARES), minlength=4)
    assert counts[1] == 0
    assert np.abs(counts / 100_000 - SHARES).max() < 0.005


def test_a_seeds_classes_say_nothing_of_its_latents() -> None:
    labels, z = class_labels(3, 0, 100_000, SHARES), latents(3, 0, 100_000, 2)
    means = [z[labels == label].mean() for label in (0, 2, 3)]
    assert max(map(abs, means)) < 0.02
