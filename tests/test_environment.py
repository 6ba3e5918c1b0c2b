from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ganctl import environment
from ganctl.environment import (
    PRETRAINED,
    PRETRAINED_NAMES,
    VARIABLES,
    check_environment,
    cpu_count,
    is_device,
    peak_memory,
    pretrained_path,
)
from ganctl.evaluation.classifier import Classifier
from ganctl.latents import draw, seeded
from ganctl.training.checkpoint import as_function, load_generator

from .conftest import Ganctl

FOLDER = Path(__file__).parents[1] / "checkpoints"
COUNT = 500


def test_a_variable_names_the_folder_of_the_runs(trained: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ganctl", "info", "small"]
    for runs, code in ((trained / "checkpoints", 0), (tmp_path / "none", 3), ("", 3)):
        env = {**os.environ, "GANCTL_RUNS": str(runs)}
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == code, done.stderr


@pytest.mark.parametrize("name", ["GANCTL_RUNS", "GANCTL_DATA"])
def test_a_variable_that_is_not_a_folder_is_refused(
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


def test_a_variable_that_is_not_a_device_is_refused(
    ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANCTL_DEVICE", "gpu")
    outcome = ganctl("train", "--data", "digits")
    assert outcome.code == 2
    assert outcome.err.startswith("error: GANCTL_DEVICE is gpu, which is no device\n")
    monkeypatch.setenv("GANCTL_DEVICE", "cuda:99")
    outcome = ganctl("train", "--data", "digits")
    assert outcome.code == 3 and "this machine has no device 'cuda:99'" in outcome.err


def test_a_number_of_threads_that_is_not_one_is_refused(
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


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux only")
def test_only_usable_cores_count() -> None:
    program = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    program += "from ganctl.environment import cpu_count; print(cpu_count())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "1\n"


def test_all_cores_count_if_the_system_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert cpu_count() == 6


@pytest.mark.parametrize(
    ("name", "conditional"), [("mnist-mlp", False), ("mnist-conv-conditional", True)]
)
def test_a_pretrained_generator_is_small_and_draws_digits(name: str, conditional: bool) -> None:
    path = FOLDER / f"{name}.safetensors"
    assert path.stat().st_size < 7_000_000
    generator, card = load_generator(path)
    assert (card.name, card.data_name, card.data_count) == (name, "mnist", 60_000)
    assert card.quality["frechet_distance"] > 0
    inputs = seeded(1, generator.latent_dim, card.class_shares)
    batches = draw(as_function(generator), inputs, start=0, count=COUNT, batch_size=50)
    probabilities = Classifier(1)(np.concatenate(list(batches))).probabilities
    assert probabilities.max(axis=1).mean() > 0.93
    assert len(set(probabilities.argmax(axis=1))) == 10
    _, labels = inputs(0, COUNT)
    assert (labels is not None) is conditional
    if labels is not None:
        assert (probabilities.argmax(axis=1) == labels).mean() >= 0.98


def test_hints_name_the_pretrained_generators(
    ganctl: Ganctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {path.stem for path in FOLDER.glob("*.safetensors")} == {*PRETRAINED_NAMES}
    monkeypatch.chdir(tmp_path)
    outcome = ganctl("sample")
    assert outcome.code == 3 and "there is no run in checkpoints/" in outcome.err
    assert f"name the one in ganctl's clone: {FOLDER / PRETRAINED.name}\n" in outcome.err
    outcome = ganctl("export", "--checkpoint", "mnist-mlp")
    assert outcome.code == 3
    assert f"hint: it is in ganctl's clone: {FOLDER}/mnist-mlp.safetensors\n" in outcome.err
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "site-packages/ganctl/x.py"))
    assert pretrained_path() == f"CLONE/{PRETRAINED}"


def test_without_a_run_a_pretrained_generator_is_used(
    ganctl: Ganctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    PRETRAINED.parent.mkdir()
    shutil.copy(FOLDER / PRETRAINED.name, PRETRAINED)
    for command in (["sample", "--digit", 7, "out.png"], ["export", "gen.onnx"]):
        outcome = ganctl(*command)
        assert outcome.code == 0 and Path(str(command[-1])).exists()
        assert f"{PRETRAINED}, which comes with ganctl" in outcome.err
    assert ganctl("infer", "gen.onnx", "--digits", "42", "number.png").code == 0
