from __future__ import annotations

import signal
from pathlib import Path

import pytest

from ganctl.benchmark.processes import COMMAND, process_seconds, watched
from ganctl.errors import CheckFailed


def test_the_whole_process_is_timed_in_its_folder(tmp_path: Path) -> None:
    program = "import sys, time; time.sleep(0.2); open(sys.argv[1], 'w')"
    assert process_seconds(program, ["made"], tmp_path) >= 0.2
    assert (tmp_path / "made").exists()


def test_the_command_is_ganctl(tmp_path: Path) -> None:
    assert process_seconds(COMMAND, ["--version"], tmp_path) > 0
    with pytest.raises(CheckFailed, match="ended with code 2: error: No such option"):
        process_seconds(COMMAND, ["--no-such-option"], tmp_path)


def test_a_watched_process_ends_with_the_block(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), watched(["bench", "soak"], tmp_path) as process:
        assert process.poll() is None
        raise KeyboardInterrupt
    assert process.returncode == -signal.SIGKILL
