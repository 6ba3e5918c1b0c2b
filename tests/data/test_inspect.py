from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganctl.data import load_data
from ganctl.data.inspect import COLS, ROWS, TEXT_GAP, TEXT_WIDTH, UNLABELLED, inspect_data
from ganctl.errors import BadInput
from ganctl.images import Pixels, make_grid

from .files import encode, grey_png, pack, small_set, write, write_idx_pair


def colour(side: int) -> bytes:
    return encode(Image.new("RGB", (side, side), "red"))


MIXED = {
    "cats/1.png": colour(40),
    "cats/2.png": grey_png(9, 30),
    "cats/3.jpg": encode(Image.new("L", (60, 20), 99), "JPEG"),
    "dogs/1.png": encode(Image.new("RGBA", (40, 40), (0, 0, 0, 0))),
    "dogs/2.png": b"broken",
    "birds/1.png": b"",
    "birds/notes.txt": b"hello",
    "dogs/3.webp": b"RIFF",
    "dogs/4.webp": b"RIFF",
}


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_or_zip_of_pictures(tmp_path: Path, packed: bool) -> None:
    if packed:
        source = pack(tmp_path / "mixed.zip", MIXED)
    else:
        source = write(tmp_path / "mixed", MIXED)
        (source / "fish").mkdir()
        (source / ".hidden").mkdir()
    found = inspect_data(str(source))
    assert (found.name, found.images) == ("mixed", 4)
    assert found.classes == {"cats": 3, "dogs": 1}
    assert found.empty_classes == (["birds"] if packed else ["birds", "fish"])
    assert found.sizes == {(40, 40): 2, (30, 30): 1, (60, 20): 1}
    assert found.size_range == ((40, 40), (30, 30), (40, 40))
    assert found.kinds == {"grey": 3, "colour": 1}
    assert found.traits == {"grey stored as colour": 1, "with transparency": 1}
    assert dict(found.skipped) == {
        "birds/1.png": "the file is empty",
        "dogs/2.png": "not a PNG or JPEG",
    }
    assert list(found.other_suffixes.items()) == [(".webp", 2), (".txt", 1)]
    assert (found.img_size, found.channels) == (32, 3)
    assert (found.cropped, found.enlarged) == (1, 2)


def cells(sheet: Pixels, size: int, rows: int) -> Pixels:
    """Return the images (rows, COLS, S, S) of a grey contact sheet, without the names."""
    assert sheet.shape[0] == rows * (size + 2) + 2
    images = sheet[2:, -COLS * (size + 2) :].reshape(rows, size + 2, COLS, size + 2)
    return images[:, :size, :, :size].transpose(0, 2, 1, 3)


def test_training_sees_the_same_images_classes_and_unreadable_files(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = str(write(tmp_path / "mixed", MIXED))
    found = inspect_data(source, img_size=12, channels=1)
    trained = load_data(source, img_size=12, channels=1)
    shown = cells(found.sheet, 12, 2)
    assert found.shown == 4
    assert np.array_equal(shown[0, :3], trained.images[:3, 0])
    assert np.array_equal(shown[1, 0], trained.images[3, 0])
    assert not shown[0, 3:].any() and not shown[1, 1:].any()
    assert tuple(found.classes) == trained.class_names
    assert trained.labels is not None
    assert list(found.classes.values()) == np.bincount(trained.labels).tolist()
    assert all(repr(name) in caplog.messages[0] for name, _ in found.skipped)


def test_unlabelled_grey_pictures_and_progress(tmp_path: Path) -> None:
    files = {f"{number:03}.png": grey_png(number, 28) for number in range(UNLABELLED + 30)}
    seen: list[tuple[int, int]] = []
    found = inspect_data(
        str(write(tmp_path / "grey", files | {"zz.png": b""})),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert found.classes == {} and found.empty_classes == []
    assert (found.img_size, found.channels) == (28, 1)
    assert found.sheet.shape == (302, 302) and found.shown == UNLABELLED
    assert seen == [(done, len(files) + 1) for done in range(1, len(files) + 2)]


def test_the_images_of_unlabelled_pictures_stand_alone(tmp_path: Path) -> None:
    write(tmp_path, {f"{n}.png": grey_png(n + 1) for n in range(4)})
    found = inspect_data(str(tmp_path), None, 16, 1)
    assert np.array_equal(found.sheet, make_grid(load_data(str(tmp_path), img_size=16).images))


def test_a_set_in_mnists_format(tmp_path: Path) -> None:
    images, _ = small_set(20, 16)
    write_idx_pair(tmp_path / "gaps", images, np.array([1, 3] * 10, np.uint8))
    found = inspect_data(str(tmp_path / "gaps"))
    assert found.classes == {"0": 0, "1": 10, "2": 0, "3": 10}
    assert found.empty_classes == ["0", "2"]
    assert found.sizes == {(16, 16): 20} and found.kinds == {"grey": 20}
    assert (found.img_size, found.channels, found.shown) == (16, 1, 20)
    assert np.array_equal(cells(found.sheet, 16, 4)[1], images[::2])
    assert inspect_data(str(tmp_path / "gaps"), channels=3).sheet.shape[2] == 3


def test_the_embedded_digits_need_no_download_but_others_do(tmp_path: Path) -> None:
    found = inspect_data("digits", tmp_path)
    assert found.images == 10_000 and set(found.classes.values()) == {1000}
    assert (found.img_size, found.channels, found.shown) == (28, 1, 100)
    with pytest.raises(BadInput, match="kmnist is not in") as caught:
        inspect_data("kmnist", tmp_path)
    assert caught.value.hint.startswith("ganctl data fetch kmnist; ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("files", [{}, {"1.png": grey_png(1)}, {"1.png": b"broken"}])
def test_too_few_images_are_an_error(tmp_path: Path, files: dict[str, bytes]) -> None:
    with pytest.raises(BadInput, match="needs at least 2"):
        inspect_data(str(write(tmp_path / "few", files)))


@pytest.mark.parametrize(
    ("sides", "proposed"),
    [
        *(([28, 28], 28), ([30, 30], 28), ([64, 64], 32), ([500, 20, 300], 32)),
        *(([3, 3], 8), ([23, 23, 1], 20)),
    ],
)
def test_the_proposed_size(tmp_path: Path, sides: list[int], proposed: int) -> None:
    pictures = [encode(Image.new("L", (side, side + 5))) for side in sides]
    write(tmp_path, {f"{n}.png": content for n, content in enumerate(pictures)})
    assert inspect_data(str(tmp_path)).img_size == proposed


def test_of_many_classes_the_first_have_rows(tmp_path: Path) -> None:
    images, _ = small_set(3 * (ROWS + 5), 12)
    labels = np.repeat(np.arange(ROWS + 5, dtype=np.uint8), 3)
    write_idx_pair(tmp_path / "many", images, labels)
    found = inspect_data(str(tmp_path / "many"))
    shown = cells(found.sheet, 12, ROWS)
    assert found.shown == 3 * ROWS and np.array_equal(shown[-1, :3], images[57:60])
    assert not shown[:, 3:].any()


def test_each_row_begins_with_the_name_of_its_class(tmp_path: Path) -> None:
    write(tmp_path, {f"{name}/{n}.png": grey_png(9, 16) for name in "iW" for n in range(3)})
    sheet = inspect_data(str(tmp_path), None, 16, 1).sheet
    names = sheet[:, : -COLS * 18]
    assert np.count_nonzero(names[:18]) > np.count_nonzero(names[18:]) > 0  # "W  3" and "i  3"


@pytest.mark.parametrize(("size", "named"), [(8, False), (16, True)])
def test_low_rows_have_no_room_for_names(size: int, named: bool, tmp_path: Path) -> None:
    write(tmp_path, {f"{name}/{n}.png": grey_png(n) for name in "ab" for n in range(2)})
    sheet = inspect_data(str(tmp_path), None, size, 3).sheet
    assert sheet.shape[2] == 3 and (sheet.shape[1] > COLS * (size + 2) + 2) is named


def test_a_long_name_leaves_room_for_the_images(tmp_path: Path) -> None:
    write(tmp_path, {f"{name * 60}/{n}.png": grey_png(n) for name in "ab" for n in range(2)})
    sheet = inspect_data(str(tmp_path), None, 16, 1).sheet
    assert TEXT_WIDTH < sheet.shape[1] - (COLS * 18 + 2) <= TEXT_WIDTH + 2 * TEXT_GAP


def test_pictures_that_change_while_they_are_read(tmp_path: Path) -> None:
    write(tmp_path, {f"{n}.png": grey_png(n) for n in range(3)})

    def spoil(done: int, total: int) -> None:
        if done == total:
            os.truncate(tmp_path / "1.png", 9)

    with pytest.raises(BadInput, match="have changed while they were read"):
        inspect_data(str(tmp_path), progress=spoil)
