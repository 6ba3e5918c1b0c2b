from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ganctl.data import digits
from ganctl.data.digits import load_digits
from ganctl.errors import CheckFailed


def test_a_thousand_digits_per_class() -> None:
    images, labels, class_names = load_digits()
    assert images.shape == (10_000, 28, 28)
    assert np.bincount(labels).tolist() == [1000] * 10
    assert labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]  # as MNIST begins
    assert class_names == tuple("0123456789")
    assert images.any(axis=(1, 2)).all()


def test_the_file_is_small_and_documented() -> None:
    assert digits.FILE.stat().st_size < 2_000_000
    assert digits.SHA256 in digits.FILE.with_name("DIGITS.md").read_text(encoding="utf-8")


def test_a_damaged_or_missing_file_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = tmp_path / "damaged"
    damaged.write_bytes(digits.FILE.read_bytes()[:-1])
    for path in (damaged, tmp_path / "missing"):
        monkeypatch.setattr(digits, "FILE", path)
        with pytest.raises(CheckFailed, match=path.name):
            load_digits()
