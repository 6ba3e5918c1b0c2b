from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from ganctl import __version__
from ganctl.cli.app import COMMANDS
from ganctl.inference import describe, generator

from ..conftest import Ganctl


def in_process_of_its_own(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ganctl", *arguments],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_reads_well_at_80_columns(command: str) -> None:
    done = in_process_of_its_own(*command.split(), "--help", COLUMNS="80")
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert f"Usage: ganctl{' ' * bool(command)}{command}" in done.stdout
    if command:
        assert "Example: " in done.stdout
    else:
        assert all(re.search(rf"^  {name} +[A-Z]", done.stdout, re.M) for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_table_says_what_the_command_says(command: str, ganctl: Ganctl) -> None:
    _, first, *_ = re.split(r"\n\s*\n", ganctl(command, "--help").out)
    assert " ".join(first.split()) == COMMANDS[command]


def test_a_command_may_be_a_group(ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch) -> None:
    group = typer.Typer(add_completion=False, help="Two of a kind.")
    group.command("one")(lambda: print("this is one"))
    group.command("two")(lambda: print("this is two"))
    monkeypatch.setitem(COMMANDS, "infer", "Two of a kind.")
    monkeypatch.setattr("ganctl.cli.infer.infer", group)
    assert ganctl("infer", "two") == (0, "this is two\n", "")
    assert "Two of a kind." in ganctl("infer", "--help").out
    outcome = ganctl("infer", "three")
    assert outcome.code == 2 and "hint: ganctl infer --help" in outcome.err


@pytest.mark.parametrize("command", ["", "sample", "data", "data list"])
def test_h_is_short_for_help(command: str, ganctl: Ganctl) -> None:
    outcome = ganctl(*command.split(), "-h")
    assert outcome.code == 0 and outcome == ganctl(*command.split(), "--help")


def test_no_arguments_show_the_help(ganctl: Ganctl) -> None:
    outcome = ganctl()
    assert outcome.code == 0 and "Usage: ganctl" in outcome.out


def test_the_version(ganctl: Ganctl) -> None:
    assert ganctl("--version") == (0, f"ganctl {__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["draw"],
        ["--colour"],
        ["infer"],
        ["sample", "-n", "0"],
        ["sample", "-n", "-3"],
        ["sample", "-n", "many"],
        ["sample", "--seed", "-1"],
        ["sample", "--start", "-1"],
        ["sample", "--weights", "best"],
        ["export", "--opset", "9"],
        ["train", "--recipe", "classical"],
        ["infer", "gen.onnx", "--batch-size", "0"],
        ["infer", "gen.onnx", "a.png", "b.png"],
    ],
)
def test_wrong_usage_is_one_error_one_hint_and_exit_2(
    arguments: list[str], ganctl: Ganctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = ganctl(*arguments)
    assert outcome.code == 2 and outcome.out == ""
    error, hint = outcome.err.splitlines()
    assert error.startswith("error: ")
    assert hint.startswith("hint: ganctl") and hint.endswith("--help")
    assert list(tmp_path.iterdir()) == []


PRETRAINED = Path(__file__).parents[2] / "checkpoints" / "mnist-conv-conditional.safetensors"

MISSING = """
import sys
for name in ("torch", "torchvision", "safetensors", "onnx", "onnxscript", "matplotlib"):
    sys.modules[name] = None
from ganctl.cli.app import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    "arguments", [["train"], ["sample", "--checkpoint", "here"], ["export", "--checkpoint", "here"]]
)
def test_a_missing_extra_is_named(arguments: list[str], tmp_path: Path) -> None:
    shutil.copy(PRETRAINED, tmp_path / "here")
    done = subprocess.run(
        [sys.executable, "-c", MISSING, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 4
    error, hint = done.stderr.splitlines()
    assert re.fullmatch(r"error: this command needs (torch|onnx|safetensors), which is not installed", error)
    assert hint == 'hint: pip install "ganctl[train]"'


def test_debug_shows_the_traceback() -> None:
    plain = in_process_of_its_own("infer", "none.onnx")
    assert plain.returncode == 3 and "Traceback" not in plain.stderr
    for arguments in (("--debug", "infer", "none.onnx"), ("infer", "none.onnx", "--debug")):
        shown = in_process_of_its_own(*arguments)
        assert shown.returncode == 3 and "Traceback" in shown.stderr
        assert shown.stderr.endswith(plain.stderr)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["infer", "x.onnx"], "lower --batch-size, or -n"),
        (["info", "x.onnx"], "end other programs, or use a machine with more of it"),
    ],
)
def test_too_little_memory_exits_6_and_says_what_to_lower(
    arguments: list[str],
    hint: str,
    ganctl: Ganctl,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    (tmp_path / "x.onnx").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(generator, "load_onnx", fail)
    monkeypatch.setattr(describe, "describe_onnx", fail)
    outcome = ganctl(*arguments)
    assert outcome == (6, "", f"error: there is not enough memory\nhint: {hint}\n")


def test_a_bug_keeps_its_traceback(ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(generator, "load_onnx")
    with pytest.raises(ImportError):
        ganctl("infer", "x.onnx")


def test_help_is_readable_where_only_ascii_is_known() -> None:
    done = in_process_of_its_own("infer", "--help", PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and "N?C?H?W" in done.stdout


def test_a_pipe_gets_no_colours() -> None:
    done = in_process_of_its_own("infer", "none.onnx")
    assert done.stderr.startswith("error: cannot read model none.onnx: no such file")
    assert "\x1b" not in done.stderr
