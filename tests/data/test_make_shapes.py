from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ganctl.data.load import load_data
from ganctl.data.make_shapes import POINTS, main, make_shapes
from ganctl.errors import BadInput


def files(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_the_same_seed_makes_the_same_and_more_begin_with_those_of_fewer(tmp_path: Path) -> None:
    assert make_shapes(tmp_path / "three", 3, 32) == 3 * len(POINTS)
    make_shapes(tmp_path / "two", 2, 32)
    make_shapes(tmp_path / "other", 2, 32, seed=1)
    three, two, other = (files(tmp_path / name) for name in ("three", "two", "other"))
    assert two.items() <= three.items()
    assert two.keys() == other.keys() and not set(two.values()) & set(other.values())
    assert len(set(three.values())) == len(three) == 3 * len(POINTS)


def test_they_are_coloured_shapes_on_white_in_classes(tmp_path: Path) -> None:
    make_shapes(tmp_path / "shapes", 4, 32)
    data = load_data(str(tmp_path / "shapes"), img_size=32, channels=3)
    assert data.class_names == tuple(POINTS)
    assert data.labels is not None and np.bincount(data.labels).tolist() == [4] * len(POINTS)
    edge = np.ones((32, 32), bool)
    edge[2:-2, 2:-2] = False
    assert (data.images[:, :, edge] == 255).all()  # none is cut off
    centre = data.images[:, :, 16, 16].astype(int)
    assert (np.ptp(centre, axis=1) > 60).all()
    share = (data.images.min(axis=1) < 128).mean(axis=(1, 2)).reshape(len(POINTS), 4).mean(axis=1)
    areas = dict(zip(POINTS, share, strict=True))
    assert areas["circle"] > areas["square"] > areas["triangle"]


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.png").write_bytes(b"mine")
    with pytest.raises(BadInput, match="is not empty"):
        make_shapes(tmp_path, 1)
    assert files(tmp_path) == {"mine.png": b"mine"}
    assert main([str(tmp_path)]) == 3
    assert capsys.readouterr().err.startswith(f"error: {tmp_path} is not empty\nhint: ")


def test_the_command_says_what_it_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "shapes"
    assert main([str(folder), "--count", "2", "--size", "16"]) == 0
    assert capsys.readouterr().out == f"wrote {folder}: 10 pictures, 5 classes\n"
    assert len(files(folder)) == 10


@pytest.mark.parametrize("option", ["--count", "--size"])
def test_wrong_numbers_are_refused(option: str, tmp_path: Path) -> None:
    for word in ("0", "-1", "x", "100000000"):
        with pytest.raises(SystemExit, match="2"):
            main([str(tmp_path / "shapes"), option, word])
    assert not (tmp_path / "shapes").exists()
