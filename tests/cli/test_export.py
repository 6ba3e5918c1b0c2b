from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from ganctl.errors import CheckFailed
from ganctl.inference.generator import load_onnx
from ganctl.latents import latents
from ganctl.training import export

from ..conftest import Ganctl


def test_it_says_what_it_wrote_and_how_well_it_agrees(workplace: Path, ganctl: Ganctl) -> None:
    outcome = ganctl("export")
    assert outcome.code == 0
    wrote, parity, following = outcome.out.splitlines()
    assert re.fullmatch(r"wrote generator\.onnx: 6\.\d\d MB, opset 20", wrote)
    assert re.match(r"against torch: at most \d\.\de-0\d apart; \d+ of 203,840", parity)
    assert following == "next: ganctl infer generator.onnx"
    assert Path("generator.onnx").read_bytes() == Path("small.onnx").read_bytes()
    assert list(Path().glob("*.data")) == []


def test_a_failed_check_writes_nothing(
    workplace: Path, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "MAX_DIFFERENCE", 0.0)
    Path("old.onnx").write_bytes(b"old")
    for out in ("new.onnx", "old.onnx"):
        outcome = ganctl("export", out)
        assert outcome.code == CheckFailed.exit_code == 5
        assert "nothing was written" in outcome.err
    assert not Path("new.onnx").exists()
    assert Path("old.onnx").read_bytes() == b"old"


def test_a_folder_that_does_not_exist_is_named(workplace: Path, ganctl: Ganctl) -> None:
    outcome = ganctl("export", "none/x.onnx")
    assert outcome.code == 3 and "hint: mkdir -p none" in outcome.err


def test_a_kind_of_file_that_is_not_known_is_refused(workplace: Path, ganctl: Ganctl) -> None:
    outcome = ganctl("export", "gen.png")
    assert outcome.code == 3 and "'.png' is no kind of generator" in outcome.err
    assert not Path("gen.png").exists()


def test_the_generator_alone_draws_and_exports_as_its_run_does(
    workplace: Path, ganctl: Ganctl, small_data: Path
) -> None:
    outcome = ganctl("export", "alone.safetensors")
    assert outcome.code == 0
    assert re.match(r"wrote alone\.safetensors: 6\.\d\d MB, the generator alone", outcome.out)
    assert ganctl("sample", "-n", 8, "run.npy").code == 0
    assert ganctl("sample", "-n", 8, "--checkpoint", "alone.safetensors", "alone.npy").code == 0
    assert Path("run.npy").read_bytes() == Path("alone.npy").read_bytes()
    assert ganctl("export", "--checkpoint", "alone.safetensors", "alone.onnx").code == 0
    drawn = [load_onnx(Path(name)) for name in ("alone.onnx", "small.onnx")]
    z = latents(1, 0, 8, 100)
    assert np.array_equal(drawn[0](z), drawn[1](z))
    assert str(small_data.parent).encode() not in Path("alone.safetensors").read_bytes()
    outcome = ganctl("sample", "--checkpoint", "alone.safetensors", "--weights", "live", "x.png")
    assert outcome.code == 3 and "holds the average of the weights alone" in outcome.err
