from __future__ import annotations

import io
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganctl.cli.app import main

from ..conftest import Ganctl


@pytest.mark.parametrize("command", [["sample"], ["infer", "small.onnx"]])
def test_a_png_goes_to_stdout_and_nothing_else(
    command: list[str], workplace: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    before = sorted(workplace.rglob("*"))
    assert main([*command, "-", "-n", "4", "--cols", "2"]) == 0
    piped = Image.open(io.BytesIO(capfdbinary.readouterr().out))
    assert sorted(workplace.rglob("*")) == before
    assert main([*command, "out.png", "-n", "4", "--cols", "2"]) == 0
    assert piped.format == "PNG"
    assert np.array_equal(np.array(piped), np.array(Image.open("out.png")))


def test_no_folder_is_needed_that_can_be_written(
    workplace: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(workplace / "none"))
        assert main(["infer", "small.onnx", "-", "-n", "1"]) == 0
    assert Image.open(io.BytesIO(capfdbinary.readouterr().out)).size == (32, 32)


@pytest.mark.parametrize("command", [["sample"], ["infer", "small.onnx"]])
def test_a_file_of_that_name_is_not_stdout(
    command: list[str], workplace: Path, ganctl: Ganctl
) -> None:
    outcome = ganctl(*command, "./-")
    assert (outcome.code, outcome.out) == (3, "")
    assert "/-: that is not a file name" in outcome.err and not Path("./-").exists()


def test_a_walk_is_a_strip(workplace: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["infer", "small.onnx", "-", "-n", "2", "--interpolate", "3"]) == 0
    assert Image.open(io.BytesIO(capfdbinary.readouterr().out)).size == (4 * 30 + 2, 32)


def test_a_terminal_gets_none(
    workplace: Path, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for command in (["sample"], ["infer", "small.onnx"]):
        outcome = ganctl(*command, "-")
        assert outcome.code == 3 and outcome.out == ""
        assert (
            "error: a terminal shows no PNG\nhint: " in outcome.err and "> out.png" in outcome.err
        )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_told(
    workplace: Path, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        outcome = ganctl("infer", "small.onnx", "-", "-n", 4)
    assert outcome.code == 6 and "cannot write the result" in outcome.err


def test_a_reader_that_goes_away_is_no_error(
    workplace: Path, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert ganctl("infer", "small.onnx", "-", "-n", 4).code == 0
