from __future__ import annotations

import os
import time
from pathlib import Path

from ganctl.runs.summary import summaries, summarise
from ganctl.training.run import Run

from .made_up import config, lines, made_up


def test_each_state_is_told_and_the_newest_is_first(tmp_path: Path) -> None:
    made_up(tmp_path / "finished", config(4), lines(4), age=50)
    made_up(tmp_path / "stopped", config(9), lines(4), age=40)
    made_up(tmp_path / "unsaved", config(9), [], age=30)
    (tmp_path / "unsaved/last.safetensors").unlink()
    made_up(tmp_path / "diverged", config(9), lines(4), age=20)
    (tmp_path / "diverged/diverged.safetensors").touch()
    made_up(tmp_path / "came-back", config(9), lines(4), age=10)
    os.utime(tmp_path / "came-back/last.safetensors")
    (tmp_path / "came-back/diverged.safetensors").touch()
    os.utime(tmp_path / "came-back/diverged.safetensors", (1e9, 1e9))
    made_up(tmp_path / "running", config(9), lines(4), age=60)
    (tmp_path / "empty").mkdir()
    os.utime(tmp_path / "empty", (1e9, 1e9))
    (tmp_path / "README.md").touch()
    with Run(tmp_path / "running").claimed():
        found = {run.name: run for run in summaries(tmp_path)}
    states = {name: run.state for name, run in found.items()}
    assert states == {
        **{"finished": "finished", "stopped": "stopped", "unsaved": "broken", "empty": "broken"},
        **{"diverged": "diverged", "came-back": "stopped", "running": "running"},
    }
    assert found["unsaved"].problem == "it ended before its first checkpoint"
    assert "there is no config.json" in found["empty"].problem
    assert list(found)[-2:] == ["running", "empty"]
    assert summarise(tmp_path / "running").state == "stopped"  # its lock is gone


def test_a_lock_that_a_killed_process_left_is_nobodys(tmp_path: Path) -> None:
    run = made_up(tmp_path / "run", config(9), lines(4))
    (run / ".lock").write_text("1\n")
    assert summarise(run).state == "stopped"
    with Run(run).claimed():
        assert summarise(run).state == "running"


def test_the_figures_are_the_last_and_the_best(tmp_path: Path) -> None:
    run = summarise(made_up(tmp_path / "run", config(8), lines(8), grids=1))
    assert (run.epochs, run.distance, run.best) == (8, 51, 50)
    assert run.size == sum(path.stat().st_size for path in run.folder.rglob("*.*"))
    assert run.config == config(8)


def test_a_hundred_runs_of_200_epochs_are_looked_through_at_once(tmp_path: Path) -> None:
    for number in range(100):
        made_up(tmp_path / f"{number}", config(200), lines(200, 10))
    began = time.process_time()
    assert len(summaries(tmp_path)) == 100
    assert time.process_time() - began < 3


def test_no_folder_is_no_runs(tmp_path: Path) -> None:
    assert summaries(tmp_path / "none") == []
