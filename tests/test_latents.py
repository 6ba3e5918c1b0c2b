from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganctl.config import MAX_SEED
from ganctl.errors import BadInput, CheckFailed
from ganctl.images import Pixels, write_images
from ganctl.latents import (
    BLOCK,
    Floats,
    Inputs,
    Labels,
    Stream,
    check_indices,
    class_labels,
    class_numbers,
    draw,
    latents,
    random_generator,
    seeded,
    slerp,
)

SHARES = (0.2, 0.0, 0.5, 0.3)
SEEDS, STARTS, COUNTS = st.integers(0, MAX_SEED), st.integers(0, 3 * BLOCK), st.integers(0, 400)


@given(seed=SEEDS, start=STARTS, count=COUNTS)
def test_a_slice_is_the_slice_of_the_whole(seed: int, start: int, count: int) -> None:
    whole = latents(seed, 0, start + count, 5)
    assert np.array_equal(latents(seed, start, count, 5), whole[start:])
    labels = class_labels(seed, 0, start + count, SHARES)
    assert np.array_equal(class_labels(seed, start, count, SHARES), labels[start:])


def test_the_random_numbers_are_pinned() -> None:
    """Another value would change every image that anyone has drawn."""
    assert latents(7, 1000, 1, 4).tolist() == [
        [0.28038325905799866, -1.0464539527893066, 0.05038260668516159, -0.9583898782730103]
    ]
    assert latents(0, 10**12, 3, 100).shape == (3, 100)
    first, second = (random_generator(5, Stream.ORDER, 2).permutation(9) for _ in range(2))
    assert first.tolist() == second.tolist()


def test_changing_returned_latents_does_not_change_later_ones() -> None:
    first = latents(5, 0, BLOCK, 4)
    kept = first.copy()
    first[:] = 0
    assert np.array_equal(latents(5, 0, BLOCK, 4), kept)


def test_seeds_streams_and_blocks_are_independent() -> None:
    drawn = [
        latents(0, 0, BLOCK, 8),
        latents(0, BLOCK, BLOCK, 8),
        latents(1, 0, BLOCK, 8),
        latents(0, 0, BLOCK, 8, Stream.STATISTICS),
    ]
    values = np.concatenate([z.ravel() for z in drawn])
    assert len(np.unique(values)) > 0.999 * len(values)


def test_latents_are_standard_normal_and_classes_have_their_shares() -> None:
    z, labels = latents(3, 0, 100_000, 2), class_labels(3, 0, 100_000, SHARES)
    assert z.dtype == np.float32
    assert abs(z.mean()) < 0.01 and abs(z.std() - 1) < 0.01 and abs((z**4).mean() - 3) < 0.1
    counts = np.bincount(labels, minlength=4)
    assert counts[1] == 0 and np.abs(counts / 100_000 - SHARES).max() < 0.005
    assert max(abs(z[labels == label].mean()) for label in (0, 2, 3)) < 0.02


@pytest.mark.parametrize(("seed", "start"), [(-1, 0), (MAX_SEED + 1, 0), (0, -1)])
def test_seeds_and_indices_out_of_range_are_refused(seed: int, start: int) -> None:
    with pytest.raises(BadInput):
        latents(seed, start, 1, 1)
    with pytest.raises(BadInput):
        class_labels(seed, start, 1, SHARES)


PLAIN, CLASSED = seeded(7, 3), seeded(7, 3, (0.5, 0.5))


@pytest.mark.parametrize(
    "inputs",
    [
        CLASSED.shift(250),
        PLAIN.cycle_classes((4, 1, 1)),
        PLAIN.shift(250).class_rows((2, 0, 9), 7),
        CLASSED.truncate(0.7),
        PLAIN.interpolate(3, 5),
        CLASSED.interpolate(300, 1),
        PLAIN.class_rows((1, 2), 4).interpolate(8, 3, ends=True),
    ],
)
@given(first=st.integers(0, 300), count=st.integers(1, 100))
def test_inputs_depend_only_on_the_index(inputs: Inputs, first: int, count: int) -> None:
    (whole, whole_labels), (part, labels) = inputs(0, 400), inputs(first, count)
    assert part.dtype == np.float32 and np.array_equal(part, whole[first : first + count])
    if labels is None or whole_labels is None:
        assert labels is whole_labels
    else:
        assert labels.dtype == np.int64
        assert np.array_equal(labels, whole_labels[first : first + count])


def with_labels(batch: tuple[Floats, Labels | None]) -> tuple[Floats, list[int]]:
    z, labels = batch
    assert labels is not None
    return z, labels.tolist()


def test_inputs_are_the_seeds_latents_and_classes() -> None:
    z, labels = PLAIN(5, 2)
    assert np.array_equal(z, latents(7, 5, 2, 3)) and labels is None
    z, numbers = with_labels(CLASSED.shift(250)(3, 20))
    assert np.array_equal(z, latents(7, 253, 20, 3))
    assert numbers == class_labels(7, 253, 20, (0.5, 0.5)).tolist()


def test_classes_take_turns_or_have_a_row_each() -> None:
    z, labels = with_labels(CLASSED.cycle_classes((4, 1, 1))(2, 5))
    assert np.array_equal(z, latents(7, 2, 5, 3)) and labels == [1, 4, 1, 1, 4]
    z, labels = with_labels(PLAIN.shift(10).class_rows((5, 0), 3)(0, 7))
    column = latents(7, 10, 3, 3)
    assert np.array_equal(z, np.concatenate([column, column, column[:1]]))
    assert labels == [5, 5, 5, 0, 0, 0, 5]


def test_truncation_scales_z_and_keeps_the_classes() -> None:
    z, labels = with_labels(CLASSED(0, 50))
    nearer, same = with_labels(CLASSED.truncate(0.5)(0, 50))
    assert np.array_equal(nearer, z / 2) and same == labels


def test_interpolation_passes_each_image_and_returns() -> None:
    z, _ = PLAIN.interpolate(4, 5)(0, 21)
    assert np.array_equal(z[::5], latents(7, 0, 4, 3)[[0, 1, 2, 3, 0]])
    rows, _ = PLAIN.interpolate(4, 5, ends=True)(0, 24)
    for section in range(4):
        assert np.array_equal(rows[6 * section :][:6], z[5 * section :][:6])


@pytest.mark.parametrize(("frames", "expected"), [(4, [0, 0, 9, 9]), (5, [0, 0, 0, 9, 9])])
def test_interpolation_changes_the_class_in_the_middle(frames: int, expected: list[int]) -> None:
    _, labels = with_labels(PLAIN.cycle_classes((0, 9)).interpolate(2, frames)(0, 2 * frames))
    assert labels == expected + [9 - label for label in expected]


def on_circle(*degrees: float) -> Floats:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_slerp_follows_the_circle_evenly() -> None:
    arc = slerp(on_circle(*[20] * 7), on_circle(*[140] * 7), np.linspace(0, 1, 7))
    assert np.allclose(arc, on_circle(*np.linspace(20, 140, 7)), atol=1e-6)


@pytest.mark.parametrize("end", [(2.0, 0.0), (-1.0, 0.0), (0.0, 0.0)])
def test_slerp_takes_the_line_if_there_is_no_unique_arc(end: tuple[float, float]) -> None:
    start, ends = np.array([[1, 0]] * 3, np.float32), np.array([end] * 3, np.float32)
    points = slerp(start, ends, np.array([0, 0.25, 1]))
    assert np.allclose(points, [(1, 0), (0.75 + 0.25 * end[0], 0), end], atol=1e-6)


@given(seed=st.integers(0, 1000), t=st.floats(0, 1))
def test_slerp_keeps_the_length(seed: int, t: float) -> None:
    pair = latents(seed, 0, 2, 100)
    middle = slerp(pair[:1], pair[1:], np.array([t]))
    lengths = np.linalg.norm(pair, axis=1)
    assert 0.9 * lengths.min() <= np.linalg.norm(middle) <= 1.1 * lengths.max()


def test_classes_are_given_by_number_or_name() -> None:
    names, shares, path = ("cat", "2", "dog"), (0.5, 0.25, 0.25), Path("x")
    assert class_numbers(("dog", 0, "2"), path, names, shares) == [2, 0, 1]
    assert class_numbers((), path, (), ()) == []
    for unknown in (3, -1, "cow"):
        with pytest.raises(BadInput, match=f"x has no class {unknown!r}: its classes are 0 … 2"):
            class_numbers((unknown,), path, names, shares)
    with pytest.raises(BadInput, match="x cannot be asked for a class"):
        class_numbers((0,), path, names, ())


def generator(z: Floats, labels: Labels | None) -> Floats:
    """Turn (B, 4) latents into (B, 1, 2, 2) images."""
    images: Floats = np.tanh(z).reshape(-1, 1, 2, 2)
    return images


def drawn(seed: int, start: int, count: int, batch_size: int) -> list[bytes]:
    inputs = seeded(seed, 4)
    batches = draw(generator, inputs, start=start, count=count, batch_size=batch_size)
    return [image.tobytes() for batch in batches for image in batch]


@pytest.mark.parametrize("batch_size", [1, 7, 64, 300])
def test_an_image_depends_only_on_its_seed_and_index(batch_size: int) -> None:
    whole = drawn(7, 0, 100, 100)
    assert drawn(7, 0, 100, batch_size) == whole
    assert drawn(7, 30, 50, batch_size) == whole[30:80]
    assert drawn(8, 0, 100, batch_size) != whole


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_a_conditional_generator_gets_the_labels_of_its_indices(batch_size: int) -> None:
    def by_class(z: Floats, labels: Labels | None) -> Floats:
        assert labels is not None and len(labels) == len(z) == batch_size
        return np.tile(labels.astype(np.float32)[:, None, None, None], (1, 1, 2, 2))

    inputs = seeded(3, 4, (0.5, 0.5))
    batches = draw(by_class, inputs, start=200, count=100, batch_size=batch_size)
    levels = np.concatenate(list(batches))[:, 0, 0, 0].tolist()
    assert levels == [255 if label else 128 for label in with_labels(inputs(200, 100))[1]]


def test_values_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    def broken(z: Floats, labels: Labels | None) -> Floats:
        return generator(z, labels) * np.float32("nan")

    with pytest.raises(CheckFailed, match="NaN or infinite"):
        batches = draw(broken, seeded(0, 4), start=0, count=3, batch_size=2)
        write_images(tmp_path / "x.npy", batches, 3)
    assert list(tmp_path.iterdir()) == []


def test_the_last_index_is_the_limit() -> None:
    check_indices(2**53 - 5, 5)
    assert len(drawn(0, 2**53 - 5, 5, 64)) == 5
    with pytest.raises(BadInput, match="image indices"):
        check_indices(2**53 - 5, 6)


def wide(count: int, reported: list[int]) -> Iterator[Pixels]:
    """Draw large images, 16 at once."""

    def tiled(z: Floats, labels: Labels | None) -> Floats:
        return np.tile(z[:, :1, None, None], (1, 1, 28, 28))

    inputs, report = seeded(0, 4), reported.append
    return draw(tiled, inputs, start=0, count=count, batch_size=16, report=report)


@pytest.mark.parametrize("name", ["x.npy", "folder"])
def test_batches_are_written_one_by_one_and_reported(name: str, tmp_path: Path) -> None:
    def peak(count: int) -> int:
        reported: list[int] = []
        tracemalloc.start()
        try:
            write_images(tmp_path / name, wide(count, reported), count)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            assert reported == [*range(16, count, 16), count]

    peak(40)  # imports and caches
    assert peak(3200) < peak(320) + 50_000  # 2,880 images more would be 2.3 MB
