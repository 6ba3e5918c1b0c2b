from __future__ import annotations

import json
from pathlib import Path

import pytest

from ganctl.environment import RUNS
from ganctl.errors import BadInput
from ganctl.runs.history import last_metrics
from ganctl.runs.run_dir import RunDir, new_run

from ..training.made import finished


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_new_run_writes_its_configuration() -> None:
    finished("one")
    assert json.loads(Path("checkpoints/one/config.json").read_text()) == {"epochs": 1}


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/tmp/x", "-n", "a\nb", "\x1b[2J"])
def test_a_name_that_is_no_folder_name_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="not a plain folder name"):
        new_run(name)


def test_a_run_is_never_begun_over_another() -> None:
    finished("one")
    with pytest.raises(BadInput, match="exists already") as caught:
        new_run("one")
    assert "ganctl train --resume one" in caught.value.hint
    unsaved = new_run("unsaved")
    unsaved.create()
    unsaved.metrics.touch()
    with pytest.raises(BadInput, match="exists already") as caught:
        new_run("unsaved")
    assert "resume" not in caught.value.hint


@pytest.mark.parametrize("what", ["a file", "a link to nothing"])
def test_what_is_no_folder_is_never_begun_over(what: str) -> None:
    run = RunDir(RUNS / "one")
    RUNS.mkdir()
    run.folder.touch() if what == "a file" else run.folder.symlink_to("nothing")
    with pytest.raises(BadInput, match="exists already"):
        new_run("one")


def test_a_run_that_was_killed_as_it_began_is_begun_again_by_the_same_command() -> None:
    run = new_run("one")
    run.create()
    run.write_config({"epochs": 1})
    for name in (".lock", f".last.safetensors.{'0' * 16}.tmp"):
        (run.folder / name).touch()
    new_run("one").create(exist_ok=True)
    run.sample(1).touch()
    with pytest.raises(BadInput, match="exists already"):
        new_run("one")


def test_of_two_who_begin_at_once_one_is_refused() -> None:
    first, second = new_run("one"), new_run("one")
    first.create()
    with pytest.raises(BadInput, match="exists already"):
        second.create()


def test_a_name_with_spaces_can_be_typed_again() -> None:
    assert RunDir(RUNS / "my run").resume_command == "ganctl train --resume 'my run'"


def test_figures_of_later_steps_and_torn_lines_are_dropped() -> None:
    run = new_run("one")
    run.create()
    for step in (10, 20, 30):
        run.append_metrics({"step": step})
    with open(run.metrics, "a") as file:
        file.write('{"step": 5')
    run.truncate_metrics(20)
    assert run.metrics.read_text() == '{"step": 10}\n{"step": 20}\n'


@pytest.mark.parametrize(
    "torn", ["", '{"step": 5', "12\n", '{"step": NaN}\n', "[" * 100_000, "\xff\n"]
)
def test_the_last_whole_line_of_figures_is_read(torn: str) -> None:
    run = new_run("one")
    run.create()
    assert last_metrics(run) == {}
    for step in (10, 20):
        run.append_metrics({"step": step})
    with open(run.metrics, "ab") as file:
        file.write(torn.encode("latin-1"))
    assert last_metrics(run) == {"step": 20}


def test_what_a_run_has_left_is_counted() -> None:
    run = new_run("one")
    run.create()
    assert (len(run.samples()), run.size) == (0, 0)
    run.metrics.write_bytes(b"x" * 10)
    run.sample(1).write_bytes(b"x" * 5)
    (run.folder / "samples" / "best.png").write_bytes(b"x")  # somebody else's
    (run.folder / "link").symlink_to("/dev/zero")
    assert run.samples() == [run.sample(1)]
    assert run.size == 16 + len("/dev/zero")
