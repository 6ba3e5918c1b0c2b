from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from ganctl.images import encode_png, grid
from ganctl.runs import film as films
from ganctl.runs.film import FRAMES, film, spread
from ganctl.runs.run_dir import RunDir

from .made_up import config, lines, made_up


def frames(data: bytes) -> tuple[list[Image.Image], list[int]]:
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "GIF"
        shown = [
            (frame.convert("RGB"), frame.info["duration"])
            for frame in ImageSequence.Iterator(image)
        ]
    return [frame for frame, _ in shown], [duration for _, duration in shown]


def test_the_frames_are_the_grids_and_the_last_one_stays(tmp_path: Path) -> None:
    run = made_up(tmp_path / "run", config(), lines(4), grids=3)
    data = film(RunDir(run), 28, 1)
    assert data is not None
    shown, durations = frames(data)
    assert durations == [200, 200, 2000]
    for frame, path in zip(shown, RunDir(run).samples(), strict=True):
        with Image.open(path) as image:
            apart = np.abs(np.asarray(image).astype(int) - np.asarray(frame)[:, :, 0])
        assert apart.max() <= 8  # half a level of 17


def test_a_colour_film_of_large_images_shows_as_many_as_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made_up(tmp_path / "run", config(img_size=64, channels=3), lines(4), grids=3)
    monkeypatch.setattr(films, "COLOUR_FRAMES", 2)
    data = film(RunDir(run), 64, 3)
    assert data is not None
    (first, _), _ = frames(data)
    assert first.size == (7 * 66 + 2, 7 * 66 + 2)


def test_what_is_no_picture_or_another_size_is_left_out(tmp_path: Path) -> None:
    run = made_up(tmp_path / "run", config(), lines(4), grids=5)
    first, second, third, *_ = RunDir(run).samples()
    first.write_bytes(b"no picture")
    second.write_bytes(second.read_bytes()[:200])
    third.write_bytes(encode_png(grid(np.zeros((9, 1, 28, 28), np.uint8))))
    data = film(RunDir(run), 28, 1)
    assert data is not None and len(frames(data)[0]) == 2
    for path in RunDir(run).samples()[:-1]:
        path.unlink()
    assert film(RunDir(run), 28, 1) is None  # one frame moves nothing
    RunDir(run).samples()[0].unlink()
    assert film(RunDir(run), 28, 1) is None


def test_of_many_grids_evenly_many_are_shown_and_the_file_stays_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [Path(f"{number}") for number in range(1000)]
    chosen = [int(path.name) for path in spread(paths, FRAMES)]
    assert len(chosen) == FRAMES and (chosen[0], chosen[-1]) == (0, 999)
    assert {after - before for before, after in zip(chosen, chosen[1:], strict=False)} <= {10, 11}
    assert spread(paths[:3], FRAMES) == paths[:3]
    run = made_up(tmp_path / "run", config(), lines(4), grids=6)
    whole = film(RunDir(run), 28, 1)
    assert whole is not None
    monkeypatch.setattr(films, "MAX_BYTES", len(whole) * 2 // 3)
    data = film(RunDir(run), 28, 1)
    assert data is not None and len(data) < len(whole) * 2 // 3
    shown, durations = frames(data)
    assert durations == [200, 200, 2000]
    for index in (0, -1):
        assert np.array_equal(np.asarray(shown[index]), np.asarray(frames(whole)[0][index]))
