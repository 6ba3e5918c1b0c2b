"""What ``info`` cannot describe, or will not: refused in one line, and nothing is shown."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from ganctl.model_card import CARD_KEY

from ..conftest import Ganctl
from ..inference import generators
from ..inference.test_generator import sealed
from ..test_model_card import example
from .test_info import LAST


def refused(ganctl: Ganctl, target: object, code: int, message: str) -> None:
    for options in ([], ["--json"]):
        outcome = ganctl("info", target, *options)
        assert (outcome.code, outcome.out) == (code, "")
        error, hint = outcome.err.splitlines()
        assert re.search(message, error) and hint.startswith("hint: ")


def test_what_is_nothing_that_can_be_described_is_refused(workplace: Path, ganctl: Ganctl) -> None:
    for name in ("empty", "text"):
        for suffix in (".onnx", ".safetensors", ".png", ""):
            Path(name + suffix).write_text("" if name == "empty" else "some text\n" * 20)
        refused(ganctl, f"{name}.onnx", 3, "is not an ONNX file")
        refused(ganctl, f"{name}.safetensors", 3, "is not a ganctl checkpoint")
        refused(ganctl, f"{name}.png", 3, "is not an ONNX file: it")
        refused(ganctl, name, 3, "is not an ONNX file: it")
    for suffix in (".onnx", ".safetensors", ""):
        os.mkfifo(f"pipe{suffix}")
        refused(ganctl, f"pipe{suffix}", 3, "is neither a file nor a folder")
        refused(ganctl, f"none{suffix}", 3, "there is no file, folder or run none")
    Path("folder").mkdir()
    Path("folder.onnx").mkdir()
    for folder in ("folder", "folder.onnx", "/", ".", ""):
        refused(ganctl, folder, 3, "there is no checkpoint in")
    Path("loop").symlink_to("loop")
    for missing in ("loop", "x" * 5000, "small.onnx/x"):
        refused(ganctl, missing, 3, "there is no file, folder or run")


def test_what_is_no_onnx_file_is_told_what_to_name(tmp_path: Path, ganctl: Ganctl) -> None:
    (tmp_path / "notes.md").write_text("some text\n")
    (tmp_path / "cut").write_bytes(b"\x08\x09")
    (tmp_path / "text.onnx").write_text("some text\n")
    ways = {
        ("info", "notes.md"): "name an .onnx file, a .safetensors file, a run's folder or its name",
        ("infer", "notes.md"): "name an .onnx file: ganctl export gen.onnx writes one",
        ("infer", "none.onnx"): "name an .onnx file: ganctl export gen.onnx writes one",
        **{(command, "cut"): "write it anew" for command in ("info", "infer")},
        **{(command, "text.onnx"): "write it anew" for command in ("info", "infer")},
    }
    for (command, name), way in ways.items():
        outcome = ganctl(command, tmp_path / name)
        assert outcome.code == 3 and outcome.err.splitlines()[1].startswith(f"hint: {way}")


def test_a_folder_of_runs_is_refused_by_naming_them(workplace: Path, ganctl: Ganctl) -> None:
    shutil.copy(LAST.with_name("best.safetensors"), "checkpoints/alone.safetensors")
    outcome = ganctl("info", "checkpoints")
    assert outcome.code == 3 and "there is no checkpoint in checkpoints" in outcome.err
    assert "checkpoints/alone.safetensors, checkpoints/small\n" in outcome.err
    for number in range(9):
        Path(f"checkpoints/{number}.onnx").touch()
    assert "checkpoints/4.onnx or 6 more\n" in ganctl("info", "checkpoints").err


def test_damage_exits_5_and_shows_nothing(workplace: Path, ganctl: Ganctl) -> None:
    data = LAST.read_bytes()
    for damaged in (data[:-1], data + b"\0", data[:-1000] + b"\1" + data[-999:]):
        LAST.write_bytes(damaged)
        refused(ganctl, LAST, 5, "last.safetensors is damaged: its SHA-256")
        refused(ganctl, "small", 5, "last.safetensors is damaged: its SHA-256")
    LAST.write_bytes(data[:1000])
    refused(ganctl, LAST, 3, "is not a ganctl checkpoint")
    LAST.write_bytes(data)
    best = LAST.with_name("best.safetensors")
    best.write_bytes(best.read_bytes()[:-1])
    refused(ganctl, "small", 5, "best.safetensors is damaged: its SHA-256")
    assert ganctl("info", LAST).code == 0


def test_a_card_that_lies_is_refused_by_its_field(tmp_path: Path, ganctl: Ganctl) -> None:
    text = example().to_json().replace('"latent_dim": 100', '"latent_dim": -100')
    (tmp_path / "x.onnx").write_bytes(sealed(generators.linear(), None, **{CARD_KEY: text}))
    refused(ganctl, tmp_path / "x.onnx", 3, "the model card cannot be read: its latent_dim is not")
