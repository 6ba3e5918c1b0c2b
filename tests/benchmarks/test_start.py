from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import start
from benchmarks.common import COMMAND, process_seconds
from benchmarks.start import BARE_DRAW, ONE_STEP, check_same_picture
from ganctl.errors import BadInput, CheckFailed


def test_the_bare_script_draws_ganctls_picture(workplace: Path) -> None:
    model = str(workplace / "small.onnx")
    process_seconds(BARE_DRAW, [model, "bare.png"], workplace)
    process_seconds(COMMAND, ["infer", model, "ours.png", "-n", "64"], workplace)
    check_same_picture(workplace / "ours.png", workplace / "bare.png")


def test_other_pictures_are_noticed(tmp_path: Path) -> None:
    levels = np.full((4, 4), 100, np.uint8)
    for name, picture in (
        ("one", levels),
        ("rounded", levels + 1),
        ("other", levels + 2),
        ("smaller", levels[1:]),
    ):
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    check_same_picture(tmp_path / "one.png", tmp_path / "rounded.png")
    for name in ("other", "smaller"):
        with pytest.raises(CheckFailed, match="different pictures"):
            check_same_picture(tmp_path / "one.png", tmp_path / f"{name}.png")


def test_training_leaves_after_its_first_step(small_data: Path, tmp_path: Path) -> None:
    """It leaves within the first epoch, so it saves no more."""
    arguments = ["train", "--data", str(small_data), "--epochs", "1", "--name", "run"]
    done = subprocess.run(
        [sys.executable, "-c", ONE_STEP, *arguments], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    left = sorted(path.name for path in (tmp_path / "checkpoints" / "run").iterdir())
    assert left == [
        ".lock",
        "config.json",
        "last.safetensors",
        "samples",
    ]  # it leaves without cleaning up


def test_training_that_ends_before_is_no_measurement(small_data: Path, tmp_path: Path) -> None:
    arguments = ["--data", str(small_data), "--batch-size", "200", "--epochs", "1", "--name", "run"]
    arguments += ["--eval-every", "0"]  # a measurement asks whether to stop as well
    done = subprocess.run(
        [sys.executable, "-c", ONE_STEP, "train", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "the training ended before its second step"


def test_it_prints_json_or_a_table(
    small_data: Path,
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(start, "process_seconds", lambda *_: 0.25)
    monkeypatch.setattr(start, "check_same_picture", lambda *_: None)
    options = ["small.onnx", "--data", str(small_data), "--rounds", "2"]
    start.main([*options, "--json"])
    result = json.loads(capsys.readouterr().out)
    assert [(pair["target"], pair["met"]) for pair in result["pairs"]] == [
        (2.0, True),
        (1.35, True),
        (1.3, True),
    ]
    start.main(options)
    assert capsys.readouterr().out.count(" met") == 3


def test_a_missing_model_or_data_set_is_refused() -> None:
    with pytest.raises(BadInput, match="cannot read model nowhere.onnx"):
        start.main(["nowhere.onnx", "--data", "digits"])
    with pytest.raises(BadInput, match="no data set or path named 'nothing'"):
        start.main(["--data", "nothing"])
