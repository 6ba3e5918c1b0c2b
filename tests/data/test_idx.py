from __future__ import annotations

import gzip
import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from ganctl.data import idx
from ganctl.data.idx import find_idx, read_idx, read_pair
from ganctl.errors import BadInput, CheckFailed

from .files import idx_bytes, small_set, write_idx_pair

ARRAYS = arrays(np.uint8, array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5))
IMAGES = idx_bytes(small_set()[0])  # 15,696 bytes
either = pytest.mark.parametrize("gz", ["", ".gz"])


def read(content: bytes, ndim: int, gz: str = "") -> NDArray[np.uint8]:
    """Return what a file called x or x.gz holds; errors name it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x{gz}"
        path.write_bytes(gzip.compress(content, 1, mtime=0) if gz else content)
        try:
            return read_idx(path, ndim)
        except BadInput as error:
            assert error.message.startswith(f"{path}: ")
            raise


@either
@settings(deadline=None)
@given(array=ARRAYS, data=st.data())
def test_an_array_is_read_and_any_other_length_is_an_error(
    gz: str, array: NDArray[np.uint8], data: st.DataObject
) -> None:
    content = idx_bytes(array)
    found = read(content, array.ndim, gz)
    assert found.shape == array.shape and np.array_equal(found, array)
    with pytest.raises(BadInput):
        read(content[: data.draw(st.integers(0, len(content) - 1))], array.ndim, gz)
    with pytest.raises(BadInput, match="expected"):
        read(content + b"\0", array.ndim, gz)


@settings(deadline=None)
@given(st.binary(max_size=40), st.booleans(), st.integers(1, 3))
def test_arbitrary_bytes_give_an_array_or_bad_input(
    content: bytes, with_magic: bool, ndim: int
) -> None:
    try:
        assert read((bytes([0, 0, 8, ndim]) if with_magic else b"") + content, ndim).ndim == ndim
    except BadInput:
        pass


@either
def test_any_flipped_bit_of_the_header_is_found(gz: str) -> None:
    for bit in range(8 * 16):
        flipped = bytearray(IMAGES)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadInput, match=r"x(\.gz)?: .*, expected "):
            read(bytes(flipped), 3, gz)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "starts with nothing, expected 00 00 08 03"),
        (b"\0\0\x0d\x03" + bytes(12), "starts with 00 00 0d 03, expected 00 00 08 03"),
        (IMAGES[:9], "9 bytes, expected a header of 16"),
        (IMAGES + b"junk", "15,700 bytes, expected 15,696 for 20 × 28 × 28"),
        (
            b"\0\0\x08\x03" + b"\xff" * 12 + b"abcd",  # a header that promises terabytes
            "20 bytes, expected 79,228,162,458,924,105,385,300,197,391 ",
        ),
    ],
)
@either
def test_the_error_says_what_was_found_and_expected(gz: str, content: bytes, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        read(content, 3, gz)


PACKED = gzip.compress(IMAGES, mtime=0)


@pytest.mark.parametrize(
    "content",
    [
        *(PACKED[:-9], PACKED[: len(PACKED) // 2], b"junk", b""),
        *(PACKED + b"junk", PACKED + gzip.compress(b"junk")),
        PACKED[:40] + bytes([PACKED[40] ^ 8]) + PACKED[41:],
    ],
)
def test_damaged_gzip_data_names_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.gz"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"broken\.gz: damaged gzip data"):
        read_idx(path, 3)


def test_zeros_after_gzip_data_are_padding(tmp_path: Path) -> None:
    (tmp_path / "padded.gz").write_bytes(PACKED + bytes(9))
    assert read_idx(tmp_path / "padded.gz", 3).shape == (20, 28, 28)


def test_a_small_file_that_unpacks_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    content = idx_bytes(np.zeros((2, 50, 50), np.uint8))
    assert read(content, 3, ".gz").shape == (2, 50, 50)
    monkeypatch.setattr(idx, "MAX_UNPACKED", 5000)  # less than with the header
    with pytest.raises(BadInput, match=r"x\.gz: more than 5,000 bytes when unpacked"):
        read(content, 3, ".gz")


def test_the_checksum_is_that_of_the_packed_file_and_checked_first(tmp_path: Path) -> None:
    path = tmp_path / "images.gz"
    for content in (PACKED, b"junk"):
        path.write_bytes(content)
        right = hashlib.sha256(content).hexdigest()
        wrong = right[::-1]
        with pytest.raises(CheckFailed, match=f"images.gz: SHA-256 {right}, expected {wrong}"):
            read_idx(path, 3, wrong)
    path.write_bytes(PACKED)
    assert read_idx(path, 3, hashlib.sha256(PACKED).hexdigest()).shape == (20, 28, 28)


@either
@pytest.mark.parametrize("dot", ["-", "."])
def test_a_pair_is_found_under_every_spelling(tmp_path: Path, dot: str, gz: str) -> None:
    write_idx_pair(tmp_path / "raw", *small_set(), dot, gz)
    images, labels = read_pair(tmp_path / "raw")
    assert np.array_equal(images, small_set()[0]) and np.array_equal(labels, small_set()[1])
    assert labels.dtype == np.int64


@either
@pytest.mark.parametrize("dot", ["-", "."])
def test_the_file_with_a_known_checksum_is_read_and_checked(
    tmp_path: Path, dot: str, gz: str
) -> None:
    for other in ("", ".gz"):
        write_idx_pair(tmp_path / f"raw{other}", *small_set(), dot, other)
        for path in (tmp_path / f"raw{other}").iterdir():
            path.rename(tmp_path / path.name)
    name = "train-images-idx3-ubyte"
    expected = name.replace("-idx", f"{dot}idx") + gz
    sha256 = {f"{name}{gz}": "another"}
    assert find_idx(tmp_path, name, sha256) == (tmp_path / expected, "another")
    with pytest.raises(CheckFailed, match=f"{expected}: SHA-256"):
        read_pair(tmp_path, sha256=sha256)


def test_what_is_not_there(tmp_path: Path) -> None:
    assert find_idx(tmp_path / ("x" * 300), "name") is None
    write_idx_pair(tmp_path / "raw", *small_set())
    (tmp_path / "raw" / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(BadInput, match="no file train-labels-idx1-ubyte or"):
        read_pair(tmp_path / "raw")


def change_a_label(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    labels[3] = 131
    return labels


@pytest.mark.parametrize(
    ("shape", "change", "message"),
    [
        ((20, 4, 4), lambda labels: labels[:-1], "20 images, but train-labels-.* has 19 labels"),
        ((20, 4, 4), change_a_label, "train-labels-idx1-ubyte: label 131, expected 0 to 9"),
        ((1, 4, 4), lambda labels: labels, "too few"),
        ((0, 4, 4), lambda labels: labels, "too few"),
        ((5, 0, 4), lambda labels: labels, "too few"),
    ],
)
def test_images_and_labels_must_fit(
    tmp_path: Path,
    shape: tuple[int, int, int],
    change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    message: str,
) -> None:
    labels = change(np.zeros(shape[0], np.uint8))
    write_idx_pair(tmp_path / "raw", np.zeros(shape, np.uint8), labels)
    with pytest.raises(BadInput, match=message):
        read_pair(tmp_path / "raw", classes=10)
