from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from ganctl.errors import BadInput
from ganctl.images import (
    GIF_FRAME_MS,
    Pixels,
    check_output,
    check_size,
    decode_png,
    encode_gif,
    encode_png,
    grid,
    grid_shape,
    picture,
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


def test_grey_levels_have_fixed_ends() -> None:
    values = np.array([-1.5, -1, -0.5, 0, 0.5, 1, 2], np.float32)
    assert to_uint8(values).tolist() == [0, 0, 64, 128, 191, 255, 255]


def test_rounding_in_place_is_the_formula() -> None:
    values = np.random.default_rng(0).uniform(-1.2, 1.2, (4, 3, 64, 64)).astype(np.float32)
    before = values.copy()
    expected = np.clip(np.rint((values + 1) * 127.5), 0, 255).astype(np.uint8)
    assert np.array_equal(to_uint8(values), expected)
    assert np.array_equal(values, before)


@given(st.integers(0, 255))
def test_a_grey_level_survives_the_scaling(level: int) -> None:
    assert to_uint8(np.array([level / 127.5 - 1], np.float32)) == [level]


def test_a_faint_image_is_not_stretched() -> None:
    assert to_uint8(np.full((1, 1, 4, 4), -0.9, np.float32)).max() == 13


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grid_holds_each_image_in_its_place(channels: int) -> None:
    images = shades(5, channels)
    sheet = grid(images, cols=3)
    assert sheet.shape == ((14, 20) if channels == 1 else (14, 20, 3))
    for index, image in enumerate(images):
        top, left = 2 + index // 3 * 6, 2 + index % 3 * 6
        cell = sheet[top : top + 4, left : left + 4]
        assert np.array_equal(cell.reshape(4, 4, channels), image.transpose(1, 2, 0))
    assert sheet[:2].max() == 0 and sheet[8:, 14:].max() == 0


@given(st.integers(1, 500), st.integers(0, 600))
def test_a_grid_has_room_and_no_empty_row(count: int, cols: int) -> None:
    rows, cols = grid_shape(count, cols)
    assert rows * cols >= count > (rows - 1) * cols


def test_a_grid_of_64_is_square() -> None:
    assert grid_shape(64) == (8, 8)


@given(
    st.integers(1, 70), st.integers(1, 70), st.sampled_from([1, 3]), st.sampled_from([1, 2, 256])
)
def test_a_png_reads_back(height: int, width: int, channels: int, levels: int) -> None:
    drawn = np.random.default_rng(0).integers(0, levels, (channels, height, width), np.uint8)
    with Image.open(io.BytesIO(encode_png(picture(drawn)))) as read:
        read.verify()  # the checksums too
    with Image.open(io.BytesIO(encode_png(picture(drawn)))) as read:
        assert read.mode == ("L" if channels == 1 else "RGB")
        assert np.array_equal(np.asarray(read), picture(drawn))


@pytest.mark.parametrize("channels", [1, 3])
def test_every_kind_of_output_holds_the_same_pixels(channels: int, tmp_path: Path) -> None:
    images = shades(10, channels)
    for out in ("grid.png", "array.npy", "folder"):
        write_images(tmp_path / out, iter((images[:7], images[7:])), 10, start=95)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "grid.png")), grid(images))
    assert np.array_equal(np.load(tmp_path / "array.npy"), images)
    names = sorted(path.name for path in (tmp_path / "folder").iterdir())
    assert names == [f"{index:06d}.png" for index in range(95, 105)]
    for name, image in zip(names, images, strict=True):
        picture = np.asarray(Image.open(tmp_path / "folder" / name)).reshape(4, 4, channels)
        assert np.array_equal(picture, image.transpose(1, 2, 0))
    assert len(list(tmp_path.iterdir())) == 3


def test_an_existing_folder_keeps_its_other_files(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    write_images(tmp_path, [shades(2)], 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "000000.png",
        "000001.png",
        "mine.txt",
    ]


@pytest.mark.parametrize("out", ["grid.png", "array.npy", "folder"])
def test_a_failure_leaves_what_was_there(out: str, tmp_path: Path) -> None:
    path = tmp_path / out
    if out == "folder":
        path.mkdir()
        (path / "000000.png").write_bytes(b"old")
    else:
        path.write_bytes(b"old")
    with pytest.raises(BadInput, match="no more"):
        write_images(path, failing(shades(3)), 6)
    assert [entry.name for entry in tmp_path.iterdir()] == [out]
    assert (path / "000000.png" if out == "folder" else path).read_bytes() == b"old"


@pytest.mark.parametrize("out", ["x.jpg", "none/x.png", "none/x", "file.png/x.png", "plain"])
def test_a_place_that_cannot_be_written_is_refused(out: str, tmp_path: Path) -> None:
    (tmp_path / "file.png").touch()
    (tmp_path / "plain").touch()
    with pytest.raises(BadInput, match="cannot write"):
        check_output(tmp_path / out)


def test_a_grid_that_no_viewer_opens_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"1,000,000 images .* too large"):
        check_size(tmp_path / "x.png", 1_000_000, (1, 28, 28), 0)
    check_size(tmp_path / "x.npy", 1_000_000, (1, 28, 28), 0)
    check_size(tmp_path / "x.png", 10_000, (1, 28, 28), 0)


def frames_of(data: bytes) -> list[np.ndarray]:
    with Image.open(io.BytesIO(data)) as gif:
        return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(gif)]


@pytest.mark.parametrize(("size", "factor"), [(28, 8), (100, 2), (300, 1)])
def test_a_gif_shows_every_grey_level_as_it_is(size: int, factor: int) -> None:
    images = shades(3, size=size)
    frames = frames_of(encode_gif(images))
    assert len(frames) == 3
    for frame, image in zip(frames, images, strict=True):
        assert frame.shape == (factor * size, factor * size, 3)
        assert np.array_equal(frame[::factor, ::factor, 0], image[0])
        assert np.array_equal(frame[factor - 1 :: factor, factor - 1 :: factor, 2], image[0])


def test_a_gif_goes_on_for_ever_and_is_the_same_to_the_byte() -> None:
    data = encode_gif(shades(3))
    assert encode_gif(shades(3)) == data
    with Image.open(io.BytesIO(data)) as gif:
        assert gif.info["loop"] == 0 and gif.info["duration"] == GIF_FRAME_MS


@pytest.mark.parametrize("order", [(0, 0, 1), (0, 1, 1, 1), (0, 0)])
def test_frames_that_are_alike_take_their_time(order: tuple[int, ...]) -> None:
    with Image.open(io.BytesIO(encode_gif(shades(2)[list(order)]))) as gif:
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(gif)]
    assert sum(durations) == len(order) * GIF_FRAME_MS


def test_a_gif_of_colours_keeps_them_near() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 3, 8, 8), dtype=np.uint8)  # 64 colours a frame
    for frame, image in zip(frames_of(encode_gif(images)), images, strict=True):
        assert np.abs(frame[::28, ::28].astype(int) - image.transpose(1, 2, 0)).max() <= 8


def test_a_gif_too_large_is_refused(tmp_path: Path) -> None:
    check_size(tmp_path / "x.gif", 1992, (1, 28, 28), 0)
    with pytest.raises(BadInput, match="1,993 images of 28×28 pixels are too large for one GIF"):
        check_size(tmp_path / "x.gif", 1993, (1, 28, 28), 0)


def test_a_gif_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "x.GIF"
    check_output(out)
    write_images(out, iter([shades(2), shades(1)]), 3)
    assert out.read_bytes() == encode_gif(np.concatenate([shades(2), shades(1)]))
    with pytest.raises(BadInput, match="no more"):
        write_images(tmp_path / "y.gif", failing(shades(2)), 4)
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("empty", ["", "."])
def test_pictures_are_not_strewn_over_the_current_folder(empty: str) -> None:
    with pytest.raises(BadInput, match="OUT is empty"):
        check_output(Path(empty))


@pytest.mark.parametrize("shape", [(5, 7), (4, 6, 3)])
def test_a_png_reads_back_and_no_other_does(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    data = encode_png(pixels)
    assert np.array_equal(decode_png(data, shape), pixels)
    larger = encode_png(np.zeros((2000, *shape[1:]), np.uint8))
    for other in (larger, data[:-30], data[:50], b"", data[:60] + b"x" + data[61:]):
        with pytest.raises(ValueError):
            decode_png(other, shape)
