from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ganctl.errors import CheckFailed
from ganctl.shipped import read_shipped


def test_a_file_is_the_one_that_was_shipped_or_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shipped"
    with pytest.raises(CheckFailed, match="cannot read .*shipped: no such file"):
        read_shipped(path, "")
    path.write_bytes(b"whole")
    sha256 = hashlib.sha256(b"whole").hexdigest()
    assert read_shipped(path, sha256) == b"whole"
    path.write_bytes(b"whol")
    with pytest.raises(CheckFailed, match="shipped is damaged") as caught:
        read_shipped(path, sha256)
    assert caught.value.hint == "install ganctl anew"
