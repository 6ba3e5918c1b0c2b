from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from ganctl.errors import BadInput
from ganctl.evaluation.samples import Samples, read_array, read_folder, spread

from ..data.files import encode, grey_png, small_set


def saved(path: Path, array: NDArray[Any], count: int = 1000) -> Samples:
    np.save(path, array)
    return read_array(path, count)


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_the_chosen_are_evenly_spread(total: int, count: int) -> None:
    chosen = spread(total, count)
    assert len(chosen) == min(total, count)
    steps = np.diff(chosen)
    assert len(steps) == 0 or (steps.min() >= 1 and steps.max() - steps.min() <= 1)
    assert not len(chosen) or (chosen[0] == 0 and chosen[-1] < total)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("layout", ["NHW", "NCHW", "NHWC"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_layout_is_read(order: Any, layout: str, channels: int, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, channels, 8, 9), dtype=np.uint8)
    images = images[:, :1] if layout == "NHW" else images
    given = {"NHW": images[:, 0], "NCHW": images, "NHWC": images.transpose(0, 2, 3, 1)}[layout]
    samples = saved(tmp_path / "x.npy", np.asarray(given, order=order))
    assert np.array_equal(samples.images, images) and samples.images.flags.c_contiguous
    assert samples.asked is None and samples.name == "x.npy"


@pytest.mark.parametrize("kind", ["f2", "<f4", ">f8"])
@pytest.mark.parametrize(("low", "assumed"), [(-1, r"[-1, 1]"), (0, r"[0, 1]")])
def test_floats_are_scaled_and_noted(kind: str, low: int, assumed: str, tmp_path: Path) -> None:
    levels = small_set(4, side=16)[0]
    values = levels / 255 if low == 0 else levels / 127.5 - 1
    samples = saved(tmp_path / "x.npy", values.astype(kind), 4)
    assert np.array_equal(samples.images[:, 0], levels)
    assert len(samples.notes) == 1 and samples.notes[0].endswith(assumed)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(5, np.uint8), "holds an array of 5, not images"),
        (np.array(3, np.uint8), "a single number"),
        (np.zeros((2, 784), np.uint8), "2 × 784"),
        (np.zeros((2, 4, 8, 8), np.uint8), "2 × 8 × 4 × 8"),
        (np.zeros((2, 8, 8, 4), np.uint8), "not images"),
        (np.zeros((0, 28, 28), np.uint8), "0 × 1 × 28 × 28"),
        (np.zeros((2, 0, 28), np.uint8), "not images"),
        (np.zeros((2, 28, 28), np.int64), "int64, not grey levels"),
        (np.zeros((2, 28, 28), bool), "bool, not grey levels"),
        (np.full((2, 28, 28), 255.0), "floats from 255 to 255"),
        (np.full((2, 28, 28), -1.1), "floats from -1.1"),
        (np.full((2, 28, 28), np.nan), "floats from nan"),
        (np.full((2, 28, 28), np.inf, np.float16), "floats from inf"),
        (np.zeros((2, 3, 3), [("a", "u1")]), "not grey levels"),
        (np.full((2, 3, 3), "a"), "not grey levels"),
    ],
)
def test_an_array_of_something_else_is_refused(
    array: NDArray[Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="x.npy") as caught:
        saved(tmp_path / "x.npy", array)
    assert message in caught.value.message


def test_fewer_or_more_images_than_wanted(tmp_path: Path) -> None:
    images, _ = small_set(20)
    few = saved(tmp_path / "x.npy", images)
    assert len(few.images) == 20 and few.notes == ("only 20 images, not 1,000",)
    some = saved(tmp_path / "x.npy", images, 5)
    assert np.array_equal(some.images[:, 0], images[::4]) and some.notes == ()


def test_an_archive_holds_images_and_labels(tmp_path: Path) -> None:
    images, labels = small_set(20)
    path = tmp_path / "x.npz"
    for save in (np.savez, np.savez_compressed):
        save(path, images=images, labels=labels, other=labels)
        samples = read_array(path, 10)
        assert np.array_equal(samples.images[:, 0], images[::2])
        assert samples.asked is not None and samples.asked.dtype == np.int64
        assert samples.asked.tolist() == labels[::2].tolist()
    np.savez(path, images)
    assert len(read_array(path, 10).images) == 10
    np.savez(path, x=images, labels=labels)
    assert read_array(path, 10).asked is not None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "holds 0 arrays besides labels"),
        ({"a": np.zeros(3), "b": np.zeros(3)}, "holds 2 arrays besides labels"),
        ({"labels": np.zeros(2, np.uint8)}, "holds 0 arrays"),
        ({"labels": np.zeros(3, np.int64)}, "its labels are not 2 whole numbers"),
        ({"labels": np.array([0.0, 1.0])}, "its labels are not"),
        ({"labels": np.array([0, 10])}, "its labels are not"),
        ({"labels": np.array([-1, 0])}, "its labels are not"),
        ({"labels": np.array([{}, {}])}, "without pickle"),
    ],
)
def test_an_archive_of_something_else_is_refused(
    content: dict[str, NDArray[Any]], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.npz"
    images = {} if "0 arrays" in message or "2 arrays" in message else {"images": small_set(2)[0]}
    np.savez(path, **{**content, **images})  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="x.npz") as caught:
        read_array(path, 10)
    assert message in caught.value.message


def npy(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**content: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **content)  # type: ignore[arg-type]
    return file.getvalue()


IMAGES = small_set(2, side=4)[0]


@pytest.mark.parametrize("content", [b"hello", b"\x80\4N.", b"PK\3\4", b"\x93NUMPY\1\0"])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="no array that NumPy can read"):
        read_array(path, 10)


@pytest.mark.parametrize("junk", [b"\0", npy(IMAGES)], ids=["zero", "array"])
def test_an_array_with_something_behind_it_is_refused(junk: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    whole = npy(IMAGES)
    path.write_bytes(whole + junk)
    message = f"x.npy: {len(whole + junk)} bytes, expected {len(whole)} for 2 × 4 × 4"
    with pytest.raises(BadInput, match=message):
        read_array(path, 10)


@pytest.mark.parametrize(
    "whole", [npy(IMAGES), npz(images=IMAGES, labels=np.arange(2))], ids=["npy", "npz"]
)
def test_any_truncation_of_an_array_is_an_error(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(BadInput, match="x.npy"):
            read_array(path, 10)


@pytest.mark.parametrize("whole", [npy(IMAGES), npz(images=IMAGES)], ids=["npy", "npz"])
def test_a_flipped_bit_gives_bad_input_or_images(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with contextlib.suppress(BadInput):
            # A CRC protects the pixels of an archive. Nothing protects those of a bare array.
            images = read_array(path, 10).images
            assert whole == npy(IMAGES) or np.array_equal(images[:, 0], IMAGES)


def test_a_missing_file_a_folder_and_a_pipe_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        read_array(tmp_path / "none.npy", 10)
    paths = [tmp_path]
    if hasattr(os, "mkfifo"):
        paths.append(tmp_path / "pipe.npy")
        os.mkfifo(paths[1])
    for path in paths:
        with pytest.raises(BadInput, match="it is not a file"):
            read_array(path, 10)


def write_pictures(folder: Path, images: NDArray[np.uint8]) -> None:
    folder.mkdir(parents=True)
    for number, image in enumerate(images):
        (folder / f"{number:03d}.png").write_bytes(encode(Image.fromarray(image)))


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    images, _ = small_set(12)
    write_pictures(tmp_path / "drawn", images)
    (tmp_path / "drawn" / "readme.txt").write_text("hello")
    samples = read_folder(tmp_path / "drawn", 12)
    assert np.array_equal(samples.images[:, 0], images)
    assert (samples.name, samples.asked, samples.notes) == ("drawn", None, ())
    assert np.array_equal(read_folder(tmp_path / "drawn", 4).images, samples.images[::3])


def test_subfolders_named_by_digits_are_the_requested_digits(tmp_path: Path) -> None:
    images, _ = small_set(10)
    write_pictures(tmp_path / "drawn" / "3", images[:4])
    write_pictures(tmp_path / "drawn" / "7", images[4:])
    samples = read_folder(tmp_path / "drawn", 5)
    assert samples.asked is not None and samples.asked.tolist() == [3, 3, 7, 7, 7]
    write_pictures(tmp_path / "drawn" / "cats", images[:1])
    assert read_folder(tmp_path / "drawn", 5).asked is None


def test_the_first_picture_gives_the_shape(tmp_path: Path) -> None:
    colour = Image.new("RGB", (20, 16), (255, 0, 0))
    (tmp_path / "0.png").write_bytes(encode(colour))
    (tmp_path / "1.jpg").write_bytes(encode(Image.new("L", (300, 300), 9), "JPEG"))
    samples = read_folder(tmp_path, 10)
    assert samples.images.shape == (2, 3, 16, 16)
    assert samples.images[0, :, 3, 3].tolist() == [255, 0, 0]
    assert (samples.images[1] == 9).all()


@pytest.mark.parametrize("mode", ["L", "LA", "1", "I;16"])
def test_grey_pictures_have_one_channel(mode: str, tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(encode(Image.new(mode, (500, 200))))
    assert read_folder(tmp_path, 10).images.shape == (1, 1, 128, 128)


def test_unreadable_pictures_are_skipped_and_noted(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"{number}.png").write_bytes(grey_png(number))
    (tmp_path / "0.png").write_bytes(grey_png(0)[:40])
    samples = read_folder(tmp_path, 4)
    assert samples.images[:, 0, 0, 0].tolist() == [1, 2, 3]
    assert samples.notes[0] == "only 3 images, not 4"
    assert "skipped 1 of 4 files as unreadable: '0.png'" in samples.notes[1]
    for path in tmp_path.iterdir():
        path.write_text("hello")
    with pytest.raises(BadInput, match="no readable PNG or JPEG"):
        read_folder(tmp_path, 10)
