from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from ganctl.runs.history import all_runs, read_status
from ganctl.runs.run_dir import RunDir

from .made_up import config, lines, made_up


def new(folder: Path, *arguments: Any, **options: Any) -> RunDir:
    return RunDir(made_up(folder, *arguments, **options))


def test_each_state_is_told_and_the_newest_is_first(tmp_path: Path) -> None:
    made_up(tmp_path / "finished", config(4), lines(4), age=50)
    made_up(tmp_path / "stopped", config(9), lines(4), age=40)
    made_up(tmp_path / "unsaved", config(9), lines(2), age=30)
    (tmp_path / "unsaved/last.safetensors").unlink()
    made_up(tmp_path / "diverged", config(9), lines(4), age=20)
    (tmp_path / "diverged/diverged.safetensors").touch()
    made_up(tmp_path / "came-back", config(9), lines(4), age=10)
    os.utime(tmp_path / "came-back/last.safetensors")
    (tmp_path / "came-back/diverged.safetensors").touch()
    os.utime(tmp_path / "came-back/diverged.safetensors", (1e9, 1e9))
    made_up(tmp_path / "running", config(9), lines(4), age=60)
    (tmp_path / "empty/samples").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/notes.txt").touch()
    os.utime(tmp_path / "other", (1e9 + 1, 1e9 + 1))
    os.utime(tmp_path / "empty", (1e9, 1e9))
    (tmp_path / "README.md").touch()
    with RunDir(tmp_path / "running").locked():
        found = {run.run.name: run for run in all_runs(tmp_path)}
    states = {name: run.state for name, run in found.items()}
    assert states == {
        **{"finished": "finished", "stopped": "stopped", "unsaved": "stopped", "empty": "stopped"},
        "other": "broken",
        **{"diverged": "diverged", "came-back": "stopped", "running": "running"},
    }
    assert found["unsaved"].epochs == 0
    anew = f"ganctl train --config {tmp_path}/unsaved/config.json --name NAME"
    assert found["unsaved"].problem.endswith(f"to begin it anew: {anew}")
    assert "there is no config.json" in found["other"].problem
    assert found["empty"].problem == (
        "it was stopped before its first checkpoint: the same command begins it again"
    )
    assert list(found)[-3:] == ["running", "other", "empty"]
    assert read_status(RunDir(tmp_path / "running")).state == "stopped"  # its lock is gone


def test_a_lock_that_a_killed_process_left_is_nobodys(tmp_path: Path) -> None:
    run = made_up(tmp_path / "run", config(9), lines(4))
    (run / ".lock").write_text("1\n")
    assert read_status(RunDir(run)).state == "stopped"
    with RunDir(run).locked():
        assert read_status(RunDir(run)).state == "running"


def test_a_run_stands_where_its_checkpoint_does(tmp_path: Path) -> None:
    """A kill came after figures were written, and before the state that they are of."""
    run = made_up(tmp_path / "run", config(8), lines(8), saved=6)
    found = read_status(RunDir(run))
    assert (found.state, found.epochs, found.distance, found.best) == ("stopped", 6, 50, 50)
    with RunDir(run).locked():
        found = read_status(RunDir(run))
        assert (found.state, found.epochs, found.distance) == ("running", 8, 51)
    found = read_status(new(tmp_path / "begun", config(8), lines(2), saved=0))
    assert (found.state, found.epochs, found.distance, found.best) == ("stopped", 0, None, None)


def test_a_last_epoch_whose_figures_are_not_taken_is_not_over(tmp_path: Path) -> None:
    run = read_status(new(tmp_path / "run", config(8), lines(7), saved=8))
    assert (run.state, run.epochs) == ("stopped", 8)


def test_a_checkpoint_that_cannot_be_read_breaks_a_run(tmp_path: Path) -> None:
    run = made_up(tmp_path / "run", config(8), lines(8))
    path = run / "last.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    found = read_status(RunDir(run))
    assert (found.state, found.epochs) == ("broken", 8)
    assert found.problem == f"{path} is not a ganctl checkpoint"


def test_the_figures_are_the_last_and_the_best(tmp_path: Path) -> None:
    run = read_status(new(tmp_path / "run", config(8), lines(8), grids=1))
    assert (run.epochs, run.distance, run.best) == (8, 51, 50)
    assert run.run.size == sum(path.stat().st_size for path in run.run.folder.rglob("*.*"))
    assert run.config == config(8)


def test_a_hundred_runs_of_200_epochs_are_looked_through_at_once(tmp_path: Path) -> None:
    for number in range(100):
        made_up(tmp_path / f"{number}", config(200), lines(200, 10))
    began = time.process_time()
    assert len(all_runs(tmp_path)) == 100
    assert time.process_time() - began < 3


def test_no_folder_is_no_runs(tmp_path: Path) -> None:
    assert all_runs(tmp_path / "none") == []
