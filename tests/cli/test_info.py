"""``info``: what is shown, what is printed for programs, and what is refused."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ganctl.card import CARD_KEY, Card, card_from_json
from ganctl.cli import card_table
from ganctl.cli.card_table import NAMED_CLASSES, card_sections
from ganctl.cli.tables import show_sections
from ganctl.inference.generator import load_onnx
from ganctl.quality.explain import MONITORED
from ganctl.training.checkpoint import load_checkpoint, save_checkpoint

from ..conftest import Ganctl
from ..inference import generators
from ..inference.test_generator import sealed
from ..test_card import example

LAST = Path("checkpoints/small/last.safetensors")


def told(ganctl: Ganctl, target: object) -> dict[str, Any]:
    outcome = ganctl("info", target, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    found: dict[str, Any] = json.loads(outcome.out)
    return found


def sections(text: str) -> dict[str, dict[str, str]]:
    """Return the values of what was shown by section and name."""
    found: dict[str, dict[str, str]] = {}
    for block in text.strip().split("\n\n"):
        title, *lines = block.splitlines()
        rows = (re.split(r"  +", line.strip(), maxsplit=1) for line in lines)
        found[title] = dict(rows)
    return found


def test_an_onnx_file_is_described(workplace: Path, ganctl: Ganctl) -> None:
    outcome = ganctl("info", "small.onnx")
    assert (outcome.code, outcome.err) == (0, "")
    shown = sections(outcome.out)
    assert list(shown) == ["file", "generator", "data", "training", "quality", "export", "graph"]
    assert shown["graph"]["operators"].startswith("Gemm × 5, ") and shown["graph"]["opset"] == "20"
    assert shown["file"]["kind"] == "ONNX file"
    assert re.fullmatch(r"6\.\d\d MB", shown["file"]["size"])
    assert shown["generator"] == {
        "name": "small",
        "architecture": "mlp",
        "latents": "100, standard normal",
        "images": "28×28, grey, values -1 to 1",
        "classes": "10, of the data, cannot be asked for: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
        "weights": "running average of the weights (ema), stored as fp32",
    }
    assert shown["data"]["images"] == "200"
    assert shown["training"] == {
        "recipe": "default",
        "epochs": "2 of 2",
        "steps": "8",
        "objective": "non-saturating",
        "batch": "64",
        "learning rate": "0.0008",
        "seed": "0",
        "ganctl": shown["training"]["ganctl"],
    }
    assert re.match(
        r"\d+\.\d\d  of 2,000 images from the training", shown["quality"]["Fréchet distance"]
    )
    assert re.match(r"\d\.\de-0\d  between onnx", shown["export"]["largest difference"])


def test_a_checkpoint_says_what_is_in_it(workplace: Path, ganctl: Ganctl) -> None:
    shown = sections(ganctl("info", LAST).out)
    assert "run" not in shown
    assert shown["file"]["kind"] == "checkpoint" and shown["file"]["SHA-256"] == "verified"
    assert shown["generator"]["parameters"] == "1,510,032"
    assert shown["numbers in its tensors"]["generator_ema"] == "1,513,619"
    assert "discriminator_adam" in shown["numbers in its tensors"]
    best = sections(ganctl("info", LAST.with_name("best.safetensors")).out)
    assert best["file"]["kind"] == "checkpoint, the generator alone"
    assert best["numbers in its tensors"] == {"generator_ema": "1,513,619"}


def test_the_parameters_are_torchs(workplace: Path, ganctl: Ganctl) -> None:
    from ganctl.training.generate import load_generator

    generator, _ = load_generator(LAST)
    assert told(ganctl, LAST)["parameters"] == sum(p.numel() for p in generator.parameters())


@pytest.mark.parametrize("target", ["small", "checkpoints/small"])
def test_a_run_says_where_it_stands(target: str, workplace: Path, ganctl: Ganctl) -> None:
    with open(LAST.with_name("metrics.jsonl"), "a") as file:
        file.write('{"step": 1')  # torn
    shown = sections(ganctl("info", target).out)
    run = shown["run"]
    assert run["newest checkpoint"] == "last.safetensors"
    assert re.fullmatch(
        r"best\.safetensors, after epoch [12]: Fréchet distance \d+\.\d\d", run["best checkpoint"]
    )
    assert run["last epoch"].startswith("epoch 2, step 8, g_loss ")
    assert run["sample pictures"] == "1"
    assert run["report"] == str(LAST.with_name("report.html"))
    assert shown["file"]["path"].endswith(str(LAST))


def test_a_run_of_which_little_is_left_says_less(workplace: Path, ganctl: Ganctl) -> None:
    for name in ("best.safetensors", "metrics.jsonl", "report.html"):
        LAST.with_name(name).unlink()
    run = sections(ganctl("info", "small").out)["run"]
    assert run.keys() == {"folder", "newest checkpoint", "sample pictures", "size of all files"}
    assert told(ganctl, "small")["run"]["best"] is None


def test_json_has_everything(conditional: Path, ganctl: Ganctl, monkeypatch: Any) -> None:
    monkeypatch.chdir(conditional)
    exported, run = told(ganctl, "asked.onnx"), told(ganctl, "asked")
    assert exported["card"] == json.loads(load_onnx(Path("asked.onnx")).card.to_json())  # type: ignore[union-attr]
    path = Path("checkpoints/asked/last.safetensors")
    assert run["card"] == json.loads(load_checkpoint(path).card.to_json())
    assert exported["image_shape"] == [1, 28, 28] and exported["latent_dim"] == 100
    assert exported["size"] == Path("asked.onnx").stat().st_size
    assert run["sha256_verified"] is True and run["step"] == 4
    assert set(run["run"]) == {"folder", "best", "report", "last_metrics", "samples", "size"}
    assert run["run"]["last_metrics"]["epoch"] == 1
    assert run["run"]["best"]["frechet_distance"] > 0
    shown = sections(ganctl("info", "asked").out)
    assert re.match(r"10, can be asked for: 0 \(\d+\.\d%\), 1 \(", shown["generator"]["classes"])


def test_a_generator_without_a_card_is_described_by_its_shapes(
    tmp_path: Path, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.ONNX").write_bytes(generators.linear().SerializeToString())
    shown = sections(ganctl("info", "x.ONNX").out)
    assert shown["file"]["model card"].startswith("none")
    assert shown["file"]["SHA-256"].startswith("none")
    assert shown["generator"] == {
        "latents": "5",
        "images": "6×4, grey",
        "guessed": "its last layer is Tanh: values taken to be in [-1, 1]",
    }
    assert shown["graph"]["input"] == "'z' float32 (n, 5)"
    assert shown["graph"]["output"] == "'image' float32 (n, 1, 4, 6)"
    plain = told(ganctl, "x.ONNX")
    assert plain["card"] is None and plain["sha256_verified"] is False
    assert plain["inputs"] == [shown["graph"]["input"]] and plain["fixed_batch"] is None
    Path("x.onnx").write_bytes(generators.linear(batch=3).SerializeToString())
    assert sections(ganctl("info", "x.onnx").out)["generator"]["drawn at once"] == "3 images"


def test_a_file_that_infer_refuses_says_why_and_the_way_out(
    tmp_path: Path, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = generators.linear(latent_shape=("n", "dim"))
    Path("x.onnx").write_bytes(model.SerializeToString())
    shown = sections(ganctl("info", "x.onnx").out)["generator"]
    assert shown == {
        "infer refuses it": "does not say how many values its latents have",
        "way out": "say it: --latent-dim Z",
    }
    outcome = ganctl("info", "x.onnx", "--max-model-mb", 1)
    assert outcome.code == 0
    Path("x.onnx").write_bytes(b"x" * 1_100_000)
    outcome = ganctl("info", "x.onnx", "--max-model-mb", 1)
    assert outcome.code == 6 and "hint: if you trust it: --max-model-mb 2" in outcome.err


def sections_of(card: Card) -> dict[str, dict[str, str]]:
    return {title: dict(rows) for title, rows in card_sections(card)}


def test_what_a_card_does_not_say_is_left_out() -> None:
    shown = sections_of(example(config={}, class_names=(), data_fingerprint=""))
    assert shown["generator"].keys() == {"name", "architecture", "latents", "images", "weights"}
    assert shown["data"].keys() == {"name", "images"}
    assert shown["training"] == {"epochs": "3", "steps": "471", "ganctl": "0.1.0"}
    assert shown["quality"] == shown["export"] == {}


def test_what_is_not_known_here_goes_by_its_own_name() -> None:
    card = example(quality={"novel": 0.25}, parity={"other": 3}, extra={"b": 1, "a": {}})
    shown = sections_of(card)
    assert (shown["quality"]["novel"], shown["export"]["other"]) == ("0.25", "3")
    assert shown["generator"]["unknown fields"].startswith("a, b: of a newer ganctl")


def test_a_configuration_of_another_ganctl_is_shown_as_far_as_it_is_understood() -> None:
    config = {"lr": 1, "seed": 123_456, "batch_size": [64], "recipe": None, "epochs": 10}
    training = sections_of(example(config=config))["training"]
    assert (training["learning rate"], training["seed"]) == ("1", "123456")
    assert training["epochs"] == "3 of 10"
    assert "batch" not in training and "recipe" not in training


def test_many_classes_are_counted() -> None:
    names = tuple(f"class {number}" for number in range(1000))
    shown = sections_of(example(class_names=names))["generator"]["classes"]
    assert shown.startswith("1,000, of the data") and shown.endswith(" and 980 more")
    assert shown.count("class ") == NAMED_CLASSES


def test_figures_are_known_by_the_names_they_are_measured_by(workplace: Path) -> None:
    card = load_onnx(Path("small.onnx")).card
    assert card is not None and card.quality.keys() < MONITORED.keys()
    assert card.parity.keys() <= card_table.PARITY.keys()


ODD = "[bold red]x[/] \u202e\ud800"


def test_names_from_files_are_inert(workplace: Path, ganctl: Ganctl) -> None:
    checkpoint = load_checkpoint(LAST)
    config = {**checkpoint.card.config, "recipe": "\x1b[2J\n[blink]", "objective": ODD}
    card = dataclasses.replace(
        checkpoint.card,
        name=ODD,
        data_note=ODD,
        config=config,
        quality={ODD: 1.0},
        extra={ODD: "\x1b"},
    )
    save_checkpoint(LAST, dataclasses.replace(checkpoint, card=card))
    LAST.with_name("metrics.jsonl").write_text(json.dumps({"\x1b]0;x\x07": 1}) + "\n")
    outcome = ganctl("info", "small")
    assert outcome.code == 0
    assert outcome.out.count(r"[bold red]x[/] \u202e\ud800") == 5
    assert r"\x1b[2J\n[blink]" in outcome.out and r"\x1b]0;x\x07 1" in outcome.out
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", outcome.out)
    assert told(ganctl, "small")["card"]["name"] == ODD
    assert ganctl("info", "small", "--json").out.isascii()


def test_a_path_in_an_error_is_inert(ganctl: Ganctl, tmp_path: Path) -> None:
    outcome = ganctl("info", tmp_path / "\x1b[2J\nnone")
    assert outcome.code == 3 and r"\x1b[2J\nnone" in outcome.err
    assert len(outcome.err.splitlines()) == 2


def refused(ganctl: Ganctl, target: object, code: int, message: str) -> None:
    for options in ([], ["--json"]):
        outcome = ganctl("info", target, *options)
        assert (outcome.code, outcome.out) == (code, "")
        error, hint = outcome.err.splitlines()
        assert re.search(message, error) and hint.startswith("hint: ")


def test_a_file_is_told_by_what_is_in_it(workplace: Path, ganctl: Ganctl) -> None:
    for source, kind in (("small.onnx", "ONNX file"), (LAST, "checkpoint")):
        for name in ("bare", "named.png"):
            shutil.copy(source, name)
            assert sections(ganctl("info", name).out)["file"]["kind"] == kind


@pytest.mark.parametrize("command", ["info small.onnx", "bench --help"])
def test_a_terminal_gets_style_and_no_escapes_in_words(command: str, workplace: Path) -> None:
    main, side = pty.openpty()
    arguments = [sys.executable, "-m", "ganctl", *command.split()]
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": ""}
    with subprocess.Popen(arguments, stdout=side, stderr=side, env=environment):
        os.close(side)
        shown = b""
        with suppress(OSError):  # how Linux says that the other side is closed
            while read := os.read(main, 65536):
                shown += read
    os.close(main)
    assert b"\x1b[1m" in shown and b"\\x1b" not in shown


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux's full disk")
@pytest.mark.parametrize("command", ["info small.onnx", "infer small.onnx -n 1", "--version"])
def test_a_result_that_cannot_be_printed_is_an_error(command: str, workplace: Path) -> None:
    arguments = [sys.executable, "-m", "ganctl", *command.split()]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            arguments, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 6
    assert done.stderr.splitlines() == [
        "error: cannot write the result: no space left on device",
        "hint: make room and try again",
    ]


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


def test_a_folder_of_runs_is_refused_by_naming_them(workplace: Path, ganctl: Ganctl) -> None:
    shutil.copy(LAST.with_name("best.safetensors"), "checkpoints/alone.safetensors")
    outcome = ganctl("info", "checkpoints")
    assert outcome.code == 3 and "there is no checkpoint in checkpoints" in outcome.err
    assert "checkpoints/alone.safetensors, checkpoints/small\n" in outcome.err
    for number in range(9):
        Path(f"checkpoints/{number}.onnx").touch()
    assert "checkpoints/4.onnx or 6 more\n" in ganctl("info", "checkpoints").err


def test_a_file_that_needs_others_is_described_without_them(tmp_path: Path, ganctl: Ganctl) -> None:
    model, path = generators.linear(), tmp_path / "x.onnx"
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = 1
    weight.external_data.add(key="location", value="x.bin")
    path.write_bytes(model.SerializeToString())
    found = told(ganctl, path)
    assert found["kind"] == "ONNX file, its weights in other files" and found["numbers"] == 148
    shown = sections(ganctl("info", path).out)["generator"]
    assert shown["infer refuses it"] == "stores its weights in another file"
    assert ganctl("infer", path).code == 3


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


def test_a_damaged_onnx_file_is_refused_in_one_line(workplace: Path, ganctl: Ganctl) -> None:
    data = Path("small.onnx").read_bytes()
    for place in (*range(0, 200, 17), *range(len(data) - 3000, len(data), 151)):
        Path("bad.onnx").write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        outcome = ganctl("info", "bad.onnx")
        assert outcome.code in (3, 5) and outcome.out == ""
        assert len(outcome.err.splitlines()) == 2
    Path("bad.onnx").write_bytes(data[:-1000] + bytes([data[-1000] ^ 1]) + data[-999:])
    refused(ganctl, "bad.onnx", 5, "is damaged: its SHA-256")
    Path("bad.onnx").write_bytes(data[: len(data) // 2])
    refused(ganctl, "bad.onnx", 3, "is not an ONNX file")


def test_a_card_that_lies_is_refused_by_its_field(tmp_path: Path, ganctl: Ganctl) -> None:
    text = example().to_json().replace('"latent_dim": 100', '"latent_dim": -100')
    (tmp_path / "x.onnx").write_bytes(sealed(generators.linear(), None, **{CARD_KEY: text}))
    refused(ganctl, tmp_path / "x.onnx", 3, "the model card cannot be read: its latent_dim is not")


def in_terminal(columns: int, *arguments: str) -> str:
    """Return what ganctl prints on a terminal of that width."""
    child, terminal = pty.fork()
    if child == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        env = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
        command = [sys.executable, "-m", "ganctl", *arguments]
        os.execve(sys.executable, command, {**env, "TERM": "xterm"})
    printed = b""
    try:
        while piece := os.read(terminal, 65536):
            printed += piece
    except OSError:  # how Linux says that the other end is closed
        pass
    assert os.waitpid(child, 0)[1] == 0
    return re.sub("\x1b\\[[0-9;]*m", "", printed.decode()).replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [80, 120])
def test_it_fits_a_terminal(columns: int, workplace: Path) -> None:
    shown = in_terminal(columns, "info", "small")
    widest = max(map(len, shown.splitlines()))
    assert columns - 20 < widest <= columns  # folded, and no narrower than it must be
    assert "export" not in shown and "newest checkpoint" in shown


def test_a_pipe_gets_a_line_a_value_and_no_colours(
    ganctl: Ganctl, capsys: pytest.CaptureFixture[str]
) -> None:
    show_sections(
        [("title", [("name", "word " * 1000), ("x" * 40, "[b]")]), ("next", [("a", "b")])]
    )
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line] == [
        "title",
        "name",
        "x" * 27 + "…",
        "next",
        "a",
    ]
    assert lines[1].count("word") == 1000 and lines[2].endswith("[b]") and lines[3] == ""


def test_the_card_in_json_reads_back(workplace: Path, ganctl: Ganctl) -> None:
    card = card_from_json(json.dumps(told(ganctl, "small.onnx")["card"]))
    assert card == load_onnx(Path("small.onnx")).card
