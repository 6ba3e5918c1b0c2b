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

from ganctl import latents
from ganctl.cli.progress import DrawingBar
from ganctl.environment import cpu_count
from ganctl.export import onnx as export
from ganctl.text import counted

from ..conftest import Ganctl

COMMANDS = [["sample"], ["infer", "small.onnx"]]


def pixels(path: Path) -> NDArray[np.int64]:
    with Image.open(path) as picture:
        return np.asarray(picture).astype(np.int64)


def test_the_same_seed_draws_the_same_picture(workplace: Path, ganctl: Ganctl) -> None:
    for seed in (0, 7):
        assert ganctl("sample", "-n", 100, "--seed", seed, "torch.png").code == 0
        assert ganctl("infer", "small.onnx", "-n", 100, "--seed", seed, "onnx.png").code == 0
        assert np.abs(pixels(Path("torch.png")) - pixels(Path("onnx.png"))).max() <= 1


def test_the_defaults_are_those_of_the_help(workplace: Path, ganctl: Ganctl) -> None:
    sampled, inferred = ganctl("sample"), ganctl("infer", "small.onnx")
    assert sampled.out == "wrote samples.png: 64 images of seed 0\n"
    assert sampled.err == "note: drawing from checkpoints/small/last.safetensors\n"
    assert (inferred.out, inferred.err) == ("wrote small.png: 64 images of seed 0\n", "")
    assert pixels(Path("samples.png")).shape == pixels(Path("small.png")).shape == (242, 242)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_slice_is_the_slice_of_the_whole(
    command: list[str], workplace: Path, ganctl: Ganctl
) -> None:
    assert ganctl(*command, "-n", 90, "whole.npy").code == 0
    assert ganctl(*command, "--start", 70, "-n", 20, "part.npy").code == 0
    whole, part = np.load("whole.npy"), np.load("part.npy")
    assert whole.shape == (90, 1, 28, 28) and whole.dtype == np.uint8
    assert np.array_equal(whole[70:], part)


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


def test_the_batch_size_changes_no_pixel(workplace: Path, ganctl: Ganctl) -> None:
    for size in (1, 7, 64, 1000):
        out = f"{size}.npy"
        assert ganctl("infer", "small.onnx", "--batch-size", size, "--threads", 1, out).code == 0
    first = np.load("1.npy")
    assert all(np.array_equal(np.load(f"{size}.npy"), first) for size in (7, 64, 1000))


def test_more_threads_than_cores_are_not_used(workplace: Path, ganctl: Ganctl) -> None:
    cores = cpu_count()
    outcome = ganctl("infer", "small.onnx", "--threads", 1024, "many.npy")
    assert outcome.code == 0
    assert outcome.err.startswith("note: 1024 threads ")
    assert outcome.err.endswith(f" on {counted(cores, 'core')}: using {cores}\n")
    assert ganctl("infer", "small.onnx", "--threads", 1, "one.npy").err == ""
    assert np.array_equal(np.load("many.npy"), np.load("one.npy"))


def test_a_provider_that_is_not_there_is_named(workplace: Path, ganctl: Ganctl) -> None:
    assert ganctl("infer", "small.onnx", "--provider", "cpu", "x.png").code == 0
    outcome = ganctl("infer", "small.onnx", "--provider", "abacus", "y.png")
    assert outcome.code == 3 and "no provider 'abacus', only cpu" in outcome.err
    assert "hint: use --provider cpu" in outcome.err and not Path("y.png").exists()


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


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("x.jpg", "'.jpg' is no kind of output"),
        ("none/x.png", "the folder none does not exist"),
        ("small.onnx/x.png", "not a folder"),
        ("file", "in the way"),
    ],
)
def test_a_place_that_cannot_be_written_is_named(
    out: str, message: str, command: list[str], workplace: Path, ganctl: Ganctl
) -> None:
    Path("file").write_text("mine")
    before = sorted(Path().rglob("*"))
    outcome = ganctl(*command, out)
    assert outcome.code == 3 and f"cannot write {out}" in outcome.err and message in outcome.err
    assert sorted(Path().rglob("*")) == before
    assert Path("file").read_text() == "mine"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_grid_too_large_is_refused(command: list[str], workplace: Path, ganctl: Ganctl) -> None:
    outcome = ganctl(*command, "-n", 10_000_000, "x.png")
    assert outcome.code == 3 and "too large for one PNG" in outcome.err


def test_a_damaged_checkpoint_exits_5(workplace: Path, ganctl: Ganctl) -> None:
    path = Path("checkpoints/small/last.safetensors")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    outcome = ganctl("sample", "x.png")
    assert outcome.code == 5 and "is damaged" in outcome.err and not Path("x.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sample", "--checkpoint", "none"], "there is no checkpoint none"),
        (["sample", "--checkpoint", "small.onnx"], "not a ganctl checkpoint"),
        (["infer", "none.onnx"], "cannot read model none.onnx: no such file or directory"),
        (["infer", "checkpoints"], "checkpoints is not a file"),
        (["infer", "text.onnx"], "text.onnx is not an ONNX file"),
        (["infer", "."], ". is not a file"),
        (["infer", ""], ". is not a file"),
        (["infer", "x" * 300], "file name too long"),
        (["sample", "--checkpoint", "x" * 300], "there is no checkpoint xxx"),
        (["sample", "x" * 300], "file name too long"),
    ],
)
def test_what_cannot_be_read_is_named(
    arguments: list[str], message: str, workplace: Path, ganctl: Ganctl
) -> None:
    Path("text.onnx").write_text("hello")
    outcome = ganctl(*arguments)
    assert outcome.code == 3 and message in outcome.err and outcome.out == ""
    first, second = (line for line in outcome.err.splitlines() if not line.startswith("note: "))
    assert first.startswith("error: ") and second.startswith("hint: ")


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


def test_the_export_never_takes_the_checkpoints_place(workplace: Path, ganctl: Ganctl) -> None:
    path = Path("checkpoints/small/last.safetensors")
    before = path.read_bytes()
    outcome = ganctl("export", path)
    assert outcome.code == 2 and "would overwrite the checkpoint" in outcome.err
    assert path.read_bytes() == before


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="Linux: a folder that takes no files")
def test_a_folder_that_takes_no_files_is_named_before_anything_is_drawn(
    workplace: Path, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latents, "draw", None)
    monkeypatch.setattr(export, "export_onnx", None)
    for command in ("sample", "infer small.onnx", "export"):
        out = "/proc/x.onnx" if command == "export" else "/proc/x.png"
        outcome = ganctl(*command.split(), out)
        assert outcome.code == 3 and f"error: cannot write {out}: " in outcome.err


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
        assert outcome.code == 3 and "that is no name" in outcome.err
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


def test_an_unreadable_model_is_named(
    workplace: Path, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, *_: object) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refused)
    monkeypatch.setattr("os.open", refused)
    for command in (["infer", "small.onnx"], ["sample"]):
        outcome = ganctl(*command)
        assert outcome.code == 3 and "permission denied" in outcome.err


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
