from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganctl.inputs import Inputs, in_rows, in_turn, seeded, since, slerp, truncated, walk
from ganctl.latents import class_labels, latents

SHARES = (0.5, 0.5)
PLAIN, CLASSED = seeded(7, 3), seeded(7, 3, SHARES)


@given(first=st.integers(0, 600), count=st.integers(0, 300))
def test_row_k_belongs_to_the_index_whoever_asks(first: int, count: int) -> None:
    z, labels = seeded(7, 3, SHARES)(first, count)
    assert np.array_equal(z, latents(7, first, count, 3))
    assert labels is not None and np.array_equal(labels, class_labels(7, first, count, SHARES))


def test_an_unconditional_generator_is_asked_for_no_class() -> None:
    z, labels = seeded(7, 3)(5, 2)
    assert z.shape == (2, 3) and labels is None


@pytest.mark.parametrize(
    "images",
    [
        since(CLASSED, 250),
        in_turn(PLAIN, (4, 1, 1)),
        in_rows(since(PLAIN, 250), (2, 0, 9), 7),
        truncated(CLASSED, 0.7),
        walk(PLAIN, 3, 5),
        walk(CLASSED, 300, 1),
        walk(in_rows(PLAIN, (1, 2), 4), 8, 3, ends=True),
    ],
)
@given(first=st.integers(0, 300), count=st.integers(1, 100))
def test_a_slice_is_the_slice_of_the_whole(images: Inputs, first: int, count: int) -> None:
    (whole, whole_labels), (part, labels) = images(0, 400), images(first, count)
    assert part.dtype == np.float32 and part.shape == (count, 3)
    assert np.array_equal(part, whole[first : first + count])
    if labels is None or whole_labels is None:
        assert labels is whole_labels
    else:
        assert labels.dtype == np.int64
        assert np.array_equal(labels, whole_labels[first : first + count])


def test_classes_take_turns() -> None:
    z, labels = in_turn(CLASSED, (4, 1, 1))(2, 5)
    assert np.array_equal(z, latents(7, 2, 5, 3))
    assert labels is not None and labels.tolist() == [1, 4, 1, 1, 4]


def test_a_row_has_one_class_and_a_column_one_latent() -> None:
    z, labels = in_rows(since(PLAIN, 10), (5, 0), 3)(0, 7)
    column = latents(7, 10, 3, 3)
    assert np.array_equal(z, np.concatenate([column, column, column[:1]]))
    assert labels is not None and labels.tolist() == [5, 5, 5, 0, 0, 0, 5]


def test_truncation_scales_z_and_leaves_the_classes() -> None:
    z, labels = CLASSED(0, 50)
    nearer, same = truncated(CLASSED, 0.5)(0, 50)
    assert np.array_equal(nearer, z / 2)
    assert labels is not None and same is not None and np.array_equal(same, labels)
    assert np.array_equal(truncated(CLASSED, 1)(0, 50)[0], z)


def test_a_walk_stands_on_each_image_and_comes_back() -> None:
    z, _ = walk(PLAIN, 4, 5)(0, 21)
    assert np.array_equal(z[::5], latents(7, 0, 4, 3)[[0, 1, 2, 3, 0]])
    rows, _ = walk(PLAIN, 4, 5, ends=True)(0, 24)
    for leg in range(4):
        assert np.array_equal(rows[6 * leg : 6 * leg + 6], z[5 * leg : 5 * leg + 6])


@pytest.mark.parametrize(("frames", "expected"), [(4, [0, 0, 9, 9]), (5, [0, 0, 0, 9, 9])])
def test_the_class_changes_in_the_middle_of_a_leg(frames: int, expected: list[int]) -> None:
    _, labels = walk(in_turn(PLAIN, (0, 9)), 2, frames)(0, 2 * frames)
    back = [9 - label for label in expected]
    assert labels is not None and labels.tolist() == expected + back


def on_circle(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_slerp_goes_round_the_circle_at_an_even_pace() -> None:
    way = np.linspace(0, 1, 7)
    arc = slerp(on_circle(*[20] * 7), on_circle(*[140] * 7), way)
    assert np.allclose(arc, on_circle(*np.linspace(20, 140, 7)), atol=1e-6)


@pytest.mark.parametrize("end", [(2.0, 0.0), (-1.0, 0.0), (0.0, 0.0)])
def test_slerp_takes_the_line_where_there_is_no_one_arc(end: tuple[float, float]) -> None:
    start, ends = np.array([[1, 0]] * 3, np.float32), np.array([end] * 3, np.float32)
    points = slerp(start, ends, np.array([0, 0.25, 1]))
    assert np.allclose(points, [(1, 0), (0.75 + 0.25 * end[0], 0), end], atol=1e-6)


@given(seed=st.integers(0, 1000), way=st.floats(0, 1))
def test_slerp_keeps_the_length_that_a_line_would_lose(seed: int, way: float) -> None:
    pair = latents(seed, 0, 2, 100)
    middle = slerp(pair[:1], pair[1:], np.array([way]))
    lengths = np.linalg.norm(pair, axis=1)
    assert 0.9 * lengths.min() <= np.linalg.norm(middle) <= 1.1 * lengths.max()
