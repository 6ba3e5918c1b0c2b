from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ganctl.cli.app import COMMANDS

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


@pytest.mark.parametrize("command", ["", "sample", "data", "data list"])
def test_h_is_short_for_help(command: str, ganctl: Ganctl) -> None:
    outcome = ganctl(*command.split(), "-h")
    assert outcome.code == 0 and outcome == ganctl(*command.split(), "--help")


def test_debug_shows_the_traceback() -> None:
    plain = in_process_of_its_own("infer", "none.onnx")
    assert plain.returncode == 3 and "Traceback" not in plain.stderr
    for arguments in (("--debug", "infer", "none.onnx"), ("infer", "none.onnx", "--debug")):
        shown = in_process_of_its_own(*arguments)
        assert shown.returncode == 3 and "Traceback" in shown.stderr
        assert shown.stderr.endswith(plain.stderr)


def test_help_is_readable_where_only_ascii_is_known() -> None:
    done = in_process_of_its_own("infer", "--help", PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and "N?C?H?W" in done.stdout


def test_a_pipe_gets_no_colours() -> None:
    done = in_process_of_its_own("infer", "none.onnx")
    assert done.stderr.startswith("error: cannot read model none.onnx: no such file")
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("command", ["infer small.onnx --seed 34 x.png", "sample --seed 35 x.png"])
def test_too_little_memory_exits_6_and_says_what_to_lower(
    command: str, workplace: Path, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(np.random, "Philox", fail)  # latents of a new seed are drawn by it
    outcome = ganctl(*command.split())
    *_, error, hint = outcome.err.splitlines()
    assert (outcome.code, outcome.out, error) == (6, "", "error: there is not enough memory")
    assert "-n" in hint and not Path("x.png").exists()


def test_a_bug_keeps_its_traceback(
    workplace: Path, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(np.random, "Philox", lambda **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ganctl("sample", "--seed", 36, "x.png")
