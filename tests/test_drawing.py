from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from ganctl.drawing import draw, draw_to
from ganctl.errors import BadInput, CheckFailed
from ganctl.inputs import seeded
from ganctl.latents import Floats, Labels

INPUTS = seeded(0, 4)


def generator(latents: Floats, labels: Labels | None) -> Floats:
    """Turn (B, 4) latents into (B, 1, 2, 2) images."""
    images: Floats = np.tanh(latents).reshape(-1, 1, 2, 2)
    return images


def drawn(seed: int, start: int, count: int, batch_size: int) -> list[list[int]]:
    batches = draw(generator, seeded(seed, 4), start=start, count=count, batch_size=batch_size)
    return [image.ravel().tolist() for batch in batches for image in batch]


@pytest.mark.parametrize("batch_size", [1, 7, 64, 300])
def test_an_image_depends_on_its_seed_and_index_alone(batch_size: int) -> None:
    whole = drawn(7, 0, 100, 100)
    assert drawn(7, 0, 100, batch_size) == whole
    assert drawn(7, 30, 50, batch_size) == whole[30:80]
    assert drawn(8, 0, 100, batch_size) != whole


def test_values_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    def broken(latents: Floats, labels: Labels | None) -> Floats:
        return generator(latents, labels) * np.float32("nan")

    with pytest.raises(CheckFailed, match="not finite"):
        draw_to(tmp_path / "x.png", broken, INPUTS, (1, 2, 2), start=0, count=3, batch_size=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("start", "count", "drawn"), [(2**53 - 5, 5, True), (2**53 - 5, 6, False)])
def test_the_last_index_is_the_limit(start: int, count: int, drawn: bool, tmp_path: Path) -> None:
    def write() -> None:
        out = tmp_path / "x.npy"
        draw_to(out, generator, INPUTS, (1, 2, 2), start=start, count=count, batch_size=64)

    if drawn:
        write()
        assert np.load(tmp_path / "x.npy").shape == (5, 1, 2, 2)
    else:
        with pytest.raises(BadInput, match="image indices"):
            write()


def test_a_grid_is_refused_before_it_is_drawn(tmp_path: Path) -> None:
    def unasked(latents: Floats, labels: Labels | None) -> Floats:
        raise AssertionError

    with pytest.raises(BadInput, match="too large"):
        draw_to(
            tmp_path / "x.png",
            unasked,
            INPUTS,
            (1, 512, 512),
            start=0,
            count=100_000,
            batch_size=64,
        )


def test_each_batch_is_reported_when_it_is_written(tmp_path: Path) -> None:
    reported: list[int] = []
    out = tmp_path / "x.npy"
    draw_to(
        out,
        generator,
        INPUTS,
        (1, 2, 2),
        start=0,
        count=10,
        batch_size=4,
        report=reported.append,
    )
    assert reported == [4, 8, 10]


@pytest.mark.parametrize("name", ["x.npy", "folder"])
def test_memory_does_not_grow_with_the_count(name: str, tmp_path: Path) -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        try:
            draw_to(tmp_path / name, wide, INPUTS, (1, 28, 28), start=0, count=count, batch_size=16)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def wide(latents: Floats, labels: Labels | None) -> Floats:
        return np.tile(latents[:, :1, None, None], (1, 1, 28, 28))

    peak(32)  # what is imported and cached on the first call
    assert peak(3200) < peak(320) + 50_000  # 2,880 images more would be 2.3 MB


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_a_conditional_generator_gets_the_labels_of_its_indices(batch_size: int) -> None:
    def by_class(latents: Floats, labels: Labels | None) -> Floats:
        assert labels is not None and len(labels) == len(latents) == batch_size
        return np.tile(labels.astype(np.float32)[:, None, None, None], (1, 1, 2, 2))

    inputs = seeded(3, 4, (0.5, 0.5))
    batches = draw(by_class, inputs, start=200, count=100, batch_size=batch_size)
    _, labels = inputs(200, 100)
    assert labels is not None
    drawn = np.concatenate(list(batches))[:, 0, 0, 0]
    assert drawn.tolist() == np.where(labels == 1, 255, 128).tolist()
