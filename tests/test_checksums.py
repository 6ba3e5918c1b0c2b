from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganctl.checksums import BLANK, has_checksum, insert_checksum, read_shipped
from ganctl.errors import CheckFailed


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_the_checksum_is_of_the_file_with_zeros_in_its_place(before: bytes, after: bytes) -> None:
    blank = before + BLANK.encode() + after
    data = insert_checksum(blank, len(before))
    assert data == before + hashlib.sha256(blank).hexdigest().encode() + after
    assert has_checksum(data, len(before)) and not has_checksum(data + b"x", len(before))


def test_a_shipped_file_is_verified(tmp_path: Path) -> None:
    path, sha256 = tmp_path / "shipped", hashlib.sha256(b"whole").hexdigest()
    with pytest.raises(CheckFailed, match="cannot read .*shipped: no such file"):
        read_shipped(path, sha256)
    path.write_bytes(b"whole")
    assert read_shipped(path, sha256) == b"whole"
    path.write_bytes(b"whol")
    with pytest.raises(CheckFailed, match="shipped is damaged"):
        read_shipped(path, sha256)
