from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ganctl.runs.run_dir import RunDir
from ganctl.training import board
from ganctl.training.board import TAGS, event_files
from ganctl.training.progress import Progress

from ..conftest import Ganctl


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(name: str = "run") -> EventAccumulator:
    found = EventAccumulator(f"checkpoints/{name}/tensorboard")
    found.Reload()
    return found


def test_figures_and_samples_are_written_and_a_run_that_goes_on_takes_them_up(
    ganctl: Ganctl, small_data: Path
) -> None:
    arguments = ["--epochs", 2, "--eval-every", 1, "--sample-every", 2, "--tensorboard"]
    outcome = ganctl("train", "--data", small_data, "--name", "run", *arguments)
    assert outcome.code == 0, outcome.err
    assert set(written().Tags()["scalars"]) == set(TAGS.values()) - {"quality/drawn as asked"}
    assert ganctl("train", "--resume", "--epochs", 3, "--tensorboard").code == 0
    found = written()
    assert [(event.step, event.value) for event in found.Scalars("epoch")] == [
        *((4, 1), (8, 2), (12, 3)),
    ]
    images = found.Images("samples")
    assert [event.step for event in images] == [8, 12] and images[0].width == 242


def test_what_is_of_a_future_left_behind_counts_no_more(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "checkpoints/run")
    run.folder.mkdir(parents=True)

    def epoch(show: Any, number: int, loss: float) -> None:
        run.append_metrics({"epoch": number, "step": 4 * number, "g_loss": loss})
        show(Progress(number, 9, 4, 4, loss, 0, 0, 0, 1.0))

    with event_files(run, 0, print) as show:
        show(Progress(1, 9, 3, 4, 0, 0, 0, 0, 1.0))  # in the middle of an epoch
        for number in (1, 2, 3):
            epoch(show, number, 1.0)
        run.truncate_metrics(4)  # rolled back
        epoch(show, 2, 2.0)
    assert [event.value for event in written().Scalars("loss/generator")] == [1, 2]
    with event_files(run, 4, print) as show:  # gone on from an older checkpoint
        epoch(show, 2, 3.0)
    assert [event.value for event in written().Scalars("loss/generator")] == [1, 3]


def test_without_tensorboard_nothing_is_begun(
    ganctl: Ganctl, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    outcome = ganctl("train", "--data", small_data, "--tensorboard")
    assert outcome.code == 4 and outcome.out == ""
    error, hint = outcome.err.splitlines()
    assert "--tensorboard needs tensorboard, which is not installed" in error
    assert hint == 'hint: pip install "ganctl[tensorboard]"'
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_once_and_the_training_goes_on(
    ganctl: Ganctl, small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        def __init__(self, *_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(board, "writer_class", lambda: Full)
    outcome = ganctl("train", "--data", small_data, "--epochs", 2, "--tensorboard")
    assert outcome.code == 0
    (note,) = [line for line in outcome.err.splitlines() if line.startswith("note: ")]
    assert "cannot write TensorBoard's files: no space left on device" in note
