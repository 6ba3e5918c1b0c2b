from __future__ import annotations

import re
from pathlib import Path

import pytest

from ganctl.errors import CheckFailed
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
