"""A closed reader changes neither what a command does nor its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ganctl.cli.streams import SafeStream

PROGRAM = """
import sys
from rich.console import Console
from ganctl.cli import screen
from ganctl.cli.streams import safe_stderr
with safe_stderr():
    console = Console(stderr=True, force_terminal=True)
    sys.stdin.readline()
    for _ in range(3):
        console.print("drawn")
        screen.note("noted")
        screen.error("wrong", "right")
        screen.result("made")
sys.exit(5)
"""


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
@pytest.mark.parametrize("ends", [os.pipe, getattr(os, "openpty", os.pipe)])
def test_a_closed_reader_is_not_an_error(ends: object, tmp_path: Path) -> None:
    main_end, other_end = ends()  # type: ignore[operator]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=other_end, stderr=other_end
    )
    os.close(other_end)
    os.close(main_end)
    process.communicate(b"\n", timeout=60)
    assert process.returncode == 5


def test_text_is_written_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    with open(path, "w", encoding="utf-8") as file:
        stream = SafeStream(file)
        assert stream.write("a line\n") == 7
        stream.flush()
        assert not stream.isatty()
        assert path.read_text("utf-8") == "a line\n"
