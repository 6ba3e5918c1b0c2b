from __future__ import annotations

import bz2
from pathlib import Path

import numpy as np
import pytest

from ganctl.data import digits, rebuild_digits
from ganctl.data.digits import load_digits
from ganctl.errors import CheckFailed

from .files import small_set, write_idx_pair


def test_a_thousand_digits_a_class() -> None:
    images, labels, class_names = load_digits()
    assert images.shape == (10_000, 28, 28)
    assert np.bincount(labels).tolist() == [1000] * 10
    assert labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]  # as MNIST begins
    assert class_names == tuple("0123456789")
    assert images.any(axis=(1, 2)).all()


def test_the_file_is_small_enough_to_ship() -> None:
    assert digits.FILE.stat().st_size < 2_000_000


def test_the_attribution_names_the_digest() -> None:
    assert digits.SHA256 in digits.FILE.with_name("DIGITS.md").read_text(encoding="utf-8")


def test_a_damaged_or_missing_file_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = tmp_path / "damaged"
    damaged.write_bytes(digits.FILE.read_bytes()[:-1])
    for path in (damaged, tmp_path / "missing"):
        monkeypatch.setattr(digits, "FILE", path)
        with pytest.raises(CheckFailed, match=path.name):
            load_digits()


def test_the_file_is_what_its_own_images_are_packed_to() -> None:
    images, labels, _ = load_digits()
    assert rebuild_digits.pack_digits(images, labels) == digits.FILE.read_bytes()


def test_the_first_of_each_class_are_chosen_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = small_set(50)
    monkeypatch.setattr(rebuild_digits, "A_CLASS", 2)
    packed = rebuild_digits.pack_digits(images[::-1], labels[::-1].astype(np.int64))
    content = bz2.decompress(packed)
    assert content[:20] == labels[::-1][:20].tobytes()
    assert content[20:] == images[::-1][:20].tobytes()


def test_rebuilding_from_other_images_is_a_failed_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_idx_pair(tmp_path / "raw", *small_set())
    assert rebuild_digits.main([str(tmp_path / "raw"), str(tmp_path / "out")]) == 5
    assert "differ" in capsys.readouterr().err
    assert len(bz2.decompress((tmp_path / "out").read_bytes())) == 20 * (1 + 28 * 28)


def test_rebuilding_says_so_when_identical(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, labels, _ = load_digits()
    write_idx_pair(tmp_path / "raw", images, labels.astype(np.uint8))
    assert rebuild_digits.main([str(tmp_path / "raw")]) == 0
    assert "identical" in capsys.readouterr().out
