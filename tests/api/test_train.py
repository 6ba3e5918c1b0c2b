from __future__ import annotations

import contextlib
import inspect
import os
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ganctl
from ganctl.api.train import Options
from ganctl.cli.train import train as command
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
    }
    return train(data=data, epochs=epochs, **(settings | more))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as commands in this process do not


def test_a_data_sets_name_is_no_configuration() -> None:
    with pytest.raises(TypeError, match="options such as data='digits'"):
        train("digits")  # type: ignore[arg-type]


def test_it_takes_the_options_of_the_command() -> None:
    ours = {*Options.__annotations__, *inspect.signature(train).parameters}
    theirs = {*inspect.signature(command).parameters}
    assert ours - theirs == {"config", "on_progress", "options"}
    shown = {"plain", "quiet", "dry_run", "tensorboard"}
    assert theirs - ours == {"ctx", "source", "config_file"} | shown  # what goes on: resume
    assert train.__doc__ and all(name in train.__doc__ for name in Options.__annotations__)


def test_it_trains_what_the_command_trains(small_data: Path, ganctl: Ganctl) -> None:
    arguments = "--epochs 1 --name command --arch conv --batch-size 50 --sample-every 0 --seed 3"
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
    config = ganctl.TrainConfig(data=str(small_data), epochs=2, sample_every=0, eval_every=0)
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
    assert repr(run).endswith("; stopped: ganctl.train(resume='run') goes on>")
    assert load_checkpoint(run.folder / "last.safetensors").step == 4
    assert run.load().card is not None
    told: list[Progress] = []
    again = train(resume="run", epochs=2, on_progress=told.append)
    assert again.finished and again.folder == run.folder and again.config.epochs == 2
    assert {progress.epoch for progress in told} == {2}
    with pytest.raises(BadInput, match="has finished 2 epochs"):
        train(resume=True)
    with pytest.raises(BadInput, match="lr=0.1 contradicts the run"):
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
        ({"config": ganctl.TrainConfig(), "epochs": 5}, TypeError, "a TrainConfig, or options"),
        ({"name": "a", "resume": "b"}, TypeError, "a name, or a run to resume"),
        ({"epochs": 2.5}, BadInput, "epochs=2.5 cannot be used"),
        ({"lr": "fast"}, BadInput, "lr='fast' cannot be used"),
        ({"data": 5}, BadInput, "data=5 cannot be used"),
        ({"epochs": 0}, BadInput, "epochs=0 cannot be used"),
        ({"arch": "vit"}, BadInput, "arch='vit' cannot be used"),
        ({"recipe": "none"}, BadInput, "there is no recipe 'none'"),
        ({"device": "abacus"}, BadInput, "there is no device 'abacus'"),
        ({"data": "none"}, BadInput, "none"),
        ({"resume": True}, BadInput, "there is no run"),
        ({"name": "../a"}, BadInput, "is not a plain folder name"),
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
