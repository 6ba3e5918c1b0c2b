"""``evaluate``: what is measured, what is printed, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganctl.data.digits import load_digits

from ..conftest import Ganctl


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where what is computed of other data is kept."""
    monkeypatch.setenv("GANCTL_DATA", str(tmp_path / "kept"))
    return tmp_path / "kept"


def figures(ganctl: Ganctl, *arguments: object) -> dict[str, Any]:
    outcome = ganctl("evaluate", *arguments, "--json")
    assert outcome.code == 0, outcome.err
    found: dict[str, Any] = json.loads(outcome.out)
    return found


def test_a_checkpoint_its_export_and_its_pictures_are_alike(
    workplace: Path, ganctl: Ganctl, small_data: Path
) -> None:
    for out in ("drawn", "drawn.npy"):
        assert ganctl("infer", "small.onnx", "-n", 150, out).code == 0
    options = ("-n", 150, "--data", small_data)
    exported = figures(ganctl, "small.onnx", *options)
    assert exported["target"] == "small.onnx" and exported["figures"]["samples"] == 150
    for same in ("drawn", "drawn.npy"):
        assert figures(ganctl, same, *options)["figures"] == exported["figures"]
    for near in ("small", "checkpoints/small", "checkpoints/small/last.safetensors"):
        found = figures(ganctl, near, *options)
        distance = exported["figures"]["frechet_distance"]
        assert found["figures"]["frechet_distance"] == pytest.approx(distance, rel=0.01)
        assert found["real"] == exported["real"]


def test_a_conditional_generator_is_asked_for_digits(
    conditional: Path, ganctl: Ganctl, small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(conditional)
    options = ("-n", 100, "--data", small_data)
    exported = figures(ganctl, "asked.onnx", *options)["figures"]
    run = figures(ganctl, "asked", *options)["figures"]
    assert 0 <= exported["drawn_as_asked"] <= 1
    assert run["drawn_as_asked"] == pytest.approx(exported["drawn_as_asked"], abs=0.02)
    assert "drawn as asked" in ganctl("evaluate", "asked.onnx", *options).out


def test_the_newest_run_is_named(workplace: Path, ganctl: Ganctl, small_data: Path) -> None:
    outcome = ganctl("evaluate", "-n", 50, "--data", small_data)
    assert outcome.code == 0
    assert outcome.err.splitlines()[0] == "note: evaluating checkpoints/small/last.safetensors"
    assert outcome.out.startswith("small: 50 images\nreal: 50 other images of small\n")


def test_the_seed_and_the_threads(workplace: Path, ganctl: Ganctl, small_data: Path) -> None:
    options = ("small.onnx", "-n", 50, "--data", small_data)
    first = figures(ganctl, *options)
    assert figures(ganctl, *options, "--threads", 1) == first
    assert figures(ganctl, *options, "--seed", 1)["figures"] != first["figures"]


def test_the_table_fits_a_terminal(workplace: Path, ganctl: Ganctl, small_data: Path) -> None:
    outcome = ganctl("evaluate", "small.onnx", "-n", 50, "--data", small_data)
    table, _, rest = outcome.out.partition("most like")
    assert max(map(len, table.splitlines())) <= 80
    for name in ("Fréchet distance", "kernel distance", "recall", "authenticity"):
        assert name in table
    assert "drawn as asked" not in table
    assert "note: fewer than 1,000 images: the metrics are rough" in rest


def test_what_is_computed_of_other_data_is_kept(
    workplace: Path, ganctl: Ganctl, small_data: Path, kept: Path
) -> None:
    options = ("evaluate", "small.onnx", "-n", 50, "--data", small_data)
    assert ganctl(*options).err == "note: classifying 200 images of small\n"
    assert ganctl(*options).err == ""
    assert len(list((kept / "quality").iterdir())) == 1
    assert ganctl(*options, "--data-dir", "here").err == "note: classifying 200 images of small\n"
    assert len(list(Path("here/quality").iterdir())) == 1


def test_real_digits_are_good_and_drawn_as_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ganctl: Ganctl, kept: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    images, labels, _ = load_digits()
    np.savez("real.npz", images=images[::20] / 255, labels=labels[::20])
    found = figures(ganctl, "real.npz", "-n", 500)
    assert (found["reference"], found["real_name"]) == (
        "MNIST, 60,000 training digits",
        "500 MNIST test digits",
    )
    assert "floats, none below 0: assumed to be in [0, 1]" in found["notes"]
    assert found["figures"]["drawn_as_asked"] > 0.99 and found["real"]["drawn_as_asked"] > 0.98
    assert found["figures"]["authenticity"] == 0  # they are among the training digits
    assert found["pairs"][0] == {"index": 0, "ratio": 0.0} and len(found["pairs"]) == 8
    assert found["real"]["recall"] > 0.8
    assert not kept.exists()


def test_what_was_asked_for_has_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ganctl: Ganctl, small_data: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    images, labels, _ = load_digits()
    np.savez("real.npz", images=images[300:400], labels=np.roll(labels[300:400], 1))
    outcome = ganctl("evaluate", "real.npz", "--data", small_data)
    assert re.search(r"drawn as asked +↑ +\d\.00% +100\.00%", outcome.out)


def test_a_run_is_measured_against_pictures_of_ones_own_where_they_still_lie(
    tmp_path: Path, small_data: Path, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(small_data, "own")
    assert ganctl("train", "--data", "own", "--epochs", 1, "--name", "run").code == 0
    outcome = ganctl("evaluate", "run", "-n", 20)
    assert outcome.code == 0 and "measured against own, 100 training images" in outcome.out
    Path("run").mkdir()  # a folder of the run's name does not take its place
    beside = ganctl("evaluate", "run", "-n", 20)
    assert beside.code == 0 and beside.out == outcome.out
    assert f"note: evaluating the run run; for the folder: {tmp_path / 'run'}\n" in beside.err
    folder = ganctl("evaluate", tmp_path / "run")
    assert folder.code == 3 and "no readable PNG or JPEG picture" in folder.err
    Path("own").rename("elsewhere")
    outcome = ganctl("evaluate", "run", "-n", 20)
    assert outcome.code == 3 and "trained on 'own', which is no data set known" in outcome.err


def test_without_any_run_the_way_out_is_to_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ganctl: Ganctl
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = ganctl("evaluate")
    assert outcome.code == 3 and "hint: train one: ganctl train" in outcome.err


@pytest.mark.parametrize(("out", "start"), [("x.html", b"<!doctype html>"), ("x.png", b"\x89PNG")])
def test_the_report_is_written(
    out: str, start: bytes, workplace: Path, ganctl: Ganctl, small_data: Path
) -> None:
    options = ("small.onnx", "-n", 50, "--data", small_data, "--report", out, "--json")
    outcome = ganctl("evaluate", *options)
    assert outcome.code == 0 and outcome.err.splitlines()[-1] == f"note: wrote {out}"
    assert json.loads(outcome.out)["figures"]["samples"] == 50
    assert Path(out).read_bytes().startswith(start)
    assert ganctl("evaluate", *options[:-1]).out.endswith(f"\nwrote {out}\n")
