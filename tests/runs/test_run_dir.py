from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ganctl.environment import PRETRAINED, RUNS, introduce
from ganctl.errors import BadInput
from ganctl.runs.run_dir import (
    CONFIG,
    LAST,
    SAMPLES,
    RunDir,
    checkpoint_names,
    find_checkpoint,
    find_resumable,
    find_run,
    new_run,
    newest_run,
)

from ..training.made import finished
from .fake_runs import config, make_run, metrics


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def make_folder(name: str, time: float, *files: str) -> RunDir:
    run = RunDir(RUNS / name)
    run.folder.mkdir(parents=True)
    for file in files:
        (run.folder / file).touch()
        os.utime(run.folder / file, (time, time))
    os.utime(run.folder, (time, time))
    return run


# --- new runs


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/tmp/x", "-n", "a\nb", "\x1b[2J"])
def test_name_must_be_a_plain_folder_name(name: str) -> None:
    with pytest.raises(BadInput, match="not a plain folder name"):
        new_run(name)


def test_existing_run_is_never_overwritten() -> None:
    finished("one")
    assert json.loads(Path("checkpoints/one/config.json").read_text()) == {"epochs": 1}
    with pytest.raises(BadInput, match="exists already") as caught:
        new_run("one")
    assert "ganctl train --resume one" in caught.value.hint
    unsaved = new_run("unsaved")
    unsaved.create()
    unsaved.metrics.touch()
    with pytest.raises(BadInput, match="exists already") as caught:
        new_run("unsaved")
    assert "resume" not in caught.value.hint
    first, second = new_run("two"), new_run("two")
    first.create()
    with pytest.raises(BadInput, match="exists already"):
        second.create()


@pytest.mark.parametrize("what", ["file", "dangling link"])
def test_something_else_of_that_name_is_never_overwritten(what: str) -> None:
    RUNS.mkdir()
    path = RUNS / "one"
    path.touch() if what == "file" else path.symlink_to("nothing")
    with pytest.raises(BadInput, match="exists already"):
        new_run("one")


def test_run_killed_before_its_first_checkpoint_can_start_again() -> None:
    run = new_run("one")
    run.create()
    run.write_config({"epochs": 1})
    for name in (".lock", f".last.safetensors.{'0' * 16}.tmp"):
        (run.folder / name).touch()
    assert "the same command begins it again" in run.blank_reason
    new_run("one").create(exist_ok=True)
    run.sample(1).touch()
    assert not run.is_blank
    with pytest.raises(BadInput, match="exists already"):
        new_run("one")


# --- files


def test_torn_metrics_and_those_of_later_steps_are_removed() -> None:
    run = new_run("one")
    run.create()
    for step in (10, 20, 30):
        run.append_metrics({"step": step})
    with open(run.metrics, "a") as file:
        file.write('{"step": 5')
    run.truncate_metrics(20)
    assert run.metrics.read_text() == '{"step": 10}\n{"step": 20}\n'


def test_samples_are_sorted_by_epoch_and_foreign_files_ignored() -> None:
    run = make_folder("one", 1e8)
    (run.folder / SAMPLES).mkdir()
    for name in ("999999.png", "000002.png", "1000000.png", "2 best.png", "best.png", "000003.gif"):
        (run.folder / SAMPLES / name).touch()
    (run.folder / SAMPLES / "000004.png").mkdir()
    assert run.samples() == [run.sample(epoch) for epoch in (2, 999_999, 1_000_000)]
    run.truncate_samples(2)
    assert run.samples() == [run.sample(2)]


def test_snapshots_before_and_after_a_step_are_pruned() -> None:
    run = make_folder("one", 1e8)
    for step in range(1, 6):
        run.snapshot(step).touch()
    run.prune_snapshots(4, keep=1)
    assert sorted(run.folder.glob("step-*")) == [run.snapshot(3), run.snapshot(4)]


def test_size_counts_all_files() -> None:
    run = new_run("one")
    run.create()
    assert run.size == 0
    run.metrics.write_bytes(b"x" * 10)
    run.sample(1).write_bytes(b"x" * 5)
    (run.folder / "link").symlink_to("/dev/zero")
    assert run.size == 15 + len("/dev/zero")


def test_invalid_config_is_an_error(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    for text in ("", "{", "[]", "7", '{"no": 1}', "[" * 100_000, '{"a": 1e999}', "\xff"):
        run.config.write_text(text, "latin-1")
        with pytest.raises(BadInput):
            run.read_config()
    run.config.unlink()
    os.mkfifo(run.config)  # reading it would block
    with pytest.raises(BadInput, match=r"no config\.json"):
        run.read_config()


def test_label_and_resume_command() -> None:
    assert RunDir(RUNS / "one").label == "one"
    assert RunDir(RUNS / "older/one").label == f"{RUNS}/older/one"
    assert RunDir(Path("/a/one")).label == "/a/one"
    assert RunDir(RUNS / "my run").resume_command == "ganctl train --resume 'my run'"


def test_torchrun_job_is_recognised() -> None:
    run = make_folder("one", 1e8)
    assert not run.belongs_to("job 1")
    run.write_job("job 1")
    assert run.belongs_to("job 1") and not run.belongs_to("job 2")


# --- finding runs


def test_newest_run_is_the_one_that_trained_last() -> None:
    assert newest_run() is None
    make_folder("old", 2e8, CONFIG, LAST)
    one = make_folder("trains on", 1e8, CONFIG, LAST)
    one.metrics.touch()
    os.utime(one.metrics, (3e8, 3e8))
    assert find_run(None) == newest_run() == find_resumable(None)[0] == one
    assert find_checkpoint(None) == one.checkpoint
    without_checkpoint = make_folder("begun", 4e8, CONFIG)
    assert find_run(None) == without_checkpoint and newest_run() == one
    assert make_folder("empty", 5e8).changed == 5e8


def test_run_is_found_by_name_folder_and_file() -> None:
    one = make_run(Path("checkpoints/one"), config(), metrics(4), age=60)
    two = make_run(Path("elsewhere/two"), config(), metrics(4))
    for given in (Path("one"), one.folder, one.checkpoint):
        assert find_run(given) == one
        assert find_checkpoint(given) == one.checkpoint
        assert find_resumable(given) == (one, one.checkpoint)
    assert find_run(two.metrics) == two


@pytest.mark.parametrize("given", ["none", "", "/dev/null", "x" * 300, None])
def test_missing_run_is_an_error(given: str | None) -> None:
    with pytest.raises(BadInput, match="there is no run"):
        find_run(None if given is None else Path(given))


def test_missing_checkpoint_is_an_error_with_a_way_out() -> None:
    new_run("begun").create()
    for given, message, hint in (
        (None, "no run in", "ganctl train"),
        ("none", "no checkpoint none", "a run's folder or its name"),
        ("/", "no checkpoint /", "a run's folder or its name"),
        ("begn", "no checkpoint begn", "a run's folder or its name"),
        ("begun", "no checkpoint in checkpoints/begun", "the same command begins it again"),
    ):
        path = None if given is None else Path(given)
        for find in (find_checkpoint, find_resumable):
            with pytest.raises(BadInput, match=message) as caught:
                find(path)
            assert hint in caught.value.hint
    finished("first-try")
    with pytest.raises(BadInput, match="did you mean 'first-try'"):
        find_checkpoint(Path("frist-try"))
    with pytest.raises(BadInput, match="did you mean 'first-try'"):
        find_run(Path("frist-try"))
    Path("alone.safetensors").touch()
    with pytest.raises(BadInput, match="not in a run's folder"):
        find_resumable(Path("alone.safetensors"))


def test_pretrained_generator_is_used_without_a_run() -> None:
    RUNS.mkdir()
    PRETRAINED.touch()
    assert find_checkpoint(None) == find_checkpoint(Path(PRETRAINED.stem)) == PRETRAINED
    assert "comes with ganctl" in introduce(PRETRAINED)
    run = finished("own")
    assert find_checkpoint(None) == run.checkpoint
    assert introduce(run.checkpoint) == str(run.checkpoint)


def test_run_without_a_step_is_resumed_and_not_drawn_from() -> None:
    trained = make_run(RUNS / "trained", config(), metrics(1), age=60)
    untrained = make_run(RUNS / "untrained", config(), [])
    assert find_checkpoint(None) == trained.checkpoint
    assert find_resumable(None) == (untrained, untrained.checkpoint)


def test_checkpoint_names_are_those_of_runs_and_files() -> None:
    assert checkpoint_names() == []
    make_folder("one", 1e8, CONFIG, LAST)
    make_folder("begun", 1e8, CONFIG)
    (RUNS / "shipped.safetensors").touch()
    (RUNS / "notes.txt").touch()
    assert checkpoint_names() == ["one", "shipped"]
    assert checkpoint_names(0) == []
