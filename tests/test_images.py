from __future__ import annotations

import io
import pickle
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageSequence

import ganctl
from ganctl.errors import BadInput
from ganctl.images import (
    FONT_EXTRA,
    GIF_FRAME_MS,
    NOTEBOOK_PIXELS,
    NOTEBOOK_SIDE,
    Pixels,
    check_output,
    check_size,
    decode_png,
    encode_gif,
    encode_png,
    font,
    font_text,
    grid_shape,
    make_grid,
    picture,
    shorten,
    text_width,
    to_uint8,
    write_images,
)


def shades(count: int, channels: int = 1, size: int = 4) -> Pixels:
    """Return images that are all different."""
    total = count * channels * size * size
    return (np.arange(total) % 251).astype(np.uint8).reshape(count, channels, size, size)


def failing(images: Pixels) -> Iterator[Pixels]:
    yield images
    raise BadInput("no more", "")


def test_the_scale_is_fixed_and_rounds_to_the_nearest() -> None:
    ends = np.array([-1.5, -1, -0.9, -0.5, 0, 0.5, 1, 2], np.float32)
    assert to_uint8(ends).tolist() == [0, 0, 13, 64, 128, 191, 255, 255]
    levels = np.arange(256)
    assert np.array_equal(to_uint8(levels / 127.5 - 1), levels)
    values = np.random.default_rng(0).uniform(-1.2, 1.2, (4, 3, 64, 64)).astype(np.float32)
    before = values.copy()
    expected = np.clip(np.rint((values + 1) * 127.5), 0, 255).astype(np.uint8)
    assert np.array_equal(to_uint8(values), expected) and np.array_equal(values, before)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grid_has_each_image_in_its_place(channels: int) -> None:
    images = shades(5, channels)
    sheet = make_grid(images, cols=3)
    assert sheet.shape == ((14, 20) if channels == 1 else (14, 20, 3))
    for index, image in enumerate(images):
        top, left = 2 + index // 3 * 6, 2 + index % 3 * 6
        cell = sheet[top : top + 4, left : left + 4]
        assert np.array_equal(cell.reshape(4, 4, channels), image.transpose(1, 2, 0))
    assert sheet[:2].max() == 0 and sheet[8:, 14:].max() == 0


@given(st.integers(1, 500), st.integers(0, 600))
def test_a_grid_has_no_empty_row(count: int, cols: int) -> None:
    rows, cols = grid_shape(count, cols)
    assert rows * cols >= count > (rows - 1) * cols
    assert grid_shape(64) == (8, 8)


@given(
    st.integers(1, 70), st.integers(1, 70), st.sampled_from([1, 3]), st.sampled_from([1, 2, 256])
)
def test_a_png_reads_back(height: int, width: int, channels: int, levels: int) -> None:
    image = np.random.default_rng(0).integers(0, levels, (channels, height, width), np.uint8)
    pixels = picture(image)
    data = encode_png(pixels)
    assert np.array_equal(decode_png(data, pixels.shape), pixels)
    with Image.open(io.BytesIO(data)) as read:
        read.verify()  # the checksums too
    with Image.open(io.BytesIO(data)) as read:
        assert read.mode == ("L" if channels == 1 else "RGB")
        assert np.array_equal(np.asarray(read), pixels)


@pytest.mark.parametrize("shape", [(5, 7), (4, 6, 3)])
def test_only_the_png_of_its_shape_is_decoded(shape: tuple[int, ...]) -> None:
    data = encode_png(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    larger = encode_png(np.zeros((2000, *shape[1:]), np.uint8))
    for other in (larger, data[:-30], data[:50], b"", data[:60] + b"x" + data[61:]):
        with pytest.raises(ValueError):
            decode_png(other, shape)


def frames_of(data: bytes) -> list[NDArray[Any]]:
    with Image.open(io.BytesIO(data)) as gif:
        return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(gif)]


@pytest.mark.parametrize(("size", "factor"), [(28, 8), (100, 2), (300, 1)])
def test_a_gif_keeps_every_grey_level(size: int, factor: int) -> None:
    images = shades(3, size=size)
    for frame, image in zip(frames_of(encode_gif(images)), images, strict=True):
        assert frame.shape == (factor * size, factor * size, 3)
        assert np.array_equal(frame[::factor, ::factor, 0], image[0])
        assert np.array_equal(frame[factor - 1 :: factor, factor - 1 :: factor, 2], image[0])


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 0, 1), (0, 1, 1, 1), (0, 0)])
def test_a_gif_is_endless_deterministic_and_shows_equal_frames_longer(
    order: tuple[int, ...],
) -> None:
    data = encode_gif(shades(3)[list(order)])
    assert encode_gif(shades(3)[list(order)]) == data
    with Image.open(io.BytesIO(data)) as gif:
        assert gif.info["loop"] == 0 or set(order) == {0}
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(gif)]
    assert sum(durations) == len(order) * GIF_FRAME_MS


def test_a_gif_approximates_colours() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 3, 8, 8), dtype=np.uint8)  # 64 colours a frame
    for frame, image in zip(frames_of(encode_gif(images)), images, strict=True):
        assert np.abs(frame[::28, ::28].astype(int) - image.transpose(1, 2, 0)).max() <= 8


@pytest.mark.parametrize("channels", [1, 3])
def test_every_kind_of_output_has_the_same_pixels(channels: int, tmp_path: Path) -> None:
    images = shades(10, channels)
    for out in ("grid.png", "x.GIF", "array.npy", "folder"):
        check_output(tmp_path / out)
        write_images(tmp_path / out, iter((images[:7], images[7:])), 10, start=95)
    stream = io.BytesIO()
    write_images(stream, [images], 10)
    assert (tmp_path / "grid.png").read_bytes() == stream.getvalue()
    assert np.array_equal(np.asarray(Image.open(tmp_path / "grid.png")), make_grid(images))
    assert (tmp_path / "x.GIF").read_bytes() == encode_gif(images)
    assert np.array_equal(np.load(tmp_path / "array.npy"), images)
    names = sorted(path.name for path in (tmp_path / "folder").iterdir())
    assert names == [f"{index:06d}.png" for index in range(95, 105)]
    for name, image in zip(names, images, strict=True):
        assert np.array_equal(np.asarray(Image.open(tmp_path / "folder" / name)), picture(image))
    assert len(list(tmp_path.iterdir())) == 4


def test_an_existing_folder_keeps_its_other_files(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    write_images(tmp_path, [shades(2)], 2)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["000000.png", "000001.png", "mine.txt"]


@pytest.mark.parametrize("out", ["grid.png", "x.gif", "array.npy", "folder"])
def test_a_failure_leaves_what_was_there(out: str, tmp_path: Path) -> None:
    path = tmp_path / out
    file = path / "000000.png" if out == "folder" else path
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"old")
    with pytest.raises(BadInput, match="no more"):
        write_images(path, failing(shades(3)), 6)
    assert [entry.name for entry in tmp_path.iterdir()] == [out]
    assert file.read_bytes() == b"old"


@pytest.mark.parametrize("out", ["x.jpg", "none/x.png", "none/x", "file.png/x.png", "plain"])
def test_a_place_that_cannot_be_written_is_refused(out: str, tmp_path: Path) -> None:
    (tmp_path / "file.png").touch()
    (tmp_path / "plain").touch()
    with pytest.raises(BadInput, match="cannot write"):
        check_output(tmp_path / out)
    for empty in ("", "."):
        with pytest.raises(BadInput, match="OUT is empty"):
            check_output(Path(empty))


def test_a_picture_that_is_too_large_is_refused(tmp_path: Path) -> None:
    for name, count in (("x.png", 10_000), ("x.npy", 1_000_000), ("x.gif", 1992)):
        check_size(tmp_path / name, count, (1, 28, 28), 0)
    for name, count, kind in (("x.png", 1_000_000, "PNG"), ("x.gif", 1993, "GIF")):
        with pytest.raises(BadInput, match=f"{count:,} images .* too large for one {kind}"):
            check_size(tmp_path / name, count, (1, 28, 28), 0)


def test_image_text_uses_only_what_the_font_has() -> None:
    assert font_text("Fréchet – 1 × 2 ± 3 · é中\udcff\n…") == "Frechet - 1 x 2 ± 3 · e???…"
    missing = bytes(font(20).getmask("\uffff"))
    for char in set(FONT_EXTRA + string.printable) - set(string.whitespace):
        assert bytes(font(20).getmask(char)) != missing, char


@pytest.mark.parametrize("width", [30.0, 60.0, 100.0])
def test_a_long_line_is_shortened(width: float) -> None:
    assert shorten("star", 11, 200) == "star"
    short = shorten("a long name of a class", 11, width)
    assert short.endswith("…") and width - 12 < text_width(short, 11) <= width


GREYS = np.arange(6 * 28 * 28, dtype=np.uint8).reshape(6, 1, 28, 28)
COLOURS = np.arange(5 * 3 * 8 * 9, dtype=np.uint8).reshape(5, 3, 8, 9)


def shown(images: Any) -> Image.Image:
    """Return what a notebook shows."""
    return Image.open(io.BytesIO(images._repr_png_()))


def test_a_notebook_shows_an_enlarged_grid() -> None:
    images = GREYS.view(ganctl.Images)
    large, small = shown(images), ganctl.grid(images)
    factor = NOTEBOOK_SIDE // max(small.size)
    assert factor > 1 and large.size == (small.width * factor, small.height * factor)
    assert large.resize(small.size, Image.Resampling.NEAREST).tobytes() == small.tobytes()
    assert small.getpixel((2 + 5, 2)) == GREYS[0, 0, 0, 5]
    many = shown(np.zeros((10_000, 1, 28, 28), np.uint8).view(ganctl.Images))
    assert NOTEBOOK_PIXELS * 0.8 < many.width * many.height < NOTEBOOK_PIXELS * 1.1


def test_a_notebook_shows_slices_and_single_images_but_not_numbers() -> None:
    images, colours = GREYS.view(ganctl.Images), COLOURS.view(ganctl.Images)
    assert shown(images[2:3]).tobytes() == shown(images[2]).tobytes()
    assert shown(255 - images).tobytes() != shown(images).tobytes()
    assert shown(colours[1]).mode == "RGB"
    assert shown(colours[1]).tobytes() == shown(colours[1:2]).tobytes()
    numbers: list[Any] = [images / 255, images > 3, images[0, 0, 0], images[:0]]
    for other in (*numbers, images.reshape(6, -1)):
        assert other._repr_png_() is None


def test_images_are_an_array_and_keep_their_columns() -> None:
    images: Any = GREYS.copy().view(ganctl.Images)
    assert type(np.asarray(images)) is np.ndarray
    assert np.array_equal(np.asarray(images[1:4, 0]), GREYS[1:4, 0])
    assert np.array_equal(np.concatenate([images, images])[6:], GREYS)
    again = pickle.loads(pickle.dumps(images))
    assert isinstance(again, ganctl.Images) and np.array_equal(again, images)
    images.cols = 2
    assert ganctl.grid(images).size == (2 + 2 * 30, 2 + 3 * 30)
    assert images.copy().cols == (255 - images).cols == 2 and images[:3].cols == 0
    assert ganctl.grid(images, cols=6).size == (2 + 6 * 30, 2 + 30)


@pytest.mark.parametrize("images", [GREYS, COLOURS, GREYS[:, 0]])
def test_grey_levels_and_floats_give_the_same_grid(images: NDArray[np.uint8]) -> None:
    expected = ganctl.grid(images, cols=2)
    floats = images / 127.5 - 1
    for same in (floats, floats.astype(np.float32), list(images)):
        assert ganctl.grid(same, cols=2).tobytes() == expected.tobytes()
    assert expected.mode == ("RGB" if images is COLOURS else "L")


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
def test_other_arrays_are_refused(images: Any, reason: str) -> None:
    with pytest.raises(BadInput, match=f"these are not images: {reason}"):
        ganctl.grid(images)


def test_save_writes_what_the_commands_write(tmp_path: Path) -> None:
    images = GREYS.view(ganctl.Images)
    images.save(tmp_path / "grid.png", cols=3)
    with Image.open(tmp_path / "grid.png") as saved:
        assert saved.tobytes() == ganctl.grid(images, cols=3).tobytes()
    images.save(str(tmp_path / "all.npy"))
    assert np.array_equal(np.load(tmp_path / "all.npy"), GREYS)
    images[3].save(tmp_path / "folder")
    with Image.open(tmp_path / "folder" / "000000.png") as saved:
        assert np.array_equal(np.asarray(saved), GREYS[3, 0])
    with pytest.raises(BadInput, match="not an output format"):
        images.save(tmp_path / "grid.jpg")
