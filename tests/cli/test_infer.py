"""``infer`` alone: what it proves, and what it refuses. Its drawing is in test_draw.py."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from ..conftest import Ganctl


def test_verify_says_that_the_file_draws_what_it_drew(workplace: Path, ganctl: Ganctl) -> None:
    before = sorted(os.listdir())
    outcome = ganctl("infer", "small.onnx", "--verify")
    assert (outcome.code, outcome.err) == (0, "")
    assert re.fullmatch(
        r"small\.onnx: (identical to|within tolerance of) what it drew when it was made.*"
        r"10 images, 7,840 pixels.*\n",
        outcome.out,
    )
    assert sorted(os.listdir()) == before


def test_nothing_is_guessed_of_a_file_with_a_card(
    conditional: Path, tmp_path: Path, ganctl: Ganctl
) -> None:
    outcome = ganctl("infer", conditional / "asked.onnx", "-n", 3, tmp_path / "out.png")
    assert (outcome.code, outcome.err) == (0, "")


def test_verify_writes_nothing(workplace: Path, ganctl: Ganctl) -> None:
    for option in (["out.png"], ["-n", 5], ["--seed", 0], ["--digit", 7], ["--cols", 2]):
        outcome = ganctl("infer", "small.onnx", "--verify", *option)
        assert outcome.code == 2 and "writes nothing: leave" in outcome.err
    assert "leave --count, --seed out" in (
        ganctl("infer", "small.onnx", "--verify", "--seed", 1, "-n", 5).err
    )


def test_what_the_file_says_itself_cannot_be_told_otherwise(
    workplace: Path, ganctl: Ganctl
) -> None:
    outcome = ganctl("infer", "small.onnx", "--latent-dim", 5)
    assert outcome.code == 3 and "takes latents of 100 values, not 5" in outcome.err
    outcome = ganctl("infer", "small.onnx", "--layout", "nhwc")
    assert outcome.code == 3 and "not NHWC" in outcome.err
    outcome = ganctl("infer", "small.onnx", "--value-range", "0,1")
    assert outcome.code == 3 and "draws values of -1,1, as its model card says" in outcome.err


@pytest.mark.parametrize(
    ("command", "module", "stopped"),
    [
        ("infer small.onnx --seed 31 new.png", np.random, "Philox"),
        ("infer small.onnx --seed 32 new", np.random, "Philox"),
        ("sample --seed 33 new.png", np.random, "Philox"),
        ("export new.onnx", torch.onnx, "export"),
    ],
)
def test_ctrl_c_says_that_nothing_was_written(
    command: str,
    module: ModuleType,
    stopped: str,
    workplace: Path,
    ganctl: Ganctl,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    before = sorted(workplace.rglob("*"))
    monkeypatch.setattr(module, stopped, interrupt)
    code, out, err = ganctl(*command.split())
    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == "note: stopped; nothing was written"
    assert sorted(workplace.rglob("*")) == before
