from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ganctl.data import ImageData
from ganctl.data.digits import load_digits
from ganctl.errors import BadInput, CheckFailed
from ganctl.evaluation import classifier as judges
from ganctl.evaluation import rebuild_reference, reference
from ganctl.evaluation.classifier import CLASSES, FEATURES, Judge, Looks
from ganctl.evaluation.metrics import frechet_distance, moments
from ganctl.evaluation.neighbours import authenticity
from ganctl.evaluation.reference import data_reference, find_reference, load_shipped
from ganctl.images import Pixels

from ..data.files import idx_bytes, small_set, write_idx_pair


class Blind(Judge):
    """A judge that is quick, having looked at nothing."""

    def __init__(self) -> None:
        pass

    def __call__(self, images: Pixels, between: Callable[[], None] = lambda: None) -> Looks:
        return Looks(
            np.zeros((len(images), FEATURES), np.float32),
            np.zeros((len(images), CLASSES), np.float32),
        )


def silent(message: str) -> None:
    raise AssertionError(message)


def test_real_test_digits_are_near_the_training_digits() -> None:
    shipped = load_shipped()
    features, probabilities = shipped.looks
    distance = frechet_distance(*moments(features), shipped.mean, shipped.covariance)
    assert distance == pytest.approx(1.96, abs=0.01)
    assert (probabilities.argmax(axis=1) == shipped.digits).mean() == pytest.approx(0.9964)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-4)
    assert features.shape == (10_000, 128) and features.dtype == np.float32
    assert np.bincount(shipped.digits).tolist()[:3] == [980, 1135, 1032]  # as in the test split


def test_the_features_are_those_that_the_judge_sees_here(judge: Judge) -> None:
    shipped = load_shipped()
    features = judge(load_digits().images[::5, None]).features
    distance = frechet_distance(*moments(features), shipped.mean, shipped.covariance)
    assert distance < 8  # 2,000 digits; a judge with other weights is hundreds away


def test_the_file_is_small_enough_to_ship() -> None:
    assert reference.FILE.stat().st_size < 750_000


def test_a_damaged_or_missing_file_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = tmp_path / "damaged"
    damaged.write_bytes(reference.FILE.read_bytes()[:-1])
    for path in (damaged, tmp_path / "missing"):
        monkeypatch.setattr(reference, "FILE", path)
        with pytest.raises(CheckFailed, match=path.name):
            load_shipped()


def test_statistics_of_another_judge_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judges, "SHA256", "f" * 64)
    with pytest.raises(CheckFailed, match="another judge"):
        load_shipped()


@pytest.mark.parametrize("source", ["mnist", "digits"])
def test_mnist_needs_no_file_but_those_that_ship(source: str, tmp_path: Path) -> None:
    found = find_reference(source, (3, 64, 64), Blind(), tmp_path / "none", silent)
    assert found.name == "MNIST, 60,000 training digits"
    assert found.features.shape == (10_000, 128) and found.training.shape == (10_000, 1, 28, 28)
    assert found.held.name == "MNIST test digits" and found.held.digits is not None
    assert found.held.authenticity == pytest.approx(0.656, abs=0.001)
    assert "copies are sought among 10,000 training digits" in found.notes
    assert not (tmp_path / "none").exists()


def test_all_training_digits_are_searched_for_copies_where_they_lie_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels, class_names = load_digits()
    write_idx_pair(tmp_path / "MNIST" / "raw", images[:50], labels[:50].astype(np.uint8))
    many = np.concatenate([images, images[:1]])
    monkeypatch.setattr(
        reference,
        "load_known",
        lambda name, place: type(load_digits())(many, labels, class_names),
    )
    found = find_reference("mnist", (1, 28, 28), Blind(), tmp_path, silent)
    assert len(found.training) == 10_001
    assert found.held.authenticity == pytest.approx(0.667, abs=0.001)
    assert len(find_reference("digits", (1, 28, 28), Blind(), tmp_path, silent).training) == 10_000


def test_mnists_files_are_known_by_their_content(tmp_path: Path) -> None:
    images, labels, _ = load_digits()
    write_idx_pair(tmp_path / "mine", images, labels.astype(np.uint8))
    found = find_reference(str(tmp_path / "mine"), (1, 28, 28), Blind(), tmp_path, silent)
    assert found.name == "MNIST, 60,000 training digits"


def test_other_data_is_split_looked_at_and_kept(
    judge: Judge, some_digits: ImageData, tmp_path: Path
) -> None:
    told: list[str] = []
    first = data_reference(some_digits, judge, tmp_path / "quality", told.append)
    assert told == ["looking at 400 images of mine"]
    assert first.name == "mine, 200 training images"
    assert first.features.shape == (200, 128) and len(first.training) == 200
    for features in (first.features, judge(first.training).features):
        mean, covariance = moments(features)
        np.testing.assert_allclose(first.mean, mean, atol=1e-4)
        np.testing.assert_allclose(first.covariance, covariance, atol=1e-3)

    held = first.held
    assert held.digits is not None
    assert (held.looks.probabilities.argmax(axis=1) == held.digits).mean() > 0.99
    others = [
        image for image in some_digits.images if not (first.training == image).all((1, 2, 3)).any()
    ]
    assert held.authenticity == authenticity(np.stack(others), first.training).share
    assert len(others) == 200

    again = data_reference(some_digits, Blind(), tmp_path / "quality", silent)
    for ours, theirs in zip(dataclasses.astuple(again), dataclasses.astuple(first), strict=True):
        np.testing.assert_equal(ours, theirs)
    assert len(list((tmp_path / "quality").iterdir())) == 1


@pytest.mark.parametrize("content", [b"", b"PK\3\4 rubbish", b"half", b"other", b"pickle"])
def test_a_broken_cache_is_written_anew(
    content: bytes, judge: Judge, some_digits: ImageData, tmp_path: Path
) -> None:
    first = data_reference(some_digits, judge, tmp_path, lambda message: None)
    (kept,) = tmp_path.iterdir()
    whole = kept.read_bytes()
    if content == b"half":
        content = whole[: len(whole) // 2]
    elif content in (b"other", b"pickle"):
        names = ["mean"] if content == b"other" else reference.Measured._fields
        np.savez(kept, **{name: np.array([{}]) for name in names})  # type: ignore[arg-type]
        content = kept.read_bytes()
        content += hashlib.sha256(content).digest()
    kept.write_bytes(content)
    again = data_reference(some_digits, judge, tmp_path, lambda message: None)
    np.testing.assert_equal(again.held.looks, first.held.looks)
    assert kept.read_bytes() == whole


def test_what_cannot_be_kept_is_told_and_no_reason_to_stop(
    judge: Judge, some_digits: ImageData, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    told: list[str] = []
    found = data_reference(some_digits, judge, tmp_path / "file" / "quality", told.append)
    assert len(found.features) == 200
    assert len(told) == 2 and "will look at the images again" in told[1]


def test_other_classes_than_digits_are_told(
    judge: Judge, some_digits: ImageData, tmp_path: Path
) -> None:
    pets = dataclasses.replace(some_digits, class_names=tuple("abcdefghij"))
    found = data_reference(pets, judge, tmp_path, lambda message: None)
    assert found.held.digits is None
    assert any("knows handwritten digits only" in note for note in found.notes)


def test_too_few_images_are_refused(judge: Judge, some_digits: ImageData, tmp_path: Path) -> None:
    few = dataclasses.replace(some_digits, images=some_digits.images[:2])
    with pytest.raises(BadInput, match="at least 2"):
        data_reference(few, judge, tmp_path, lambda message: None)
    assert not any(tmp_path.iterdir())


def test_rebuilding_from_other_images_is_a_failed_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, out = tmp_path / "raw", tmp_path / "out.npz"
    images, labels = small_set()
    write_idx_pair(raw, images, labels)
    for name, array in zip(rebuild_reference.TEST_FILES, (images, labels), strict=True):
        (raw / name).write_bytes(idx_bytes(array))
    assert rebuild_reference.main([str(raw), str(out)]) == 5
    outcome = capsys.readouterr()
    assert f"wrote {out}: SHA-256 " in outcome.out
    assert "mean, covariance, step, multiples, probabilities, digits, authen" in outcome.err
    with np.load(out) as archive:
        rebuilt = reference.Shipped(**archive)
    assert rebuilt.authenticity.tolist() == [rebuilt.authenticity[0], 0]  # all are training images
    assert rebuild_reference.pack(rebuilt) == out.read_bytes()
    assert rebuild_reference.main([str(tmp_path)]) == 3


def test_rebuilt_values_may_differ_by_their_rounding_only() -> None:
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
