"""A run that is there already: gone on with, finished, or left alone."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from ganctl.training.checkpoint import load_checkpoint

from ..conftest import Ganctl

pytestmark = pytest.mark.usefixtures("here")

LAST = Path("checkpoints/run/last.safetensors")


def test_a_run_goes_on_where_it_ended(ganctl: Ganctl, small_data: Path) -> None:
    assert ganctl("train", "--data", small_data, "--epochs", 1, "--name", "run").code == 0
    before = {path: path.read_bytes() for path in LAST.parent.rglob("*.*")}
    again = ganctl("train", "--resume")  # as after a kill between the last save and the end
    assert (again.code, again.err) == (0, "")
    assert again.out.splitlines() == [
        "run has already finished its 1 epoch",
        "for more: ganctl train --resume run --epochs 2",
    ]
    assert {path: path.read_bytes() for path in LAST.parent.rglob("*.*")} == before
    more = ganctl("train", "--resume", "--epochs", 3)
    assert re.match(r"trained 2 more epochs in \d:\d\d, 3 in all\n", more.out)
    fewer = ganctl("train", "--resume", "--epochs", 2)
    assert fewer.code == 3 and "more than 2 epochs" in fewer.err
    assert more.code == 0 and "epoch 2/3" in more.err and "epoch 1/3" not in more.err
    assert load_checkpoint(LAST).step == 12
    lines = Path("checkpoints/run/metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]


def test_a_run_that_is_only_looked_at_again_does_not_become_the_newest(
    ganctl: Ganctl, small_data: Path
) -> None:
    arguments = ["train", "--data", small_data, "--epochs", 1, "--eval-every", 0, "--name"]
    for number, name in enumerate(("old", "new")):
        assert ganctl(*arguments, name).code == 0
        for path in Path("checkpoints", name).rglob("*"):
            os.utime(path, (1e9 + number, 1e9 + number))
    assert "has already finished its 1 epoch" in ganctl("train", "--resume", "old").out
    assert "drawing from checkpoints/new/" in ganctl("sample", "-n", 1, "out.png").err


def test_what_a_kill_after_the_last_save_left_undone_is_made_good(
    ganctl: Ganctl, small_data: Path
) -> None:
    arguments = ["train", "--data", small_data, "--epochs", 2, "--keep", 1, "--eval-every", 0]
    assert ganctl(*arguments, "--name", "run").code == 0
    folder = LAST.parent
    (copy,) = folder.glob("step-*.safetensors")
    before = copy.read_bytes()
    copy.unlink()
    (folder / "report.html").unlink()
    litter = folder / ".report.html.0123456789abcdef.tmp"
    litter.touch()
    again = ganctl("train", "--resume")
    assert again.code == 0 and "has already finished its 2 epochs" in again.out
    assert copy.read_bytes() == before
    assert (folder / "report.html").exists() and not litter.exists()


def test_other_data_is_not_taken_for_the_runs(
    ganctl: Ganctl, small_data: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for path in small_data.iterdir():
        (data / path.name).write_bytes(path.read_bytes())
    assert ganctl("train", "--data", data, "--epochs", 1, "--name", "run").code == 0
    images = data / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-1] + b"\x7f")
    outcome = ganctl("train", "--resume", "--epochs", 2)
    assert outcome.code == 3 and "the data is not what run was started with" in outcome.err


def test_a_run_that_torchrun_may_restart_needs_a_name(
    ganctl: Ganctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "1")
    outcome = ganctl("train", "--data", "digits", "--epochs", 1)
    assert outcome.code == 3
    assert "torchrun may restart this run" in outcome.err
    assert "--name NAME" in outcome.err
    assert not (tmp_path / "checkpoints").exists()


def test_a_restart_never_goes_on_with_a_run_that_it_did_not_begin(
    ganctl: Ganctl, small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["train", "--data", small_data, "--epochs", 1, "--name", "run"]
    assert ganctl(*arguments).code == 0
    before = LAST.read_bytes()
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "1")
    for count in ("0", "1"):
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", count)
        outcome = ganctl(*arguments, "--epochs", 2)
        assert (outcome.code, "exists already" in outcome.err) == (3, True)
    assert LAST.read_bytes() == before
