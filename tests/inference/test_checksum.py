from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganctl.checksums import BLANK
from ganctl.errors import CheckFailed
from ganctl.inference.checksum import CHECKSUM_KEY, add_checksum, check_entry, check_metadata

DATA = b"before " + BLANK.encode() + b" after"


def sealed() -> tuple[bytes, dict[str, str]]:
    digest = hashlib.sha256(DATA).hexdigest()
    return DATA.replace(BLANK.encode(), digest.encode()), {CHECKSUM_KEY: digest}


def test_the_digest_is_that_of_the_file_with_zeros_in_its_place() -> None:
    data, metadata = sealed()
    assert add_checksum(DATA) == data
    assert check_metadata(data, "ganctl", metadata, "x")


def test_any_flipped_bit_is_noticed() -> None:
    data, metadata = sealed()
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CheckFailed, match="x is damaged"):
            check_metadata(bytes(flipped), "ganctl", metadata, "x")


def test_a_flipped_bit_in_the_digests_entry_is_damage(trained: Path) -> None:
    data = (trained / "small.onnx").read_bytes()
    key = data.index(b"\n\x0dganctl.sha256\x12@")
    for bit in range(8 * key, 8 * (key + 17 + 64)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CheckFailed, match="x is damaged"):
            check_entry(bytes(flipped), "x")


@given(st.binary(min_size=1, max_size=20), st.text(max_size=70))
def test_neither_junk_at_the_end_nor_another_digest_passes(junk: bytes, digest: str) -> None:
    data, metadata = sealed()
    with pytest.raises(CheckFailed):
        check_metadata(data + junk, "ganctl", metadata, "x")
    if digest != metadata[CHECKSUM_KEY]:
        with pytest.raises(CheckFailed):
            check_metadata(data, "ganctl", {CHECKSUM_KEY: digest}, "x")


def test_only_what_others_made_may_be_without() -> None:
    assert not check_metadata(b"data", "pytorch", {"author": "someone"}, "x")
    for producer, metadata in (("ganctl", {}), ("pytorch", {"ganctl.model_card": "{}"})):
        with pytest.raises(CheckFailed, match="has no checksum"):
            check_metadata(b"data", producer, metadata, "x")


@pytest.mark.parametrize("data", [b"", BLANK.encode() * 2, BLANK.encode() + b" " + BLANK.encode()])
def test_the_place_of_the_digest_must_be_there_once(data: bytes) -> None:
    with pytest.raises(ValueError):
        add_checksum(data)
