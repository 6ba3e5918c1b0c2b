from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ganctl.data.contact_sheet import GAP, ROOM, contact_sheet
from ganctl.data.survey import COLS, survey
from ganctl.images import grid

from .files import grey_png, write


def test_each_row_begins_with_its_classs_name(tmp_path: Path) -> None:
    write(tmp_path, {f"{name}/{n}.png": grey_png(9, 16) for name in "iW" for n in range(3)})
    found = survey(str(tmp_path), None, 16, 1)
    sheet = contact_sheet(found)
    pictures = grid(found.sheet, COLS)
    names = sheet[:, : -pictures.shape[1]]
    assert np.array_equal(sheet[:, names.shape[1] :], pictures)
    upper, lower = names[:18], names[18:]
    assert np.count_nonzero(upper) > np.count_nonzero(lower) > 0  # "W  3" and "i  3"


@pytest.mark.parametrize(("size", "named"), [(8, False), (16, True)])
def test_low_rows_have_no_room_for_names(size: int, named: bool, tmp_path: Path) -> None:
    write(tmp_path, {f"{name}/{n}.png": grey_png(n) for name in "ab" for n in range(2)})
    found = survey(str(tmp_path), None, size, 3)
    sheet = contact_sheet(found)
    assert sheet.shape[2] == 3 and (sheet.shape[1] > COLS * (size + 2) + 2) is named


def test_a_long_name_leaves_room_for_the_pictures(tmp_path: Path) -> None:
    write(tmp_path, {f"{name * 60}/{n}.png": grey_png(n) for name in "ab" for n in range(2)})
    sheet = contact_sheet(survey(str(tmp_path), None, 16, 1))
    assert ROOM < sheet.shape[1] - (COLS * 18 + 2) <= ROOM + 2 * GAP


def test_without_classes_the_images_stand_alone(tmp_path: Path) -> None:
    write(tmp_path, {f"{n}.png": grey_png(n) for n in range(4)})
    found = survey(str(tmp_path), None, 16, 1)
    assert np.array_equal(contact_sheet(found), grid(found.sheet))
