from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from ganctl.data import idx
from ganctl.data.idx import find_idx, parse_idx, read_idx, read_pair
from ganctl.errors import BadInput, CheckFailed

from .files import idx_bytes, small_set, write_idx_pair

ARRAYS = arrays(np.uint8, array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5))


@given(ARRAYS)
def test_round_trip(array: NDArray[np.uint8]) -> None:
    parsed = parse_idx(idx_bytes(array), array.ndim, "x")
    assert parsed.shape == array.shape
    assert np.array_equal(parsed, array)


@given(ARRAYS, st.data())
def test_any_truncation_is_an_error(array: NDArray[np.uint8], data: st.DataObject) -> None:
    content = idx_bytes(array)
    length = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(BadInput, match="^x: "):
        parse_idx(content[:length], array.ndim, "x")


@given(ARRAYS)
def test_a_byte_too_many_is_an_error(array: NDArray[np.uint8]) -> None:
    with pytest.raises(BadInput, match="expected"):
        parse_idx(idx_bytes(array) + b"\0", array.ndim, "x")


@given(st.binary(max_size=40), st.booleans(), st.integers(1, 3))
def test_arbitrary_bytes_give_an_array_or_bad_input(
    content: bytes, with_magic: bool, ndim: int
) -> None:
    if with_magic:
        content = bytes([0, 0, 8, ndim]) + content
    try:
        assert parse_idx(content, ndim, "x").ndim == ndim
    except BadInput:
        pass


def test_a_header_that_promises_terabytes_is_only_a_wrong_length() -> None:
    with pytest.raises(
        BadInput, match="20 bytes, expected 79,228,162,458,924,105,385,300,197,391 "
    ):
        parse_idx(b"\0\0\x08\x03" + b"\xff" * 12 + b"abcd", 3, "x")


def test_the_error_says_what_was_found_and_what_was_expected() -> None:
    with pytest.raises(BadInput, match="(?m)^x: starts with 00 00 0d 03, expected 00 00 08 03$"):
        parse_idx(b"\0\0\x0d\x03" + bytes(12), 3, "x")


@pytest.mark.parametrize("gz", ["", ".gz"])
def test_any_flipped_bit_of_the_header_is_named_with_what_was_expected(
    tmp_path: Path, gz: str
) -> None:
    content = idx_bytes(small_set()[0])
    path = tmp_path / f"x{gz}"
    for bit in range(8 * 16):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(gzip.compress(flipped, 1) if gz else flipped)
        with pytest.raises(BadInput, match=f"^{path}: .*, expected "):
            read_idx(path, 3)


@pytest.mark.parametrize("junk", [b"junk", b"\0"])
@pytest.mark.parametrize("gz", ["", ".gz"])
def test_what_follows_the_pixels_is_an_error(tmp_path: Path, gz: str, junk: bytes) -> None:
    content = idx_bytes(small_set()[0]) + junk
    path = tmp_path / f"x{gz}"
    path.write_bytes(gzip.compress(content) if gz else content)
    with pytest.raises(
        BadInput, match=rf"{len(content):,} bytes, expected 15,696 for 20 × 28 × 28"
    ):
        read_idx(path, 3)


def test_what_follows_the_gzip_data_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    for junk in (b"junk", gzip.compress(b"junk")):
        path.write_bytes(gzip.compress(idx_bytes(small_set()[0])) + junk)
        with pytest.raises(BadInput, match=f"^{path}: "):
            read_idx(path, 3)


@pytest.mark.parametrize("gz", ["", ".gz"])
@pytest.mark.parametrize("dot", ["-", "."])
def test_a_pair_is_found_under_every_spelling(tmp_path: Path, dot: str, gz: str) -> None:
    images, labels = small_set()
    write_idx_pair(tmp_path / "raw", images, labels, dot, gz)
    read_images, read_labels = read_pair(tmp_path / "raw")
    assert np.array_equal(read_images, images)
    assert np.array_equal(read_labels, labels)
    assert read_labels.dtype == np.int64


@pytest.mark.parametrize("known", ["", ".gz"])
@pytest.mark.parametrize("dot", ["-", "."])
def test_the_file_whose_digest_is_known_is_read_and_checked(
    tmp_path: Path, dot: str, known: str
) -> None:
    for gz in ("", ".gz"):
        write_idx_pair(tmp_path / f"raw{gz}", *small_set(), dot, gz)
        for path in (tmp_path / f"raw{gz}").iterdir():
            path.rename(tmp_path / path.name)
    name = "train-images-idx3-ubyte"
    sha256 = {f"{name}{known}": "another"}
    expected = name.replace("-idx", f"{dot}idx") + known
    assert find_idx(tmp_path, name, sha256) == tmp_path / expected
    with pytest.raises(CheckFailed, match=f"{expected}: SHA-256"):
        read_pair(tmp_path, sha256=sha256)


def test_a_damaged_file_whose_digest_is_known_fails_the_check(tmp_path: Path) -> None:
    path = tmp_path / "broken.gz"
    path.write_bytes(b"junk")
    with pytest.raises(CheckFailed, match=r"broken\.gz: SHA-256"):
        read_idx(path, 3, "0" * 64)


def test_a_name_that_is_too_long_is_not_there(tmp_path: Path) -> None:
    assert find_idx(tmp_path / ("x" * 300), "name") is None


@pytest.mark.parametrize("spoil", [lambda b: b[:-9], lambda b: b[: len(b) // 2], lambda b: b"junk"])
def test_damaged_gzip_data_names_the_file(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "broken.gz"
    path.write_bytes(spoil(gzip.compress(idx_bytes(small_set()[0]))))
    with pytest.raises(BadInput, match=r"broken\.gz: damaged gzip data"):
        read_idx(path, 3)


def test_a_small_file_that_unpacks_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(idx_bytes(np.zeros((2, 50, 50), np.uint8))))
    assert read_idx(path, 3).shape == (2, 50, 50)
    monkeypatch.setattr(idx, "MAX_UNPACKED", 5000)  # the header is over it
    with pytest.raises(BadInput, match=r"bomb\.gz: more than 5,000 bytes once unpacked"):
        read_idx(path, 3)


def test_what_follows_gzip_data_is_damage_but_for_padding(tmp_path: Path) -> None:
    path, packed = tmp_path / "more.gz", gzip.compress(idx_bytes(np.arange(3, dtype=np.uint8)))
    path.write_bytes(packed + bytes(9))
    assert read_idx(path, 1).tolist() == [0, 1, 2]
    path.write_bytes(packed + b"more")
    with pytest.raises(BadInput, match="there is more after its end"):
        read_idx(path, 1)


def test_the_digest_is_that_of_the_file_as_it_lies_there(tmp_path: Path) -> None:
    content = gzip.compress(idx_bytes(np.arange(3, dtype=np.uint8)))
    path = tmp_path / "labels.gz"
    path.write_bytes(content)
    right = hashlib.sha256(content).hexdigest()
    assert read_idx(path, 1, right).tolist() == [0, 1, 2]
    wrong = right[::-1]
    with pytest.raises(CheckFailed, match=f"labels.gz: SHA-256 {right}, expected {wrong}"):
        read_idx(path, 1, wrong)


def test_labels_must_be_there(tmp_path: Path) -> None:
    write_idx_pair(tmp_path / "raw", *small_set())
    (tmp_path / "raw" / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(BadInput, match="no file train-labels-idx1-ubyte or"):
        read_pair(tmp_path / "raw")


def test_images_and_labels_must_agree(tmp_path: Path) -> None:
    images, labels = small_set()
    write_idx_pair(tmp_path / "raw", images, labels[:-1])
    with pytest.raises(BadInput, match="20 images, but train-labels-idx1-ubyte has 19 labels"):
        read_pair(tmp_path / "raw")


def test_a_label_that_no_class_has_is_named(tmp_path: Path) -> None:
    images, labels = small_set()
    labels[3] ^= 128
    write_idx_pair(tmp_path / "raw", images, labels)
    assert read_pair(tmp_path / "raw")[1][3] == 131
    with pytest.raises(BadInput, match="(?m)train-labels-idx1-ubyte: a label 131, expected 0 … 9$"):
        read_pair(tmp_path / "raw", classes=10)


@pytest.mark.parametrize("shape", [(1, 4, 4), (0, 4, 4), (5, 0, 4)])
def test_too_few_pixels_are_an_error(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    write_idx_pair(tmp_path / "raw", np.zeros(shape, np.uint8), np.zeros(shape[0], np.uint8))
    with pytest.raises(BadInput, match="too few"):
        read_pair(tmp_path / "raw")
