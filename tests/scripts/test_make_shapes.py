from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ganctl.data import load_data
from ganctl.errors import BadInput
from scripts.make_shapes import CORNERS, make_shapes


def files(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_the_same_seed_gives_the_same_pictures_and_a_larger_count_more(tmp_path: Path) -> None:
    make_shapes(tmp_path / "three", 3, 32)
    make_shapes(tmp_path / "two", 2, 32)
    make_shapes(tmp_path / "other", 2, 32, seed=1)
    three, two, other = (files(tmp_path / name) for name in ("three", "two", "other"))
    assert two.items() <= three.items()
    assert two.keys() == other.keys() and not set(two.values()) & set(other.values())
    assert len(set(three.values())) == len(three) == 3 * len(CORNERS)


def test_they_are_coloured_shapes_on_white_in_classes(tmp_path: Path) -> None:
    make_shapes(tmp_path / "shapes", 4, 32)
    data = load_data(str(tmp_path / "shapes"), img_size=32, channels=3)
    assert data.class_names == tuple(CORNERS)
    assert data.labels is not None and np.bincount(data.labels).tolist() == [4] * len(CORNERS)
    edge = np.ones((32, 32), bool)
    edge[2:-2, 2:-2] = False
    assert (data.images[:, :, edge] == 255).all()  # none is cut off
    centre = data.images[:, :, 16, 16].astype(int)
    assert (np.ptp(centre, axis=1) > 60).all()
    dark = (data.images.min(axis=1) < 128).mean(axis=(1, 2)).reshape(len(CORNERS), 4).mean(axis=1)
    area = dict(zip(CORNERS, dark, strict=True))
    assert area["circle"] > area["square"] > area["triangle"]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.png").write_bytes(b"mine")
    with pytest.raises(BadInput, match="is not empty"):
        make_shapes(tmp_path, 1)
    assert files(tmp_path) == {"mine.png": b"mine"}
