from __future__ import annotations

import re
from pathlib import Path

import pytest

from ganctl.training import estimate

from ..conftest import Ganctl


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(estimate, "SECONDS", 0.0)


def test_the_data_that_was_asked_for_is_kept_though_it_cannot_be_had(
    ganctl: Ganctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision.datasets import MNIST

    monkeypatch.setattr(MNIST, "mirrors", ["http://127.0.0.1:9/"])  # the discard port: refused
    dry = ganctl("train", "--data-dir", tmp_path / "none", "--dry-run")
    assert dry.code == 0 and "the 10,000 embedded digits instead" in dry.err
    assert dry.out.startswith('data = "mnist"\n') and "\n# data: digits, 10,000 images" in dry.out


def test_what_a_run_would_take(ganctl: Ganctl, small_data: Path) -> None:
    arguments = ["train", "--data", small_data, "--epochs", 30, "--threads", 1, "--dry-run"]
    out = ganctl(*arguments, "--precision", "fp32").out
    comments = [line for line in out.splitlines() if line.startswith("#")]
    expected = (
        "# data: small, 200 images of 1×28×28, 10 classes",
        "# generator: 1,510,032 parameters",
        "# discriminator: 533,505 parameters",
        "# on: cpu, 1 thread, fp32",
        r"# an epoch: 4 steps, [\d.:]+( s)?, [\d,]+ images/s \(by 16 steps\)",
        r"# 30 epochs: [\d.:]+( s)?, plus samples, evaluations and checkpoints",
        r"# memory: [\d,]+ MB",
        r"# folder: checkpoints/small-default-\d{8}-\d{6}",
    )
    for line, pattern in zip(comments, expected, strict=True):
        assert re.fullmatch(pattern, line), line
    assert not Path("checkpoints").exists()


def test_what_a_run_would_refuse_is_refused(ganctl: Ganctl, small_data: Path) -> None:
    Path("checkpoints/run").mkdir(parents=True)
    Path("checkpoints/run/metrics.jsonl").touch()
    taken = ganctl("train", "--data", small_data, "--name", "run", "--dry-run")
    assert taken.code == 3 and "checkpoints/run exists already" in taken.err
    resumed = ganctl("train", "--resume", "run", "--dry-run")
    assert resumed.code == 2 and "leave --resume out" in resumed.err
    assert taken.out == resumed.out == ""
