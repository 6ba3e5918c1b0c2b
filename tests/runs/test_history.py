from __future__ import annotations

import os
import time
from pathlib import Path

from ganctl.runs.history import (
    History,
    all_runs,
    data_name,
    describe,
    read_history,
    read_status,
)
from ganctl.runs.run_dir import RunDir

from .fake_runs import config, make_run, metrics

# --- metrics


def test_torn_and_invalid_lines_are_skipped(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", config(), metrics(4))
    whole = run.metrics.read_text()
    bad = ["[1]", "null", "12", '{"epoch": 1e999}', '{"epoch": NaN}', "[" * 100_000, "\0", "\xff"]
    run.metrics.write_text("\n".join([*bad, whole]) + '{"epoch": 5, "ste', "latin-1")
    history = read_history(run)
    assert history.lines == metrics(4)
    assert history.series("frechet_distance") == ([2, 4], [50, 51])
    assert history.series("g_loss", "step")[0] == [157, 314, 471, 628]
    assert history.best == (50, 2) and history.measured["frechet_distance"] == 51
    assert (history.last("epoch"), history.last("frechet_distance")) == (4, 51)


def test_missing_metrics_are_no_values(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    nothing = read_history(run)
    assert (nothing.best, nothing.measured, nothing.last("epoch")) == (None, {}, None)
    odd = History([{"epoch": "one", "g_loss": None}, {"g_loss": True}, {"epoch": 3}])
    assert odd.series("g_loss") == ([], [])
    os.mkfifo(run.metrics)  # reading it would block
    assert read_history(run).lines == []


# --- status


def test_state_of_each_run_newest_first(tmp_path: Path) -> None:
    make_run(tmp_path / "finished", config(4), metrics(4), age=50)
    make_run(tmp_path / "stopped", config(9), metrics(4), age=40)
    make_run(tmp_path / "unsaved", config(9), metrics(2), age=30).checkpoint.unlink()
    make_run(tmp_path / "diverged", config(9), metrics(4), age=20).diverged.touch()
    recovered = make_run(tmp_path / "recovered", config(9), metrics(4), age=10)
    os.utime(recovered.checkpoint)
    recovered.diverged.touch()
    os.utime(recovered.diverged, (1e9, 1e9))
    running = make_run(tmp_path / "running", config(9), metrics(4), age=60)
    (tmp_path / "empty/samples").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/notes.txt").touch()
    os.utime(tmp_path / "other", (1e9 + 1, 1e9 + 1))
    os.utime(tmp_path / "empty", (1e9, 1e9))
    (tmp_path / "README.md").touch()
    with running.locked():
        found = {status.run.name: status for status in all_runs(tmp_path)}
    assert {name: status.state for name, status in found.items()} == {
        **{"finished": "finished", "stopped": "stopped", "unsaved": "stopped", "empty": "stopped"},
        "other": "broken",
        **{"diverged": "diverged", "recovered": "stopped", "running": "running"},
    }
    assert list(found)[-3:] == ["running", "other", "empty"]
    assert found["unsaved"].epochs == 0
    command = f"ganctl train --config {tmp_path}/unsaved/config.json --name NAME"
    assert found["unsaved"].problem.endswith(command)
    assert "there is no config.json" in found["other"].problem
    assert "the same command begins it again" in found["empty"].problem
    assert read_status(running).state == "stopped"  # its lock is gone
    assert all_runs(tmp_path / "none") == []


def test_lock_of_a_killed_process_does_not_count(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", config(9), metrics(4))
    run.lock.write_text("1\n")
    assert read_status(run).state == "stopped"
    with run.locked():
        assert read_status(run).state == "running"


def test_metrics_beyond_the_checkpoint_count_only_while_running(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", config(8), metrics(8), saved=6)
    found = read_status(run)
    assert (found.state, found.epochs, found.distance, found.best) == ("stopped", 6, 50, 50)
    with run.locked():
        found = read_status(run)
        assert (found.state, found.epochs, found.distance) == ("running", 8, 51)
    found = read_status(make_run(tmp_path / "begun", config(8), metrics(2), saved=0))
    assert (found.state, found.epochs, found.distance, found.best) == ("stopped", 0, None, None)


def test_run_without_the_metrics_of_its_last_epoch_is_not_finished(tmp_path: Path) -> None:
    status = read_status(make_run(tmp_path / "run", config(8), metrics(7), saved=8))
    assert (status.state, status.epochs) == ("stopped", 8)


def test_unreadable_checkpoint_breaks_a_run(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", config(8), metrics(8))
    run.checkpoint.write_bytes(run.checkpoint.read_bytes()[:-1])
    status = read_status(run)
    assert (status.state, status.epochs) == ("broken", 8)
    assert status.problem == f"{run.checkpoint} is not a ganctl checkpoint"


def test_100_runs_of_200_epochs_are_read_quickly(tmp_path: Path) -> None:
    for number in range(100):
        make_run(tmp_path / f"{number}", config(200), metrics(200, 10))
    began = time.process_time()
    assert len(all_runs(tmp_path)) == 100
    assert time.process_time() - began < 3


def test_description_of_a_configuration() -> None:
    conv = config(arch="conv", conditional=True, objective="hinge")
    assert conv.kind == "default-conv-conditional-hinge" and config().kind == "default"
    assert "conv conditional · hinge · batch 64 · rate 0.0005" in describe(conv)
    assert data_name(config(data="/data/mine.zip")) == "mine.zip"
