from __future__ import annotations

import dataclasses
import shlex
from typing import Any

import pytest

from ganctl.cli import train as train_command
from ganctl.config import TrainConfig
from ganctl.runs.words import command, unsaid

from ..conftest import Ganctl
from .fake_runs import HOSTILE, config

CONFIGS = {
    "default": config(50),
    "classic": config(15, "classic", precision="fp32"),
    "conv": config(5, arch="conv", conditional=True, objective="hinge", seed=4_000_000_000),
    "all": config(
        7,
        batch_size=128,
        lr=0.00012345678,
        b1=0.4,
        b2=0.99,
        precision="bf16",
        sample_every=0,
        eval_every=1,
        checkpoint_every=3,
        keep=2,
        max_rollbacks=3,
    ),
    "a path": config(2, data=f"/data/{HOSTILE}", data_dir="/some where"),
}


class Stop(Exception):
    pass


@pytest.mark.parametrize("name", CONFIGS)
def test_the_command_makes_the_same_configuration(
    name: str, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[TrainConfig] = []

    def prepared(made: TrainConfig, *_: Any) -> None:
        found.append(made)
        raise Stop

    monkeypatch.setattr(train_command, "_prepared", prepared)
    program, *words = shlex.split(command(CONFIGS[name], threads=1))
    assert program == "ganctl" and words[-2:] == ["--threads", "1"]
    with pytest.raises(Stop):
        ganctl(*words)
    assert found == [CONFIGS[name]] and unsaid(CONFIGS[name]) == []


def test_what_is_usual_is_not_said() -> None:
    assert command(config(50)) == "ganctl train --data digits --epochs 50 --precision auto"


def test_what_no_option_sets_is_named() -> None:
    assert unsaid(dataclasses.replace(config(), ema_decay=0.5, r1_every=3)) == [
        "ema_decay",
        "r1_every",
    ]
