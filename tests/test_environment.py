from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ganctl import environment
from ganctl.environment import VARIABLES, check_environment, is_device, neutral, peak_memory
from ganctl.errors import BadInput

from .conftest import Ganctl


def test_the_runs_lie_where_the_variable_says(trained: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ganctl", "info", "small"]
    for runs, code in ((trained / "checkpoints", 0), (tmp_path / "none", 3), ("", 3)):
        env = {**os.environ, "GANCTL_RUNS": str(runs)}
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == code, done.stderr


@pytest.mark.parametrize("name", ["GANCTL_RUNS", "GANCTL_DATA"])
def test_a_folder_that_is_none_is_named(
    name: str, ganctl: Ganctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(name, str(tmp_path / "file"))
    outcome = ganctl("info", "none")
    assert outcome.code == 3
    assert outcome.err.startswith(f"error: {name} is {tmp_path / 'file'}, which is not a folder\n")
    for fine in ("", str(tmp_path), str(tmp_path / "none")):
        monkeypatch.setenv(name, fine)
        check_environment()


def test_a_device_that_is_none_is_named(ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANCTL_DEVICE", "gpu")
    outcome = ganctl("train", "--data", "digits")
    assert outcome.code == 2
    assert outcome.err.startswith("error: GANCTL_DEVICE is gpu, which is no device\n")
    monkeypatch.setenv("GANCTL_DEVICE", "cuda:99")
    outcome = ganctl("train", "--data", "digits")
    assert outcome.code == 3 and "this machine has no device 'cuda:99'" in outcome.err


def test_threads_that_are_no_number_are_named(
    ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANCTL_THREADS", "many")
    for command in (["train"], ["infer", "x.onnx"], ["sample"], ["evaluate"], ["doctor"]):
        outcome = ganctl(*command)
        assert outcome.code == 2 and outcome.out == ""
        assert "GANCTL_THREADS'): 'many' is not a whole number\n" in outcome.err


def test_help_names_the_variables(ganctl: Ganctl) -> None:
    shown = "".join(ganctl("train", "--help").out.split("│"))
    assert all(name in shown for name in VARIABLES)


@pytest.mark.parametrize("name", ["auto", "cpu", "mps", "cuda", "cuda:0", "cuda:12"])
def test_devices(name: str) -> None:
    assert is_device(name) and not is_device(name + "x")


def test_a_measured_process_takes_nothing_from_the_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "x")
    assert {name for name in VARIABLES if name in neutral()} == {"GANCTL_DATA"}
    with pytest.raises(BadInput, match="GANCTL_DEVICE is x"):
        environment.check_environment()


def test_the_peak_memory_is_read_in_bytes(tmp_path: Path) -> None:
    (tmp_path / "status").write_text("Name:\tpython\nVmPeak:\t9999 kB\nVmHWM:\t1234 kB\n")
    assert peak_memory(tmp_path / "status") == 1234 * 1024
    assert peak_memory(tmp_path / "none") > 10e6  # by getrusage


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux charges a child for its parent")
def test_the_peak_memory_of_a_child_does_not_include_its_parent() -> None:
    ballast = np.ones(300_000_000, np.uint8)
    program = "from ganctl.environment import peak_memory; print(peak_memory())"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert int(printed.stdout) < 200e6 < ballast.nbytes
