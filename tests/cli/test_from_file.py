from __future__ import annotations

import json
from pathlib import Path

import pytest

from ganctl.config_file import read_config

from ..conftest import Ganctl

CHECKPOINTS = Path("checkpoints")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_data: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run.toml").write_text(
        f'data = "{small_data}"\nepochs = 1\nbatch-size = 50\nema_decay = 0.9\n'
        'name = "run"\ndevice = "cpu"\nconditional = true\neval_every = 0\n'
    )


def test_a_saved_configuration_makes_the_same_run_or_another(ganctl: Ganctl) -> None:
    assert ganctl("train", "--config", "run.toml").code == 0
    saved = CHECKPOINTS / "run/config.json"
    again = ["train", "--config", saved]
    assert ganctl(*again, "--name", "same").code == 0
    assert (CHECKPOINTS / "same/config.json").read_bytes() == saved.read_bytes()
    assert ganctl(*again, "--name", "other", "--recipe", "classic").code == 0
    other = json.loads((CHECKPOINTS / "other/config.json").read_text())
    assert (other["lr"], other["bn_eps"]) == (2e-4, 0.8)  # classic's
    assert (other["ema_decay"], other["batch_size"]) == (0.9, 50)  # the file's


@pytest.mark.parametrize(
    ("written", "typed", "expected"),
    [
        (
            {"ema_decay": 0.9999, "r1_weight": 0.1},
            ["--recipe", "classic"],
            {"ema_decay": 0.9999, "r1_weight": 0.1, "lr": 2e-4},
        ),
        ({"lr": 0.0008}, ["--arch", "conv"], {"lr": 0.0008, "ema_decay": 0.9995}),
    ],
)
def test_what_is_written_stands_beside_what_is_typed(
    written: dict[str, float],
    typed: list[str],
    expected: dict[str, float],
    ganctl: Ganctl,
    small_data: Path,
) -> None:
    lines = [f"{name.replace('_', '-')} = {value}\n" for name, value in written.items()]
    Path("some.toml").write_text("".join(lines))
    outcome = ganctl("train", "--config", "some.toml", "--data", small_data, *typed, "--dry-run")
    assert outcome.code == 0
    Path("all.toml").write_text(outcome.out)
    config = read_config(Path("all.toml"))
    assert {name: config[name] for name in expected} == expected


def test_a_run_goes_on_by_its_file_or_not_at_all(ganctl: Ganctl) -> None:
    arguments = ["train", "--config", "run.toml"]
    assert ganctl(*arguments).code == 0
    assert ganctl(*arguments, "--resume", "--epochs", 2).code == 0
    with open("run.toml", "a") as file:
        file.write("r1_every = 5\n")
    refused = ganctl(*arguments, "--resume", "--epochs", 3)
    assert refused.code == 3
    assert "--r1-every 5 contradicts the run, which has 16" in refused.err
    refused = ganctl("train", "--resume", "run", "--no-conditional", "--epochs", 3)
    assert refused.code == 3
    assert "--no-conditional contradicts the run, which was started with it" in refused.err
