from __future__ import annotations

import os
from pathlib import Path

import pytest

from ganctl.environment import RUNS
from ganctl.runs.run_dir import (
    CONFIG,
    LAST,
    METRICS,
    SAMPLES,
    RunDir,
    checkpoint_names,
    find_resumable,
    find_run,
    newest_run,
    runs_with,
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def made(name: str, moment: float, *files: str) -> Path:
    folder = RUNS / name
    folder.mkdir(parents=True)
    for file in files:
        (folder / file).touch()
        os.utime(folder / file, (moment, moment))
    os.utime(folder, (moment, moment))
    return folder


def test_the_newest_run_is_the_one_that_changed_last_to_all_who_look() -> None:
    assert newest_run() is None and runs_with(CONFIG) == []
    made("old", 2e8, CONFIG, LAST)
    one = made("trains on", 1e8, CONFIG, LAST, METRICS)
    os.utime(one / METRICS, (3e8, 3e8))
    assert runs_with(CONFIG)[0].folder == runs_with(LAST)[0].folder == one
    assert find_run(None).folder == find_resumable(None)[0].folder == one
    begun = made("begun", 4e8, CONFIG)
    assert (find_run(None), newest_run()) == (RunDir(begun), RunDir(one))
    assert RunDir(made("empty", 5e8)).changed == 5e8


def test_checkpoints_have_the_names_of_their_runs_and_files() -> None:
    assert checkpoint_names() == []
    made("one", 1e8, CONFIG, LAST)
    made("begun", 1e8, CONFIG)
    (RUNS / "shipped.safetensors").touch()
    (RUNS / "notes.txt").touch()
    assert checkpoint_names() == ["one", "shipped"]
    assert len(checkpoint_names(0)) == 0


def test_a_folder_is_as_large_as_all_that_lies_in_it() -> None:
    folder = made("one", 1e8, CONFIG)
    (folder / "samples").mkdir()
    (folder / "samples" / "000001.png").write_bytes(b"x" * 5)
    (folder / METRICS).write_bytes(b"x" * 10)
    assert RunDir(folder).size == 15


def test_a_run_is_called_by_its_name_where_runs_lie_and_elsewhere_by_its_folder() -> None:
    assert RunDir(RUNS / "one").label == "one"
    assert (
        RunDir(RUNS / "older/one").label == f"{RUNS}/older/one"
        and RunDir(Path("/a/one")).label == "/a/one"
    )


def test_sample_grids_are_called_by_their_epochs() -> None:
    folder = made("one", 1000)
    for name in ("999999.png", "000002.png", "1000000.png", "2 best.png", "best.png", "000003.gif"):
        (folder / SAMPLES).mkdir(exist_ok=True)
        (folder / SAMPLES / name).touch()
    (folder / SAMPLES / "000004.png").mkdir()
    names = [path.name for path in RunDir(folder).samples()]
    assert names == [
        "000002.png",
        "999999.png",
        "1000000.png",
    ]
