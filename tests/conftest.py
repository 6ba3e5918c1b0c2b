"""What the tests share: a small real data set, and a run trained on it."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

# One thread: the tests' networks are small, and two threads beside another busy process crawl.
# Set before torch is imported, and passed on to subprocesses.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""  # what they expect is what a CPU does
os.environ.pop("GANCTL_RUNS", None)
os.environ.pop("GANCTL_DATA", None)
os.environ.pop("GANCTL_DEVICE", None)
os.environ.pop("GANCTL_THREADS", None)

from ganctl.cli.app import main
from ganctl.data.digits import load_digits

from .data.files import write_idx_pair


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Call bytes by their argument: some hold the time, and all workers must name a test alike."""
    return argname if isinstance(val, bytes) else None


class Outcome(NamedTuple):
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str


Ganctl = Callable[..., Outcome]

# A shell's background ignores Ctrl-C, nohup SIGHUP, and so would the subprocesses.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def ganctl(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Ganctl]:
    """Run a command line in this process; training measures few images, for speed."""

    def run(*arguments: object) -> Outcome:
        if "train" in arguments:
            monkeypatch.setattr("ganctl.training.callbacks.MONITOR_IMAGES", 100)
        code = main([str(argument) for argument in arguments])
        return Outcome(code, *capsys.readouterr())

    yield run
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)  # whatever --threads was


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 200 real digits in MNIST's format: three full batches of 64 and one of 8."""
    images, labels = load_digits().images[:200], load_digits().labels[:200]
    folder = tmp_path_factory.mktemp("data") / "small"
    write_idx_pair(folder, images, labels.astype(np.uint8))
    return folder


@pytest.fixture(scope="session")
def trained(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run checkpoints/small, two epochs long, and its export small.onnx."""
    workplace = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(workplace)
        assert main(["train", "--data", str(small_data), "--epochs", "2", "--name", "small"]) == 0
        assert main(["export", "small.onnx"]) == 0
    return workplace


@pytest.fixture(scope="session")
def conditional(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the conditional run checkpoints/asked, an epoch long, and asked.onnx."""
    workplace = tmp_path_factory.mktemp("conditional")
    options = ["--conditional", "--arch", "conv", "--epochs", "1", "--name", "asked"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(workplace)
        assert main(["train", "--data", str(small_data), *options]) == 0
        assert main(["export", "asked.onnx"]) == 0
    return workplace


@pytest.fixture
def workplace(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh current folder with a copy of what `trained` holds."""
    copy = tmp_path / "workplace"
    shutil.copytree(trained, copy)
    monkeypatch.chdir(copy)
    return copy
