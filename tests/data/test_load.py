from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ganctl.data import load_data
from ganctl.data.image_data import fingerprint
from ganctl.data.registry import DATASETS, NAMES
from ganctl.errors import BadInput, CheckFailed, InvalidOption

from .files import grey_png, pack, small_set, write, write_idx_pair
from .server import closed_port


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    for name in ("mnist", "kmnist"):
        mirrors = (f"{closed_port()}/", f"{closed_port()}/")
        monkeypatch.setitem(DATASETS, name, replace(DATASETS[name], mirrors=mirrors))


@pytest.mark.usefixtures("no_network")
def test_mnist_falls_back_on_the_digits_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = load_data("mnist", data_dir=tmp_path / "new")
    reason = "127.0.0.1: connection refused; 127.0.0.1: connection refused"
    assert data.note == (
        f"mnist could not be downloaded ({reason}): using the 10,000 embedded digits instead"
    )
    assert caplog.record_tuples == [("ganctl", 30, data.note)]
    assert data.name == "digits"
    assert data.fingerprint == load_data("digits").fingerprint
    assert not (tmp_path / "new").exists()


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    ("name", "fallback", "folder"), [("mnist", False, "MNIST"), ("kmnist", True, "KMNIST")]
)
def test_no_fallback(tmp_path: Path, name: str, fallback: bool, folder: str) -> None:
    with pytest.raises(BadInput, match=f"^{name} could not be downloaded") as caught:
        load_data(name, data_dir=tmp_path, fallback=fallback)
    assert "--data digits" in caught.value.hint
    assert str(tmp_path / folder / "raw") in caught.value.hint


@pytest.mark.usefixtures("no_network")
def test_a_damaged_file_is_no_reason_to_fall_back(tmp_path: Path) -> None:
    write_idx_pair(tmp_path / "MNIST" / "raw", *small_set())
    with pytest.raises(CheckFailed, match="SHA-256"):
        load_data("mnist", data_dir=tmp_path)


def test_digits() -> None:
    data = load_data("digits")
    assert data.images.shape == (10_000, 1, 28, 28) and data.note == ""
    assert data.images.flags.writeable  # torch warns of arrays that are not


def test_a_folder_of_idx_files(tmp_path: Path) -> None:
    images, labels = small_set()
    write_idx_pair(tmp_path / "mine", images, labels)
    data = load_data(str(tmp_path / "mine"), img_size=32, channels=3)
    assert data.name == "mine"
    assert data.images.shape == (20, 3, 32, 32)
    assert data.class_names == tuple("0123456789")
    assert data.labels is not None and data.labels.tolist() == labels.tolist()


def test_a_folder_and_a_zip_of_the_same_images_are_the_same_data(tmp_path: Path) -> None:
    files = {f"{shade}.png": grey_png(shade) for shade in range(3)}
    write(tmp_path / "pets", files)
    pack(tmp_path / "pets.zip", files)
    folder, packed = (
        load_data(str(tmp_path / name), img_size=8, channels=3) for name in ("pets", "pets.zip")
    )
    assert folder.name == packed.name == "pets"
    assert folder.images.shape == (3, 3, 8, 8) and folder.labels is None
    assert folder.fingerprint == packed.fingerprint


def test_a_name_wins_over_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_idx_pair(tmp_path / "digits", *small_set())
    monkeypatch.chdir(tmp_path)
    assert len(load_data("digits").images) == 10_000
    assert len(load_data("./digits").images) == 20
    assert load_data("./digits").name == "digits"


@pytest.mark.parametrize(
    ("source", "near"),
    [
        *(("mnsit", "mnist"), ("MNIST", "mnist"), ("digit", "digits")),
        *(("shaeps", "shapes"), ("Shapes.zp", "shapes.zip")),
    ],
)
def test_a_near_miss_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, near: str
) -> None:
    (tmp_path / "shapes").mkdir()
    (tmp_path / "shapes.zip").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=f"path named '{source}': did you mean '{near}'?"):
        load_data(source)
    with pytest.raises(BadInput, match=f"did you mean '({tmp_path}/)?{near}'?"):
        load_data(str(tmp_path / source))


@pytest.mark.parametrize("source", ["", "elephants", "no/such/folder", "x" * 5000, "a\0b"])
def test_an_unknown_source_lists_the_known(source: str) -> None:
    with pytest.raises(BadInput, match="no data set or path named") as caught:
        load_data(source)
    assert caught.value.hint.startswith(f"known: {', '.join(NAMES)}; or give")


@pytest.mark.parametrize(
    ("img_size", "channels", "option"),
    [(0, 1, "img_size"), (28, 2, "channels"), (-1, 3, "img_size")],
)
def test_impossible_images(img_size: int, channels: int, option: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        load_data("digits", img_size=img_size, channels=channels)
    assert caught.value.name == option


def test_the_fingerprint_covers_shape_pixels_and_labels() -> None:
    images = np.arange(16, dtype=np.uint8).reshape(2, 1, 2, 4)
    labels = np.array([0, 1])
    changed = images.copy()
    changed[0, 0, 0, 0] = 9
    prints = [
        fingerprint(images, labels),
        fingerprint(images, None),
        fingerprint(images, labels[::-1]),
        fingerprint(images.reshape(2, 1, 4, 2), labels),
        fingerprint(changed, labels),
    ]
    assert len(set(prints)) == len(prints)
    assert prints[0] == fingerprint(images.copy(order="F"), labels.astype(np.int64))


@pytest.mark.parametrize("odd", ["two\nlines", "\x1b[2J"])
def test_names_that_no_model_card_could_hold_are_refused(tmp_path: Path, odd: str) -> None:
    for folder in (tmp_path / "class" / odd, tmp_path / odd / "class"):
        write(folder.parent, {f"{name}/1.png": grey_png(1) for name in (folder.name, "other")})
        with pytest.raises(BadInput, match="cannot be the name of data or of a class") as caught:
            load_data(str(folder.parent), img_size=4)
        assert caught.value.hint == "rename it"


def test_more_classes_than_a_model_card_can_hold_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ganctl.data.load.MAX_SIZE", 9)
    with pytest.raises(BadInput, match="'digits' has 10 classes, more than 9"):
        load_data("digits")
