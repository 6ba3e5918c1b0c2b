from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganctl.data.digits import load_digits
from ganctl.errors import CheckFailed
from ganctl.evaluation import classifier as judges
from ganctl.evaluation.classifier import Judge, as_digits, digits_of, load_judge, softmax


def test_it_knows_digits(judge: Judge) -> None:
    images, labels, _ = load_digits()
    features, probabilities = judge(images[:500, None])
    assert (probabilities.argmax(axis=1) == labels[:500]).mean() > 0.99
    assert features.shape == (500, 128) and features.dtype == np.float32 and features.min() == 0
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_an_image_is_judged_alike_in_any_company(judge: Judge) -> None:
    images = load_digits().images[:120, None]
    whole = judge(images)
    for size in (1, 7, 51):
        for start in range(0, 120, size):
            part = judge(images[start : start + size])
            for ours, theirs in zip(part, whole, strict=True):
                np.testing.assert_allclose(ours, theirs[start : start + size], atol=1e-4)
    for ours, theirs in zip(load_judge(threads=2)(images), whole, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_no_images_are_no_features(judge: Judge) -> None:
    features, probabilities = judge(np.empty((0, 1, 28, 28), np.uint8))
    assert features.shape == (0, 128) and probabilities.shape == (0, 10)


def test_native_images_are_not_touched() -> None:
    images = load_digits().images[:3, None]
    assert as_digits(images) is images


def test_colours_become_luma() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 28, 28), dtype=np.uint8)
    luma = np.tensordot([0.299, 0.587, 0.114], images, axes=(0, 1))
    assert as_digits(images).shape == (5, 1, 28, 28)
    assert np.abs(as_digits(images)[:, 0] - luma).max() < 1


@pytest.mark.parametrize(("channels", "height", "width"), [(1, 56, 56), (3, 64, 64), (1, 40, 28)])
def test_other_sizes_are_scaled_and_still_known(
    channels: int, height: int, width: int, judge: Judge
) -> None:
    images, labels, _ = load_digits()
    scaled = [Image.fromarray(image).resize((width, width)) for image in images[:50]]
    framed = np.zeros((50, channels, height, width), np.uint8)
    top = (height - width) // 2
    framed[:, :, top : top + width] = np.array([np.asarray(image) for image in scaled])[:, None]
    assert as_digits(framed).shape == (50, 1, 28, 28)
    assert (judge(framed).probabilities.argmax(axis=1) == labels[:50]).mean() > 0.95


def test_softmax_knows_no_overflow() -> None:
    logits = np.array([[0, 0], [1000, 0], [-1000, -1000]], np.float32)
    assert softmax(logits).tolist() == [[0.5, 0.5], [1, 0], [0.5, 0.5]]


def test_labels_are_digits_where_the_classes_are() -> None:
    labels = np.array([0, 1, 1])
    assert digits_of(labels, ("3", "7")) == pytest.approx([3, 7, 7])
    assert digits_of(labels, ("3", "cat")) is None
    assert digits_of(None, ()) is None


def test_the_file_is_small_enough_to_ship() -> None:
    assert judges.FILE.stat().st_size < 2_000_000


def test_a_damaged_or_missing_file_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = tmp_path / "damaged"
    damaged.write_bytes(judges.FILE.read_bytes()[:-1])
    for path in (damaged, tmp_path / "missing"):
        monkeypatch.setattr(judges, "FILE", path)
        with pytest.raises(CheckFailed, match=path.name):
            load_judge()
