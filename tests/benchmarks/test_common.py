from __future__ import annotations

import logging
import signal
from pathlib import Path

import pytest

from benchmarks import common
from benchmarks.common import (
    COMMAND,
    Spread,
    alternate,
    neutral_environment,
    process_seconds,
    ratio,
    running,
    spread,
)
from ganctl.environment import VARIABLES
from ganctl.errors import BadInput, CheckFailed


def test_a_spread_is_the_median_and_both_ends() -> None:
    assert spread([5.0, 1.0, 2.0]) == Spread(median=2.0, low=1.0, high=5.0)
    assert spread([4.0, 1.0]) == Spread(median=2.5, low=1.0, high=4.0)


def test_ratios_are_taken_round_by_round() -> None:
    """The second round was ten times slower, which does not change the ratio."""
    assert ratio([20.0, 2.0, 24.0], [10.0, 1.0, 8.0]) == Spread(median=2.0, low=2.0, high=3.0)


def test_every_side_is_measured_once_a_round_and_every_second_round_backwards() -> None:
    order: list[str] = []
    done: list[int] = []

    def side(name: str) -> float:
        order.append(name)
        return float(len(order))

    sides = {name: lambda name=name: side(name) for name in "abc"}
    measured = alternate(sides, 3, done.append)
    assert "".join(order) == "abc" + "cba" + "abc"
    assert measured == {"a": [1, 6, 7], "b": [2, 5, 8], "c": [3, 4, 9]}
    assert done == [1, 2, 3]


def test_the_whole_process_is_timed_in_its_folder(tmp_path: Path) -> None:
    program = "import sys, time; time.sleep(0.2); open(sys.argv[1], 'w')"
    assert process_seconds(program, ["made"], tmp_path) >= 0.2
    assert (tmp_path / "made").exists()


def test_the_command_is_ganctl(tmp_path: Path) -> None:
    assert process_seconds(COMMAND, ["--version"], tmp_path) > 0
    with pytest.raises(CheckFailed, match="ended with code 2: error: No such option"):
        process_seconds(COMMAND, ["--no-such-option"], tmp_path)


def test_a_running_process_ends_with_the_block(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), running(["doctor"], tmp_path) as process:
        assert process.poll() is None
        raise KeyboardInterrupt
    assert process.returncode == -signal.SIGKILL


def test_a_program_prints_notes_and_ends_with_the_code_of_its_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        logging.getLogger("ganctl").info("half done")
        raise BadInput("the file is missing", "name another")

    with pytest.raises(SystemExit) as end:
        common.run(fail)
    assert end.value.code == 3
    assert capsys.readouterr().err == (
        "note: half done\nerror: the file is missing\nhint: name another\n"
    )


def test_a_measured_process_does_not_get_our_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "x")
    assert {name for name in VARIABLES if name in neutral_environment()} == {"GANCTL_DATA"}
