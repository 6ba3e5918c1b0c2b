from __future__ import annotations

import bz2
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from ganctl.data import digits
from ganctl.data.digits import load_digits
from ganctl.errors import BadInput, CheckFailed
from scripts import rebuild_digits, rebuild_reference, train_classifier
from scripts.rebuild_reference import Shipped, load_shipped

from ..data.files import idx_bytes, small_set, write_idx_pair
from ..pages import ROOT


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A directory with the four files of MNIST, which hold a few digits."""
    images, labels = small_set()
    write_idx_pair(tmp_path / "raw", images, labels)
    for name, array in zip(rebuild_reference.TEST_FILES, (images, labels), strict=True):
        (tmp_path / "raw" / name).write_bytes(idx_bytes(array))
    return tmp_path / "raw"


def test_the_shipped_digits_are_packed_to_the_same_bytes() -> None:
    images, labels, _ = load_digits()
    assert rebuild_digits.pack_digits(images, labels) == digits.FILE.read_bytes()


def test_the_first_images_of_each_class_are_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = small_set(50)
    monkeypatch.setattr(rebuild_digits, "IMAGES_PER_CLASS", 2)
    packed = rebuild_digits.pack_digits(images[::-1], labels[::-1].astype(np.int64))
    content = bz2.decompress(packed)
    assert content[:20] == labels[::-1][:20].tobytes()
    assert content[20:] == images[::-1][:20].tobytes()


def test_rebuilt_digits_are_written_and_compared(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CheckFailed, match="differ"):
        rebuild_digits.rebuild(raw, tmp_path / "out")
    assert len(bz2.decompress((tmp_path / "out").read_bytes())) == 20 * (1 + 28 * 28)
    images, labels, _ = load_digits()
    write_idx_pair(tmp_path / "shipped", images, labels.astype(np.uint8))
    rebuild_digits.rebuild(tmp_path / "shipped", None)
    assert "identical" in capsys.readouterr().out


def test_rebuilt_statistics_are_written_and_compared(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.npz"
    names = "mean, covariance, step, multiples, probabilities, digits, authen"
    with pytest.raises(CheckFailed, match=names):
        rebuild_reference.rebuild(raw, out)
    assert f"wrote {out}: SHA-256 " in capsys.readouterr().out
    with np.load(out) as archive:
        rebuilt = Shipped(**archive)
    assert rebuilt.authenticity.tolist() == [rebuilt.authenticity[0], 0]  # all are training images
    assert rebuild_reference.pack(rebuilt) == out.read_bytes()
    with pytest.raises(BadInput):
        rebuild_reference.rebuild(tmp_path, None)


def test_rebuilt_values_may_differ_by_rounding_only() -> None:
    shipped = load_shipped()
    assert rebuild_reference.differences(shipped, shipped) == []
    near = shipped._replace(mean=shipped.mean + np.float32(1e-4), multiples=shipped.multiples + 1)
    assert rebuild_reference.differences(near, shipped) == []
    far = shipped._replace(
        mean=shipped.mean + np.float32(0.1),
        digits=shipped.digits[::-1],
        multiples=shipped.multiples[:-1],
        judge=np.array("another"),
    )
    assert rebuild_reference.differences(far, shipped) == ["judge", "mean", "multiples", "digits"]


def test_a_classifier_is_trained_and_exported(raw: Path, tmp_path: Path) -> None:
    train_classifier.main(raw, tmp_path / "classifier.onnx", epochs=1)
    session = onnxruntime.InferenceSession(tmp_path / "classifier.onnx")
    logits, features = session.run(None, {"images": np.zeros((3, 1, 28, 28), np.float32)})
    assert logits.shape == (3, 10) and features.shape == (3, 128) and features.min() >= 0


@pytest.mark.parametrize("name", ["rebuild_digits", "rebuild_reference", "train_classifier"])
def test_a_script_reports_errors_in_two_lines(name: str, tmp_path: Path) -> None:
    command = [sys.executable, f"scripts/{name}.py", str(tmp_path), str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: ") and hint.startswith("hint: ")
