from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import ganctl
from ganctl.api.pictures import SHOWN_PIXELS, SHOWN_SIDE
from ganctl.errors import BadInput

GREYS = np.arange(6 * 28 * 28, dtype=np.uint8).reshape(6, 1, 28, 28)
COLOURS = np.arange(5 * 3 * 8 * 9, dtype=np.uint8).reshape(5, 3, 8, 9)


def shown(images: Any) -> Image.Image:
    """Return what a notebook shows of the last line of a cell."""
    return Image.open(io.BytesIO(images._repr_png_()))


def test_a_notebook_shows_a_grid_in_whole_squares() -> None:
    images = GREYS.view(ganctl.Images)
    picture = shown(images)
    small = ganctl.grid(images)
    factor = SHOWN_SIDE // max(small.size)
    assert factor > 1 and picture.size == (small.width * factor, small.height * factor)
    assert picture.resize(small.size, Image.Resampling.NEAREST).tobytes() == small.tobytes()
    assert small.getpixel((2 + 5, 2)) == GREYS[0, 0, 0, 5]


def test_slices_and_single_images_are_shown_and_numbers_are_not() -> None:
    images, colours = GREYS.view(ganctl.Images), COLOURS.view(ganctl.Images)
    assert shown(images[2:3]).tobytes() == shown(images[2]).tobytes()
    assert shown(255 - images).tobytes() != shown(images).tobytes()
    assert shown(colours[1]).mode == "RGB"
    assert shown(colours[1]).tobytes() == shown(colours[1:2]).tobytes()
    others: list[Any] = [
        images / 255,
        images > 3,
        images[0, 0, 0],
        images[:0],
        images.reshape(6, -1),
    ]
    for other in others:
        assert other._repr_png_() is None


def test_it_is_an_array_in_everything_else() -> None:
    images = GREYS.copy().view(ganctl.Images)
    assert isinstance(images, np.ndarray) and images.shape == (6, 1, 28, 28)
    assert type(np.asarray(images)) is np.ndarray
    assert np.array_equal(np.asarray(images[1:4, 0]), GREYS[1:4, 0])
    assert images.mean() == GREYS.mean() and images[0, 0, 0, 1] == 1
    assert np.array_equal(np.concatenate([images, images])[6:], GREYS)
    again = pickle.loads(pickle.dumps(images))
    assert isinstance(again, ganctl.Images) and np.array_equal(again, images)


def test_a_table_keeps_its_columns_and_its_slices_do_not() -> None:
    images: Any = GREYS.view(ganctl.Images)
    images.cols = 2
    assert ganctl.grid(images).size == (2 + 2 * 30, 2 + 3 * 30)
    assert images.copy().cols == (255 - images).cols == 2
    assert images[:3].cols == 0
    assert ganctl.grid(images, cols=6).size == (2 + 6 * 30, 2 + 30)


def test_of_very_many_the_first_are_shown() -> None:
    images = np.zeros((10_000, 1, 28, 28), np.uint8).view(ganctl.Images)
    picture = shown(images)
    assert SHOWN_PIXELS * 0.8 < picture.width * picture.height < SHOWN_PIXELS * 1.1


@pytest.mark.parametrize("images", [GREYS, COLOURS, GREYS[:, 0]])
def test_grey_levels_and_floats_make_the_same_picture(images: NDArray[np.uint8]) -> None:
    picture = ganctl.grid(images, cols=2)
    floats = images / 127.5 - 1
    for same in (floats, floats.astype(np.float32), list(images)):
        assert ganctl.grid(same, cols=2).tobytes() == picture.tobytes()
    assert picture.mode == ("RGB" if images is COLOURS else "L")


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (GREYS[0, 0], r"their shape is \(28, 28\)"),
        (GREYS.transpose(0, 2, 3, 1), r"their shape is \(6, 28, 28, 1\)"),
        (GREYS[:0], r"their shape is \(0, 1, 28, 28\)"),
        (GREYS.astype(int), "they are int64"),
        (GREYS / 255 * 2, "their values are 0 … 2"),
        (np.full((1, 1, 4, 4), np.nan), "their values are nan … nan"),
        ([[1.0], [1.0, 2.0]], "they are not all of one shape"),
    ],
)
def test_what_is_no_images_is_refused(images: Any, reason: str) -> None:
    with pytest.raises(BadInput, match=f"these are no images: {reason}"):
        ganctl.grid(images)


def test_save_writes_what_the_commands_write(tmp_path: Path) -> None:
    images = GREYS.view(ganctl.Images)
    images.save(tmp_path / "grid.png", cols=3)
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.tobytes() == ganctl.grid(images, cols=3).tobytes()
    images.save(str(tmp_path / "all.npy"))
    assert np.array_equal(np.load(tmp_path / "all.npy"), GREYS)
    images[3].save(tmp_path / "folder")
    with Image.open(tmp_path / "folder" / "000000.png") as picture:
        assert np.array_equal(np.asarray(picture), GREYS[3, 0])
    with pytest.raises(BadInput, match="no kind of output"):
        images.save(tmp_path / "grid.jpg")
    with pytest.raises(BadInput, match="cols=-1"):
        images.save(tmp_path / "grid.png", cols=-1)
