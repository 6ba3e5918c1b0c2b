"""``sample`` and ``infer``: the same options, the same pictures."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ganctl.cli.progress import DrawingBar
from ganctl.environment import cpu_count
from ganctl.text import counted

from ..conftest import Ganctl

COMMANDS = [["sample"], ["infer", "small.onnx"]]


def pixels(path: Path) -> NDArray[np.int64]:
    with Image.open(path) as picture:
        return np.asarray(picture).astype(np.int64)


def test_the_defaults_are_those_of_the_help(workplace: Path, ganctl: Ganctl) -> None:
    sampled, inferred = ganctl("sample"), ganctl("infer", "small.onnx")
    assert sampled.out == "wrote samples.png: 64 images of seed 0\n"
    assert sampled.err == "note: drawing from checkpoints/small/last.safetensors\n"
    assert (inferred.out, inferred.err) == ("wrote small.png: 64 images of seed 0\n", "")
    assert pixels(Path("samples.png")).shape == pixels(Path("small.png")).shape == (242, 242)


@pytest.mark.parametrize("kind", [".npy", ""])
@pytest.mark.parametrize("command", COMMANDS)
def test_the_slices_are_the_single_run_bit_for_bit(
    command: list[str], kind: str, workplace: Path, ganctl: Ganctl
) -> None:
    def drawn(name: str, start: int, count: int) -> NDArray[np.uint8]:
        assert ganctl(*command, "--start", start, "-n", count, name + kind).code == 0
        if kind:
            return np.asarray(np.load(name + kind))
        return np.stack([np.asarray(Image.open(path)) for path in sorted(Path(name).iterdir())])

    whole = drawn("whole", 200, 150)
    parts = [drawn(f"{start}", start, count) for start, count in ((200, 1), (201, 70), (271, 79))]
    assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_gets_a_picture_an_image(
    command: list[str], workplace: Path, ganctl: Ganctl
) -> None:
    assert ganctl(*command, "--start", 5, "-n", 3, "folder").code == 0
    assert ganctl(*command, "--start", 5, "-n", 3, "array.npy").code == 0
    names = sorted(path.name for path in Path("folder").iterdir())
    assert names == ["000005.png", "000006.png", "000007.png"]
    for name, image in zip(names, np.load("array.npy"), strict=True):
        assert np.array_equal(pixels(Path("folder") / name), image[0])


@pytest.mark.parametrize("command", COMMANDS)
def test_the_grid_has_the_columns_asked_for(
    command: list[str], workplace: Path, ganctl: Ganctl
) -> None:
    assert ganctl(*command, "-n", 10, "--cols", 5, "x.png").code == 0
    assert pixels(Path("x.png")).shape == (2 * 30 + 2, 5 * 30 + 2)


def test_more_threads_than_cores_are_not_used(workplace: Path, ganctl: Ganctl) -> None:
    cores = cpu_count()
    outcome = ganctl("infer", "small.onnx", "--threads", 1024, "many.npy")
    assert outcome.code == 0
    assert outcome.err.startswith("note: 1024 threads ")
    assert outcome.err.endswith(f" on {counted(cores, 'core')}: using {cores}\n")
    assert ganctl("infer", "small.onnx", "--threads", 1, "one.npy").err == ""
    assert np.array_equal(np.load("many.npy"), np.load("one.npy"))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("command", COMMANDS)
def test_a_long_drawing_shows_a_bar_and_its_speed(
    command: list[str], workplace: Path, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(DrawingBar, "DELAY", 3600)
    assert ganctl(*command, "-n", 200, "quick.npy").out.endswith("200 images of seed 0\n")
    monkeypatch.setattr(DrawingBar, "DELAY", 0)
    piped = ganctl(*command, "-n", 200, "x.npy")
    assert re.search(r"200 images of seed 0, [\d,]+ images/s\n$", piped.out)
    assert "200/200" not in piped.err
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", terminal)
    assert ganctl(*command, "-n", 200, "x.npy").out.count("\n") == 1
    assert "200/200" in terminal.getvalue()


def test_live_weights_draw_something_else(workplace: Path, ganctl: Ganctl) -> None:
    for weights in ("ema", "live"):
        assert ganctl("sample", "--weights", weights, f"{weights}.npy").code == 0
    assert not np.array_equal(np.load("ema.npy"), np.load("live.npy"))


def test_a_checkpoint_is_a_file_a_folder_or_a_name(workplace: Path, ganctl: Ganctl) -> None:
    for number, checkpoint in enumerate(
        ("small", "checkpoints/small", "checkpoints/small/last.safetensors")
    ):
        outcome = ganctl("sample", "--checkpoint", checkpoint, "-n", 2, f"{number}.npy")
        assert outcome.code == 0 and outcome.err == ""
    assert Path("0.npy").read_bytes() == Path("1.npy").read_bytes() == Path("2.npy").read_bytes()


def test_without_any_run_the_way_out_is_to_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ganctl: Ganctl
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in ("sample", "export"):
        outcome = ganctl(command)
        assert outcome.code == 3
        error, hint = outcome.err.splitlines()
        assert error == "error: there is no run in checkpoints/"
        assert hint.startswith("hint: train one: ganctl train; or name the one in ganctl's clone: ")


def test_the_images_never_take_the_models_place(workplace: Path, ganctl: Ganctl) -> None:
    shutil.copy("small.onnx", "small.npy")
    outcome = ganctl("infer", "small.npy", "small.npy")
    assert outcome.code == 2 and "the model's place" in outcome.err
    absolute = Path("small.npy").resolve()
    assert ganctl("infer", "small.npy", absolute).code == 2
    assert Path("small.npy").read_bytes() == Path("small.onnx").read_bytes()


def test_what_a_folder_holds_stays_and_that_is_said(workplace: Path, ganctl: Ganctl) -> None:
    for command in (["sample", "-n", 2, "drawn"], ["infer", "small.onnx", "-n", 1, "drawn"]):
        outcome = ganctl(*command)
        assert ("is not empty" in outcome.err) == (command[0] == "infer")
    assert outcome.out == "wrote drawn: 1 image of seed 0\n"
    assert sorted(os.listdir("drawn")) == ["000000.png", "000001.png"]


@pytest.mark.parametrize("name", [".png", ".NPY"])
def test_an_ending_alone_is_no_name(name: str, workplace: Path, ganctl: Ganctl) -> None:
    for command in (["sample"], ["infer", "small.onnx"]):
        outcome = ganctl(*command, "-n", 1, "--", name)
        assert outcome.code == 3 and "that is not a file name" in outcome.err
    assert not Path(name).exists()


def test_what_is_no_checkpoint_is_refused_before_torch_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"no")
    code = """
import sys
from ganctl.cli.app import main
assert main([*sys.argv[1:], "--checkpoint", "x.safetensors"]) == 3
assert "torch" not in sys.modules
"""
    for command in ("sample", "export"):
        subprocess.run([sys.executable, "-c", code, command], cwd=tmp_path, check=True)


def test_classic_draws_its_live_weights_and_says_so(
    workplace: Path, ganctl: Ganctl, small_data: Path
) -> None:
    options = ["--recipe", "classic", "--epochs", 1, "--name", "classic"]
    assert ganctl("train", "--data", small_data, *options).code == 0
    outcome = ganctl("sample", "--checkpoint", "classic")
    assert outcome.code == 0 and "keeps no average" in outcome.err


@pytest.mark.parametrize(("out", "needed"), [("huge.npy", "784.0 GB"), ("huge", "4,096.0 GB")])
@pytest.mark.parametrize("command", COMMANDS)
def test_what_the_disk_has_no_room_for_is_not_begun(
    command: list[str],
    out: str,
    needed: str,
    workplace: Path,
    ganctl: Ganctl,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 10**11))
    outcome = ganctl(*command, "-n", 10**9, out)
    assert outcome.code == 6 and f"would take {needed}, and the disk has 100.0 GB" in outcome.err
    assert not Path(out).exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_show_alone_draws_in_the_terminal_and_writes_nothing(
    command: list[str], workplace: Path, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    before = sorted(Path().rglob("*"))
    outcome = ganctl(*command, "--show")
    *pictures, what = outcome.out.splitlines()
    assert outcome.code == 0 and what == "10 images of seed 0"
    assert [len(line) for line in pictures] == [5 * 15 + 4] * 16
    assert set("".join(pictures)) <= set(" ░▒▓█▀▄") and "\x1b" not in outcome.out
    assert sorted(Path().rglob("*")) == before
    one = ganctl(*command, "--show", "-n", 1).out.splitlines()
    assert [len(line) for line in one[:-1]] == [28] * 14


@pytest.mark.parametrize("command", COMMANDS)
def test_show_beside_out_does_both(command: list[str], workplace: Path, ganctl: Ganctl) -> None:
    outcome = ganctl(*command, "--show", "-n", 150, "x.npy")
    assert "\nwrote x.npy: 150 images of seed 0" in outcome.out and "▓" in outcome.out
    assert "note: 50 more images not shown" in outcome.err
    assert np.load("x.npy").shape == (150, 1, 28, 28)


def test_a_terminal_shows_the_colours_of_the_pictures(
    workplace: Path, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[38;2;" in ganctl("infer", "small.onnx", "--show").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in ganctl("infer", "small.onnx", "--show").out


def test_a_table_keeps_its_rows(
    conditional: Path, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(conditional)
    for columns, width in ((120, 11 * 10 + 9), (80, 7 * 10 + 9), (40, 2 * 14 + 1)):
        monkeypatch.setenv("COLUMNS", str(columns))
        lines = ganctl("infer", "asked.onnx", "--digit", "0-9", "--show").out.splitlines()[:-1]
        assert {len(line) for line in lines} == {width}
