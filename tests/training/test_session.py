"""Opening a run: new, resumed, or restarted by torchrun."""

from __future__ import annotations

import os
import re
import shutil
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganctl.config import RunOptions
from ganctl.data.digits import load_digits
from ganctl.environment import RUNS
from ganctl.errors import BadInput, InvalidOption, MissingDependency
from ganctl.runs.run_dir import RunDir
from ganctl.training import session as session_module
from ganctl.training.checkpoint import load_checkpoint, save_checkpoint
from ganctl.training.session import open_session

from ..data.files import write_idx_pair
from .helpers import SHORT, assert_equal, at, checkpoint, new_session, resumed, trained


def test_a_new_session_has_a_folder_and_nothing_is_trained(small_data: Path) -> None:
    session = new_session(small_data)
    assert (session.run.folder, session.is_new) == (RUNS / "run", True)
    assert (session.steps, session.epochs, session.is_finished) == (4, 0, False)
    assert session.config.data == str(small_data)
    assert session.run.is_blank
    assert session.train()
    assert (session.epochs, session.is_finished) == (3, True)
    assert session.needs_report
    paths = session.draw_report()
    assert session.run.report in paths and all(path.exists() for path in paths)
    assert not session.needs_report


def test_a_blank_run_is_begun_again_and_a_trained_one_is_not(small_data: Path) -> None:
    """A run that is stopped before its first checkpoint has nothing to resume from."""
    new_session(small_data)
    run = trained(small_data, epochs=1)
    before = run.checkpoint.read_bytes()
    with pytest.raises(BadInput, match="checkpoints/run exists") as caught:
        new_session(small_data, epochs=1)
    assert "--resume run" in caught.value.hint
    assert run.checkpoint.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "error"), [("a/b", InvalidOption), ("..", InvalidOption), ("x" * 300, BadInput)]
)
def test_a_name_that_is_no_folders_name_is_refused_before_anything_is_made(
    name: str, error: type[Exception], small_data: Path, tmp_path: Path
) -> None:
    with pytest.raises(error, match="name"):
        new_session(small_data, name)
    assert list(tmp_path.iterdir()) == []


def test_without_a_name_the_run_is_named_after_its_data_its_kind_and_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OneMoment:
        @staticmethod
        def now() -> datetime:
            return datetime(2026, 11, 26, 9, 30)

    data = tmp_path / f"my data {'x' * 99}"
    write_idx_pair(data, load_digits().images[:20], load_digits().labels[:20].astype(np.uint8))
    monkeypatch.setattr(session_module, "datetime", OneMoment)
    given: dict[str, Any] = {"arch": "conv", "conditional": True, "objective": "hinge"}
    names = [new_session(data, name=None, **given).run.name for _ in range(3)]
    name = f"my-data-{'x' * 42}-default-conv-conditional-hinge-20261126-093000"
    assert names == [name, f"{name}-2", f"{name}-3"]


def test_data_without_classes_cannot_be_conditional(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for number in range(4):
        image = Image.fromarray(np.full((8, 8), 60 * number, np.uint8))
        image.save(tmp_path / "images" / f"{number}.png")
    with pytest.raises(BadInput, match="--conditional needs classes"):
        new_session(tmp_path / "images", conditional=True)
    assert not RUNS.exists()
    assert new_session(tmp_path / "images").config.classes == 0


def test_the_embedded_digits_replace_mnist_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from torchvision.datasets import MNIST

    monkeypatch.setattr(MNIST, "mirrors", ["http://127.0.0.1:9/"])  # the discard port: refused
    session = new_session("mnist", data_dir=str(tmp_path / "none"), batch_size=5000)
    assert session.config.data == "digits"
    assert "embedded digits" in caplog.messages[0]
    assert not session.train(should_stop=at(session, 1))
    again = resumed()
    assert again.config.data == "digits"
    assert again.data.note == session.data.note != ""


def test_without_tensorboard_nothing_is_begun(
    small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(MissingDependency, match="--tensorboard needs tensorboard") as caught:
        new_session(small_data, tensorboard=True)
    assert caught.value.hint == 'pip install "ganctl[tensorboard]"'
    assert list(tmp_path.iterdir()) == []


def test_a_resumed_session_continues_where_the_run_was_saved(
    small_data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = new_session(small_data, lr=0.001)
    assert not first.train(should_stop=at(first, 6))
    for source in (True, Path("run"), first.run.folder, first.run.checkpoint):
        session = resumed(source)
        assert (session.state.step, session.epochs, session.is_new) == (6, 1, False)
        assert session.config == first.config
        assert_equal(session.state.tensors(), checkpoint(first.run).tensors)
    assert caplog.messages == ["resuming run after step 6"] * 4


def test_a_resumed_session_knows_what_was_measured(small_data: Path) -> None:
    run = trained(small_data, epochs=1)
    saved = checkpoint(run)
    card = saved.card.__class__(**{**vars(saved.card), "quality": {"frechet_distance": 3.0}})
    save_checkpoint(run.checkpoint, saved.__class__(**{**vars(saved), "card": card}))
    assert resumed(epochs=2).quality == {"frechet_distance": 3.0}


def test_only_some_options_may_change_on_resume(small_data: Path) -> None:
    run = trained(small_data, epochs=1)
    config = resumed(epochs=2, sample_every=3, data_dir="moved", precision="auto").config
    assert (config.epochs, config.sample_every, config.data_dir) == (2, 3, "moved")
    assert config.precision == "fp32"
    changes: list[dict[str, Any]] = [{"lr": 0.5}, {"conditional": True}, {"precision": "bf16"}]
    for change in changes:
        with pytest.raises(BadInput, match=f"--{next(iter(change))}.* contradicts the run"):
            resumed(epochs=2, **change)
    assert checkpoint(run).config.epochs == 1


def test_fewer_epochs_than_are_trained_are_refused(small_data: Path) -> None:
    trained(small_data, epochs=2)
    with pytest.raises(BadInput, match="has already taken 8 steps, more than 1 epoch of 4"):
        resumed(epochs=1)
    assert resumed(epochs=2).is_finished


def test_other_data_is_refused_and_the_same_may_have_moved(
    small_data: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(small_data, data)
    trained(data, epochs=1)
    images = data / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(BadInput, match="the data is not what run was started with: 200 images"):
        resumed(epochs=2)
    shutil.rmtree(data)
    with pytest.raises(BadInput, match="data"):
        resumed(epochs=2)
    shutil.copytree(small_data, data)
    assert resumed(epochs=2).state.step == 4


def test_a_generator_alone_cannot_be_resumed(small_data: Path) -> None:
    run = trained(small_data, epochs=1)
    save_checkpoint(run.best, checkpoint(run).generator_only())
    with pytest.raises(BadInput, match="holds only the generator") as caught:
        resumed(run.best, epochs=2)
    assert run.resume_command in caught.value.hint


def test_there_must_be_a_run_to_resume(small_data: Path) -> None:
    with pytest.raises(BadInput, match="there is no run in checkpoints/"):
        resumed()
    with pytest.raises(BadInput, match="there is no checkpoint none"):
        resumed(Path("none"))
    new_session(small_data)
    with pytest.raises(BadInput, match="there is no checkpoint in checkpoints/run"):
        resumed(Path("run"))


def test_another_number_of_threads_is_a_warning(
    small_data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    session = new_session(small_data)
    assert not session.train(should_stop=at(session, 1))
    saved = checkpoint(session.run)
    assert saved.threads == torch.get_num_threads()
    for threads, warned in ((saved.threads, 0), (saved.threads + 1, 1), (0, 0)):
        changed = saved.__class__(**{**vars(saved), "threads": threads})
        save_checkpoint(session.run.checkpoint, changed)
        caplog.clear()
        resumed()
        warnings = [each.message for each in caplog.records if each.levelname == "WARNING"]
        assert len(warnings) == warned
        assert not warned or f"was trained with --threads {threads}" in warnings[0]


def test_two_processes_do_not_train_one_run(small_data: Path) -> None:
    run = trained(small_data, epochs=1)
    second, before = resumed(epochs=2), run.metrics.read_bytes()
    with (
        run.locked(),
        pytest.raises(BadInput, match=f"is being trained by process {os.getpid()}"),
    ):
        second.train()
    assert run.metrics.read_bytes() == before
    assert second.train()


def test_of_two_new_runs_with_one_name_the_second_leaves_the_first_alone(small_data: Path) -> None:
    """It was opened before the first began, and begins after that one's end."""
    first, second = new_session(small_data), new_session(small_data)
    assert first.train()
    with pytest.raises(BadInput, match="another process has meanwhile continued run"):
        second.train()
    assert checkpoint(first.run).step == 12


def test_a_run_that_another_process_continued_after_it_was_read_is_refused(
    small_data: Path,
) -> None:
    first = new_session(small_data)
    assert not first.train(should_stop=at(first, 5))
    early, later = resumed(), resumed()
    assert later.train()
    before = first.run.metrics.read_bytes()
    with pytest.raises(BadInput, match="another process has meanwhile continued run"):
        early.train()
    assert first.run.metrics.read_bytes() == before
    assert checkpoint(first.run).step == 12


def torchrun(monkeypatch: pytest.MonkeyPatch, restarts: int, run_id: str = "job") -> None:
    """Set the environment of a process that torchrun has started, or restarted."""
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", run_id)
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "3")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", str(restarts))


def test_a_restart_continues_the_run_that_it_started(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torchrun(monkeypatch, 0)
    new_session(small_data)  # and dies before its first checkpoint
    torchrun(monkeypatch, 1)
    session = new_session(small_data)
    assert session.is_new and not session.train(should_stop=at(session, 6))
    torchrun(monkeypatch, 2)
    session = new_session(small_data)
    assert (session.is_new, session.state.step) == (False, 6)
    assert session.train()
    torchrun(monkeypatch, 3)
    assert new_session(small_data).is_finished


@pytest.mark.parametrize("restarts", [0, 1])
def test_a_restart_never_continues_a_run_that_it_did_not_start(
    restarts: int, small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torchrun(monkeypatch, 0, "another job")
    run = trained(small_data, epochs=1)
    before = run.checkpoint.read_bytes()
    torchrun(monkeypatch, restarts)
    with pytest.raises(BadInput, match="exists"):
        new_session(small_data)
    assert run.checkpoint.read_bytes() == before


def test_a_run_that_torchrun_may_restart_needs_a_name(
    small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torchrun(monkeypatch, 0)
    with pytest.raises(BadInput, match="torchrun may restart this run") as caught:
        new_session(small_data, name=None)
    assert "--name NAME" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_wrong_options_are_refused_before_anything_is_made(
    small_data: Path, tmp_path: Path
) -> None:
    with pytest.raises(InvalidOption, match="batch.size"):
        new_session(small_data, batch_size=1)
    with pytest.raises(BadInput, match="no device 'cuda'"):
        with open_session(SHORT | {"data": str(small_data)}, RunOptions(device="cuda")):
            pass
    assert list(tmp_path.iterdir()) == []


def test_a_run_outside_the_usual_place_is_continued_where_it_is(
    small_data: Path, tmp_path: Path
) -> None:
    trained(small_data, epochs=1).folder.rename(tmp_path / "elsewhere")
    session = resumed(Path("elsewhere"), epochs=2)
    assert session.train()
    assert load_checkpoint(Path("elsewhere/last.safetensors")).step == 8
    assert re.search("--resume elsewhere", RunDir(Path("elsewhere")).resume_command)
