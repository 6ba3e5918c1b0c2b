"""``info`` on a terminal and in a pipe: widths, styles, and words that stay inert."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import pytest

from ganctl.cli.tables import show_sections
from ganctl.training.checkpoint import load_checkpoint, save_checkpoint

from ..conftest import Ganctl
from .test_info import LAST, told

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


@pytest.mark.parametrize("command", ["info small.onnx", "data --help"])
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
