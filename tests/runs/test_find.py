from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ganctl.config import train_config
from ganctl.environment import RUNS
from ganctl.errors import BadInput
from ganctl.pretrained import PRETRAINED, introduce
from ganctl.runs.run_dir import RunDir, find_checkpoint, find_resumable, new_run, newest_run
from ganctl.training.start import start_run

from ..training.made import finished

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_newest_checkpoint_is_found() -> None:
    assert newest_run() is None
    for name, age in (("old", 20), ("new", 0), ("older", 30)):
        finished(name, age)
    assert newest_run() == RunDir(RUNS / "new")
    assert find_checkpoint(None) == RUNS / "new" / "last.safetensors"


def test_a_checkpoint_is_a_file_a_folder_or_a_name() -> None:
    expected = finished("one").checkpoint
    for given in (expected, expected.parent, Path("one")):
        assert find_checkpoint(given).samefile(expected)


def test_without_a_run_the_pretrained_generator_is_found_and_introduced() -> None:
    with pytest.raises(BadInput, match="no run in"):
        find_checkpoint(None)
    RUNS.mkdir()
    PRETRAINED.touch()
    assert find_checkpoint(None) == PRETRAINED
    assert "comes with ganctl" in introduce(PRETRAINED)
    assert find_checkpoint(Path(PRETRAINED.stem)) == PRETRAINED
    run = finished("own")
    assert find_checkpoint(None) == run.checkpoint
    assert introduce(run.checkpoint) == str(run.checkpoint)


def test_what_is_not_there_is_named() -> None:
    new_run("begun").create()
    for given, message, way_out in (
        (None, "no run in", "ganctl train"),
        ("none", "no checkpoint none", "a run's folder or its name"),
        ("begun", "no checkpoint in checkpoints/begun", "the same command begins it again"),
    ):
        with pytest.raises(BadInput, match=message) as caught:
            find_resumable(None if given is None else Path(given))
        assert way_out in caught.value.hint
    with pytest.raises(BadInput, match="no checkpoint none"):
        find_checkpoint(Path("none"))
    with pytest.raises(BadInput, match="no checkpoint /"):
        find_checkpoint(Path("/"))


def test_a_run_without_a_step_is_gone_on_with_and_not_drawn_from(small_data: Path) -> None:
    config = train_config(data=str(small_data), epochs=1, eval_every=0)
    for name, stops in (("trained", False), ("fresh", True)):
        training = start_run(config, name, CPU, True, lambda _: None)
        training.train(lambda _: None, lambda stops=stops: stops)  # type: ignore[misc]
    assert find_checkpoint(None) == RUNS / "trained" / "last.safetensors"
    assert find_resumable(None) == (newest_run(), RUNS / "fresh" / "last.safetensors")
