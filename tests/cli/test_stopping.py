"""Signals to a real training: it saves and ends within seconds, whatever it is doing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from ganctl.data.digits import load_digits
from ganctl.training.checkpoint import load_checkpoint

from ..conftest import Ganctl
from ..data.files import write_idx_pair
from ..work import worked, worked_by_children

pytestmark = pytest.mark.usefixtures("here")

RUN = Path("checkpoints/run")
LAST = RUN / "last.safetensors"

SECONDS = 5.0
"""Of work after a scheduler's SIGTERM, within which a training is to be saved and over."""

PATIENCE = 120.0

NOT_BEGUN = "note: stopped before training began; nothing was written\n"

IMPATIENT = """
import os, signal, sys
from pathlib import Path
from ganctl.cli.app import main
sync = os.fsync
def interrupted(descriptor):
    if Path("now").exists():
        os.kill(os.getpid(), signal.SIGINT)
    sync(descriptor)
os.fsync = interrupted
sys.exit(main())
"""
"""A training that gets a Ctrl-C whenever it flushes a file, once there is a file ``now``."""


def begin(program: list[str], data: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, *program, "train", "--data", str(data), "--name", "run"]
    command += ["--threads", "1", "--epochs", "100000", "--sample-every", "0", *options]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def wait_for(happened: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.01)


def test_a_measurement_is_cut_short_by_sigterm(tmp_path: Path) -> None:
    """Data that ganctl does not know is looked at first, 10,000 images: 4 s on two slow cores."""
    digits = load_digits()
    labels = digits.labels[:].astype(np.uint8)
    write_idx_pair(tmp_path / "own", digits.images[:, ::-1], labels)
    options = ("--eval-every", "1", "--batch-size", "2000")
    others = worked_by_children()
    process = begin(["-m", "ganctl"], tmp_path / "own", *options)
    wait_for(lambda: "onnxruntime" in Path(f"/proc/{process.pid}/maps").read_text(), process)
    before, began = worked(process.pid), time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE)
    work = worked_by_children() - others - before
    print(f"ended {time.monotonic() - began:.2f} s after SIGTERM, {work:.2f} s of work")
    assert work < SECONDS
    assert process.returncode == 143
    assert "to continue: ganctl train --resume run" in err
    saved = load_checkpoint(LAST)
    assert saved.step == 5 and bool(saved.tensors["epoch_totals"].any())
    assert not (RUN / "metrics.jsonl").exists()


def test_a_second_ctrl_c_ends_at_once_and_leaves_the_checkpoint(small_data: Path) -> None:
    process = begin(["-c", IMPATIENT], small_data, "--checkpoint-every", "1")
    wait_for(LAST.exists, process)
    Path("now").touch()
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    step = load_checkpoint(LAST).step
    last = err.splitlines()[-2:]
    if last[0].startswith("error: "):
        assert last[0] == f"error: not saved; the last checkpoint is {LAST} (step {step:,})"
        assert last[1] == "hint: to continue from there: ganctl train --resume run"
    else:  # the second one came after the file had taken its place
        assert last[1] == f"note: stopped after step {step:,}; saved {LAST}"
    assert not list(RUN.glob(".*"))


@pytest.mark.parametrize("options", [[], ["--quiet"], ["--dry-run"]])
def test_ctrl_c_before_training_began_says_that_nothing_was_written(
    options: list[str], small_data: Path, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(torch.nn, "Linear", interrupt)  # as the networks are made
    outcome = ganctl("train", "--data", small_data, "--name", "run", *options)
    assert outcome == (130, "", "" if "--quiet" in options else NOT_BEGUN)
    assert not Path("checkpoints/run").exists()


def test_so_it_does_while_torch_is_imported(tmp_path: Path, small_data: Path) -> None:
    (tmp_path / "torch.py").write_text("import os\nos.kill(os.getpid(), 2)\n", "utf-8")
    command = [sys.executable, "-m", "ganctl", "train", "--data", str(small_data)]
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 130 and done.stdout == ""
    assert done.stderr == NOT_BEGUN


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_saves_and_says_how_to_go_on(
    number: signal.Signals, code: int, small_data: Path, ganctl: Ganctl
) -> None:
    process = begin(["-m", "ganctl"], small_data, "--checkpoint-every", "0")
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith("epoch 1/100000")
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code
    assert f"note: stopped after step {load_checkpoint(LAST).step:,}; saved {LAST}\n" in err
    assert ("note: saving; Ctrl-C again stops without saving\n" in err) == (number == signal.SIGINT)
    assert "to continue: ganctl train --resume run" in err
    checkpoint = load_checkpoint(LAST)
    assert checkpoint.step > 0
    epochs = checkpoint.step // 4 + 2
    assert ganctl("train", "--resume", "--name", "run", "--epochs", epochs).code == 0
    assert load_checkpoint(LAST).step == 4 * epochs
