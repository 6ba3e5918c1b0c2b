from __future__ import annotations

import os
import re
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganctl.data.folder import load_pictures
from ganctl.data.survey import COLS, ROWS, UNLABELLED, chosen, proposed_size, survey
from ganctl.errors import BadInput
from ganctl.notify import ignore

from .files import encode, grey_png, small_set, write, write_idx_pair


def pack(folder: Path) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for name in sorted(folder.rglob("*")):
            archive.write(name, name.relative_to(folder))
    return path


def colour(side: int, name: str = "red") -> bytes:
    return encode(Image.new("RGB", (side, side), name))


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
def test_a_folder_is_looked_through(tmp_path: Path, packed: bool) -> None:
    folder = write(tmp_path / "mixed", MIXED)
    (folder / "fish").mkdir()
    (folder / ".hidden").mkdir()
    found = survey(str(pack(folder) if packed else folder))
    assert (found.name, found.images) == ("mixed", 4)
    assert found.classes == {"cats": 3, "dogs": 1}
    assert found.gaps == (("birds",) if packed else ("birds", "fish"))
    assert found.sizes == {(40, 40): 2, (30, 30): 1, (60, 20): 1}
    assert found.size_range == ((40, 40), (30, 30), (40, 40))
    assert found.kinds == {"grey": 3, "colour": 1}
    assert found.traits == {"grey stored as colour": 1, "with transparency": 1}
    assert dict(found.unreadable) == {
        "birds/1.png": "the file is empty",
        "dogs/2.png": "no PNG or JPEG",
    }
    assert list(found.others.items()) == [(".webp", 2), (".txt", 1)]
    assert (found.img_size, found.channels) == (32, 3)
    assert (found.cropped, found.enlarged) == (1, 2)


def test_the_sheet_shows_what_training_sees(tmp_path: Path) -> None:
    folder = write(tmp_path / "mixed", MIXED)
    found = survey(str(folder), img_size=12, channels=1)
    trained = load_pictures(folder, 12, 1, ignore)
    assert found.sheet.shape == (2 * COLS, 1, 12, 12) and found.shown == 4
    assert np.array_equal(found.sheet[:3], trained.images[:3])
    assert np.array_equal(found.sheet[COLS], trained.images[3])
    assert not found.sheet[3:COLS].any() and not found.sheet[COLS + 1 :].any()
    assert list(found.classes) == list(trained.class_names)
    assert trained.labels is not None
    assert list(found.classes.values()) == np.bincount(trained.labels).tolist()


def test_what_is_skipped_is_what_training_skips(tmp_path: Path) -> None:
    folder = write(tmp_path / "mixed", MIXED)
    notices: list[str] = []
    load_pictures(folder, 8, 3, notices.append)
    found = survey(str(folder))
    assert len(notices) == 1 and all(repr(each.name) in notices[0] for each in found.unreadable)


def test_pictures_without_folders_are_unlabelled_and_grey_is_enough_for_grey(
    tmp_path: Path,
) -> None:
    files = {f"{number:03}.png": grey_png(number, 28) for number in range(UNLABELLED + 30)}
    seen: list[tuple[int, int]] = []
    found = survey(
        str(write(tmp_path / "grey", files)), report=lambda done, total: seen.append((done, total))
    )
    assert found.classes == {} and found.gaps == ()
    assert (found.img_size, found.channels) == (28, 1)
    assert found.sheet.shape == (UNLABELLED, 1, 28, 28) and found.shown == UNLABELLED
    assert seen[-1] == (len(files), len(files)) and len(seen) == len(files)


def test_a_set_in_mnists_format_is_looked_through(tmp_path: Path) -> None:
    images, _ = small_set(20, 16)
    write_idx_pair(tmp_path / "gaps", images, np.array([1, 3] * 10, np.uint8))
    found = survey(str(tmp_path / "gaps"), channels=3)
    assert found.classes == {"0": 0, "1": 10, "2": 0, "3": 10}
    assert found.gaps == ("0", "2")
    assert found.sizes == {(16, 16): 20} and found.kinds == {"grey": 20}
    assert (found.img_size, found.channels) == (16, 3)
    assert found.sheet.shape == (4 * COLS, 3, 16, 16) and found.shown == 20
    assert np.array_equal(found.sheet[COLS, 0], images[0])


def test_the_embedded_digits_need_nothing() -> None:
    found = survey("digits")
    assert found.images == 10_000 and set(found.classes.values()) == {1000}
    assert (found.img_size, found.channels, found.shown) == (28, 1, 100)


def test_nothing_is_downloaded(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="kmnist is not in") as caught:
        survey("kmnist", tmp_path)
    assert caught.value.hint.startswith("ganctl data fetch kmnist; ")


@pytest.mark.parametrize(
    ("files", "hint"),
    [
        ({}, "more images"),
        ({"1.png": grey_png(1)}, "more images"),
        ({"1.webp": b"", "2.webp": b"", "notes": b""}, r"2 \.webp files there: only PNG and JPEG"),
        ({"readme": b""}, "1 file without an ending there"),
        ({"1.png": b"broken", "2.txt": b""}, "1 file could not be read, such as '1.png': no PNG"),
        ({"a.zip": b"", "b/c.zip": b""}, r"2 \.zip files there"),
    ],
    ids=["empty", "one", "other pictures", "no ending", "broken", "zips"],
)
@pytest.mark.parametrize("packed", [False, True])
def test_too_few_images_and_why(
    tmp_path: Path, files: dict[str, bytes], hint: str, packed: bool
) -> None:
    folder = write(tmp_path / "few", files)
    folder.mkdir(exist_ok=True)
    with pytest.raises(BadInput, match="at least 2 are needed") as caught:
        survey(str(pack(folder) if packed else folder))
    assert re.search(hint, caught.value.hint)


@pytest.mark.parametrize(
    ("typed", "near"),
    [("digit", "digits"), ("MNSIT", "mnist"), ("shaeps", "shapes"), ("Shapes.zp", "shapes.zip")],
)
def test_a_near_miss_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, near: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shapes").mkdir()
    (tmp_path / "shapes.zip").touch()
    for word in (typed, os.path.join(tmp_path, typed)):
        with pytest.raises(BadInput, match="no data set or path named") as caught:
            survey(word)
        assert f"did you mean '{near}'?" in caught.value.hint or (
            f"did you mean '{tmp_path / near}'?" in caught.value.hint
        )


@pytest.mark.parametrize(
    ("sides", "proposed"),
    [([28], 28), ([30], 28), ([64], 32), ([500, 20, 300], 32), ([3], 8), ([23, 23, 1], 20)],
)
def test_the_proposed_size(sides: list[int], proposed: int) -> None:
    assert proposed_size(Counter((side, side + 5) for side in sides)) == proposed


def test_many_classes_have_the_first_rows() -> None:
    labels = np.repeat(np.arange(ROWS + 5), 3)
    picks = chosen(labels, ROWS + 5, len(labels))
    assert len(picks) == ROWS * COLS
    assert picks[:4] == [0, 1, 2, None]
