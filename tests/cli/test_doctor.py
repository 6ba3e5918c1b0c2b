from __future__ import annotations

import json
import os
import platform
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ganctl import __version__
from ganctl.cli import doctor
from ganctl.cli.doctor import Checkup, Machine, Torch, advice, cpu_flags, cpu_name, describe_machine
from ganctl.evaluation import classifier as judge
from ganctl.training import estimate

from ..conftest import Ganctl

HEALTHY = Checkup(
    machine=Machine("cpu", 4, 0.1, False, "Linux", "3.11", {"ganctl": "0.1.0"}),
    missing=[],
    providers=["cpu"],
    torch=Torch(None, "cpu", None, None, 4),
    cpu_flags=["avx2"],
    variables={},
    data_dir="data",
    data={"mnist": True},
    runs="checkpoints",
    runs_free=10**10,
    train_speed=1000.0,
    judge_speed=1000.0,
    problems=[],
)
BUSY = Machine("cpu", 4, 9.0, True, "Linux", "3.11", {})


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(estimate, "SECONDS", 0.0)
    monkeypatch.setattr(doctor, "SECONDS", 0.0)
    monkeypatch.setattr(doctor, "_has_nvidia_gpu", lambda: False)


def test_the_doctor_looks_and_measures(
    ganctl: Ganctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANCTL_DATA", str(tmp_path))
    outcome = ganctl("doctor", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    found = json.loads(outcome.out)
    assert found["problems"] == [] and found["missing"] == []
    assert {"ganctl", "torch", "onnxruntime", "numpy"} <= found["machine"]["versions"].keys()
    assert found["train_speed"] > 0 and found["judge_speed"] > 0 and found["minutes"] > 0
    assert found["variables"] == {"GANCTL_DATA": str(tmp_path)} and not found["data"]["mnist"]
    assert list(tmp_path.iterdir()) == []


def test_it_is_shown_in_sections(ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "check_up", lambda *_: HEALTHY)
    lines = ganctl("doctor").out.splitlines()
    sections = [line for line in lines if line and not line.startswith(" ")]
    assert sections == ["installed", "machine", "data and runs", "speed", "advice"]
    assert "  •             nothing to change" in lines
    assert any("15 epochs of MNIST in 15:00" in line for line in lines)


def test_without_torch_it_says_what_is_missing(
    ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(_: int) -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(doctor, "inspect_torch", absent)
    outcome = ganctl("doctor")
    assert outcome.code == 0 and 'pip install "ganctl[train]"' in outcome.out


def test_what_is_broken_is_told_and_exits_4(
    ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("libcudart.so: cannot open\nand more")

    monkeypatch.setattr(doctor, "inspect_torch", broken)
    monkeypatch.setattr(judge, "Classifier", broken)
    outcome = ganctl("doctor")
    assert outcome.code == 4 and "installed" in outcome.out
    error, hint = outcome.err.splitlines()
    assert error == (
        "error: training does not work: libcudart.so: cannot open; "
        "onnxruntime does not work: libcudart.so: cannot open"
    )
    assert hint.startswith("hint: try to install it again: pip install")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            replace(HEALTHY, missing=["torch", "onnx"], torch=None),
            "train, sample and export need torch, onnx: pip",
        ),
        (replace(HEALTHY, machine=BUSY), "use --threads 1, or GANCTL_THREADS=1"),
        (replace(HEALTHY, torch=Torch(None, "cpu", None, None, 1)), "torch uses 1 of 4 cores"),
        (replace(HEALTHY, torch=Torch("13.0", "cpu", None, None, 4)), "a CUDA build"),
        (replace(HEALTHY, torch=Torch("13.0", "cuda", "H", 1, 4)), "pip install onnxruntime-gpu"),
        (replace(HEALTHY, data={"mnist": False}), "the first training downloads MNIST"),
        (replace(HEALTHY, runs_free=10**6), "free some disk space: 1 MB are left"),
    ],
)
def test_advice(found: Checkup, said: str) -> None:
    (line,) = advice(found)
    assert said in line


def test_no_advice_is_given_where_nothing_is_to_be_changed() -> None:
    assert list(advice(HEALTHY)) == []


def test_a_gpu_that_torch_does_not_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_has_nvidia_gpu", lambda: True)
    assert "is a CPU build" in " ".join(advice(HEALTHY))
    cuda = replace(HEALTHY, torch=Torch("13.0", "cpu", None, None, 4))
    assert "update its driver" in " ".join(advice(cuda))


def test_a_variable_that_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANCTL_DEVCE", "cpu")
    assert list(advice(HEALTHY)) == ["GANCTL_DEVCE is not read: did you mean GANCTL_DEVICE?"]


def test_the_processors_instructions(tmp_path: Path) -> None:
    (tmp_path / "x86").write_text("model name : x\nflags\t\t: fpu avx2 amx_tile avx512f\n" * 2)
    (tmp_path / "arm").write_text("Features\t: fp asimd\n")
    assert cpu_flags(tmp_path / "x86") == ["avx2", "avx512f", "amx_tile"]
    assert cpu_flags(tmp_path / "arm") == ["asimd"]
    assert cpu_flags(tmp_path / "none") == []


@pytest.mark.parametrize(("load", "busy"), [(1.0, False), (2.1, True)])
def test_a_machine_is_busy_above_half_a_load_per_core(
    load: float, busy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 9.0, 9.0), raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    machine = describe_machine(("numpy", "no-such-package"))
    assert (machine.cores, machine.load, machine.busy) == (4, load, busy)
    assert machine.python == platform.python_version()
    assert machine.versions == {"ganctl": __version__, "numpy": np.__version__}


def test_the_processors_name(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nmodel name\t: Fast One @ 3 GHz\nflags\t: a b\n" * 2)
    assert cpu_name(file) == "Fast One @ 3 GHz"
    assert cpu_name(tmp_path / "nowhere") == platform.processor() or platform.machine()
