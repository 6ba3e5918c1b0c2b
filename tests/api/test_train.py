from __future__ import annotations

import contextlib
import inspect
import json
import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ganctl
from ganctl.cli.train import train as command
from ganctl.config import TrainConfig, to_dict
from ganctl.config_file import to_toml
from ganctl.data.digits import load_digits
from ganctl.errors import BadInput
from ganctl.images import encode_png
from ganctl.training.checkpoint import load_checkpoint
from ganctl.training.progress import Progress

from ..conftest import Ganctl

train = ganctl.train  # the fixture `ganctl` hides the module in tests that run commands


def quick(data: Path, epochs: int, **more: Any) -> ganctl.TrainedRun:
    settings: dict[str, Any] = {
        "arch": "conv",
        "batch_size": 50,
        "sample_every": 0,
        "eval_every": 0,
        "precision": "fp32",
    }
    return train(data=data, epochs=epochs, **(settings | more))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as commands in this process do not


def test_a_data_sets_name_is_no_configuration() -> None:
    with pytest.raises(BadInput, match="cannot read digits: no such file") as raised:
        train("digits")
    assert raised.value.hint.endswith("data is a keyword: data='digits'")


@pytest.fixture
def chosen(small_data: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What makes a run short; and matplotlib, for whose pictures a run would wait, is not there."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    off = dict.fromkeys(["sample_every", "eval_every", "checkpoint_every"], 0)
    return {"data": str(small_data), "epochs": 1, "precision": "fp32", **off}


def test_a_configuration_is_a_file_a_mapping_or_an_object(
    chosen: dict[str, Any], tmp_path: Path
) -> None:
    values = {**chosen, "arch": "conv", "r1_weight": 0.1, "device": "cpu"}
    Path("run.toml").write_text(to_toml({**values, "name": "first", "fallback": False}))
    expected = TrainConfig(**chosen, arch="conv")
    first = train("run.toml")
    assert (first.config, first.folder.name) == (expected, "first")
    second = train(tmp_path / "run.toml", epochs=2, name="second", fallback=True)
    assert (second.config, second.folder.name) == (replace(expected, epochs=2), "second")
    given = {**values, "epochs": np.int64(1), "data": Path(chosen["data"]), "lr": np.float32(0.5)}
    found = train(given, recipe="classic", device="cpu").config
    classic = {**chosen, "recipe": "classic", "arch": "conv", "r1_weight": 0.1, "lr": 0.5}
    assert found == TrainConfig(**classic)
    assert [type(value) for value in (found.epochs, found.data, found.lr)] == [int, str, float]


def test_a_complete_configuration_can_be_repeated_or_take_another_recipe(
    chosen: dict[str, Any],
) -> None:
    complete = TrainConfig(recipe="classic", **chosen, ema_decay=0.5)
    Path("config.json").write_text(json.dumps(to_dict(complete)))
    other = TrainConfig(**chosen, arch="conv", ema_decay=0.5)
    given: tuple[Any, ...] = (complete, to_dict(complete), "config.json")
    for number, config in enumerate(given):
        assert train(config, name=f"same {number}").config == complete
        found = train(config, name=f"other {number}", recipe="default", arch="conv").config
        assert found == other


def test_a_file_says_which_run_goes_on(small_data: Path) -> None:
    config = {"data": small_data, "arch": "conv", "batch_size": 50, "name": "run", "epochs": 1}
    every = {"sample_every": 0, "eval_every": 0}
    assert train(config | every, ema_decay=0.5).config.ema_decay == 0.5
    again = train(config | every, resume=True, epochs=2)
    assert again.folder.name == "run" and again.config.epochs == 2
    with pytest.raises(BadInput, match="--seed 3 contradicts the run"):
        train({"seed": 3}, resume="run", epochs=3)


def test_tensorboards_files_are_written_too(small_data: Path) -> None:
    run = quick(small_data, 1, name="run", tensorboard=True)
    assert [*(run.folder / "tensorboard").iterdir()]


def test_it_takes_the_options_of_the_command() -> None:
    ours = {*inspect.signature(train).parameters}
    theirs = {*inspect.signature(command).parameters}
    assert ours - theirs == {"on_progress"}
    assert theirs - ours == {"source", "plain", "quiet", "dry_run"}


def test_it_trains_what_the_command_trains(small_data: Path, ganctl: Ganctl) -> None:
    arguments = "--epochs 1 --name command --arch conv --batch-size 50 --sample-every 0 --seed 3"
    arguments += " --precision fp32"
    assert ganctl("train", "--data", small_data, *arguments.split(), "--eval-every", 1).code == 0
    run = quick(small_data, 1, seed=np.int64(3), eval_every=1, name="ours", device="cpu")
    ours, theirs = (
        load_checkpoint(Path("checkpoints", name, "last.safetensors"))
        for name in ("ours", "command")
    )
    assert ours.config == theirs.config == run.config
    assert ours.tensors.keys() == theirs.tensors.keys()
    assert all(torch.equal(value, theirs.tensors[key]) for key, value in ours.tensors.items())
    assert ours.card.quality == theirs.card.quality != {}
    assert run.folder == Path.cwd() / "checkpoints" / "ours" and run.finished
    assert run.progress and run.progress.frechet_distance is not None


def test_it_tells_its_progress_and_leaves_the_process_as_it_was(
    small_data: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def state() -> tuple[object, ...]:
        numpy = np.random.get_state()[1].tolist()  # type: ignore[index]
        torchs = (torch.get_rng_state().tolist(), torch.get_num_threads(), torch.is_grad_enabled())
        return numpy, torchs, signal.getsignal(signal.SIGINT), dict(os.environ), os.getcwd()

    told: list[Progress] = []
    before = state()
    config = TrainConfig(data=str(small_data), epochs=2, sample_every=0, eval_every=0)
    run = train(config, on_progress=told.append)
    assert state() == before
    assert capfd.readouterr() == ("", "")
    ends = [(progress.epoch, progress.step) for progress in told if progress.step == progress.steps]
    assert ends == [(1, 4), (2, 4)] and told[-1] == run.progress
    assert run.folder.name.startswith("small-default-") and run.config.epochs == 2
    print(told[-1])
    assert capfd.readouterr().out.startswith("epoch 2/2, step 4/4: G ")
    os.chdir("..")  # the result knows where its run lies
    assert run.load().sample(3).shape == (3, 1, 28, 28)


def test_an_interrupt_saves_and_the_run_goes_on(small_data: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.step == progress.steps == 4:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    run = quick(small_data, 3, name="run", on_progress=interrupt)
    assert not run.finished and signal.getsignal(signal.SIGINT) is before
    assert repr(run).startswith("<TrainedRun run: epoch 1/3, step 4/4: G ")
    assert repr(run).endswith("; stopped: ganctl.train(resume='run') continues>")
    shown = run._repr_html_()
    assert "<p>TrainedRun run: epoch 1/3" in shown and "&#x27;run&#x27;" in shown
    assert shown.count('alt="curves" src="data:image/png;base64,') == shown.count("<img") == 1
    (run.folder / "samples").mkdir(exist_ok=True)
    (run.folder / "curves.png").rename(run.folder / "samples/000001.png")
    assert run._repr_html_().count('alt="000001" src=') == 1
    assert load_checkpoint(run.folder / "last.safetensors").step == 4
    assert run.load().card is not None
    told: list[Progress] = []
    again = train(resume="run", epochs=2, on_progress=told.append)
    assert again.finished and again.folder == run.folder and again.config.epochs == 2
    assert {progress.epoch for progress in told} == {2}
    with pytest.raises(BadInput, match="has finished 2 epochs"):
        train(resume=True)
    with pytest.raises(BadInput, match="--lr 0.1 contradicts the run"):
        train(resume=run.folder, lr=0.1)


def test_a_second_interrupt_is_raised_at_once(small_data: Path) -> None:
    def interrupt(progress: Progress) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        quick(small_data, 3, name="run", on_progress=interrupt)
    assert signal.getsignal(signal.SIGINT) is before
    assert load_checkpoint(Path("checkpoints/run/last.safetensors")).step == 0


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_what_on_progress_raises_comes_after_the_save(
    error: type[BaseException], small_data: Path
) -> None:
    def fail(progress: Progress) -> None:
        if progress.step == progress.steps:
            raise error

    with contextlib.suppress(ZeroDivisionError):
        run = quick(small_data, 3, name="run", on_progress=fail)
        assert error is KeyboardInterrupt and not run.finished
    assert load_checkpoint(Path("checkpoints/run/last.safetensors")).step == 4


def test_another_thread_trains_too(small_data: Path) -> None:
    runs = []
    thread = threading.Thread(target=lambda: runs.append(quick(small_data, 1, name="run")))
    thread.start()
    thread.join()
    assert runs[0].finished


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"epoch": 5}, TypeError, "unexpected keyword argument 'epoch': did you mean 'epochs'?"),
        ({"config": {"epoch": 5}}, BadInput, "config has an unknown key 'epoch': did you mean"),
        ({"config": {"epochs": 1.5}}, BadInput, "epochs=1.5 cannot be used"),
        ({"config": {"conditional": "no"}}, BadInput, "conditional='no' cannot be used"),
        ({"config": {"threads": "4"}}, BadInput, "threads='4' cannot be used"),
        ({"config": ["epochs"]}, BadInput, "config=.* cannot be used"),
        ({"config": "none.toml"}, BadInput, "cannot read none.toml: no such file"),
        ({"name": "a", "resume": "b"}, TypeError, "a name, or a run to resume"),
        ({"epochs": 2.5}, BadInput, "epochs=2.5 cannot be used"),
        ({"lr": "fast"}, BadInput, "lr='fast' cannot be used"),
        ({"data": 5}, BadInput, "data=5 cannot be used"),
        ({"epochs": 0}, BadInput, "epochs=0 cannot be used"),
        ({"arch": "vit"}, BadInput, "arch='vit' cannot be used"),
        ({"recipe": "none"}, BadInput, "recipe='none' cannot be used"),
        ({"device": "abacus"}, BadInput, "device='abacus' cannot be used"),
        ({"data": "none"}, BadInput, "none"),
        ({"resume": True}, BadInput, "there is no run"),
        ({"name": "../a"}, BadInput, "name='../a' cannot be used"),
    ],
)
def test_what_cannot_be_trained_is_refused_and_leaves_nothing(
    options: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message.replace("?", r"\?")):
        train(**options)
    assert list(Path.cwd().iterdir()) == []


def test_notes_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for index, image in enumerate(load_digits().images[:8]):
        (pictures / f"{index}.png").write_bytes(encode_png(image))
    (pictures / "8.png").write_bytes(b"no picture")
    quick(pictures, 1)
    assert caplog.messages and "8.png" in caplog.messages[0]
