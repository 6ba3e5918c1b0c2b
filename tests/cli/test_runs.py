from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from ganctl.cli.runs import age
from ganctl.cli.tables import show_fitting_table
from ganctl.runs.run_dir import REPORT_FILES

from ..conftest import Ganctl
from ..runs.fake_runs import config, make_run, metrics

# --- reports


def test_finished_run_has_a_report(workplace: Path) -> None:
    folder = workplace / "checkpoints/small"
    assert all((folder / name).stat().st_size > 1000 for name in REPORT_FILES)
    assert (folder / "curves.png").read_bytes()[:4] == b"\x89PNG"
    text = (folder / "report.html").read_text()
    assert "2 of 2 epochs" in text and "--threads 1" in text and "ganctl train --data /" in text


def test_failed_report_is_a_note(
    ganctl: Ganctl, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["train", "--data", small_data, "--epochs", 1, "--eval-every", 0, "--name"]
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "matplotlib", None)
        missing = ganctl(*arguments, "missing")
        assert ganctl("runs", "report", "missing").code == 4
    (note,) = [line for line in missing.err.splitlines() if line.startswith("note: ")]
    assert "no report was drawn" in note and "matplotlib" in note
    assert (missing.code, "report.html" in missing.out) == (0, False)
    assert not (tmp_path / "checkpoints/missing/report.html").exists()
    with monkeypatch.context() as patch:
        patch.setattr(Figure, "savefig", lambda *_, **__: 1 / 0)
        broken = ganctl(*arguments, "broken")
    assert broken.code == 0 and "ZeroDivisionError" in broken.err
    again = ganctl("runs", "report", "broken")
    assert again.code == 0 and "wrote checkpoints/broken/report.html" in again.out


@pytest.mark.parametrize(
    ("number", "code", "drawn"), [(signal.SIGINT, 130, True), (signal.SIGTERM, 143, False)]
)
def test_run_stopped_by_ctrl_c_has_a_report_and_a_terminated_one_has_none(
    number: signal.Signals, code: int, drawn: bool, small_data: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "ganctl", "train", "--data", str(small_data), "--name", "run"]
    process = subprocess.Popen(
        [*command, "--epochs", "100000"], stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("epoch 1/")
    process.send_signal(number)
    process.communicate(timeout=120)
    assert process.returncode == code
    assert (tmp_path / "checkpoints/run/report.html").exists() == drawn


def test_report_is_drawn_again(ganctl: Ganctl, workplace: Path) -> None:
    for name in REPORT_FILES:
        (workplace / "checkpoints/small" / name).unlink()
    outcome = ganctl("runs", "report")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [f"wrote checkpoints/small/{name}" for name in REPORT_FILES]
    assert "did you mean 'small'?" in ganctl("runs", "report", "smal").err
    shutil.rmtree("checkpoints")
    assert "there is no run in checkpoints/" in ganctl("runs", "report").err


# --- the list

COLUMNS = "run data recipe epochs FD best FD size age state".split()


def test_runs_are_listed_newest_first(
    ganctl: Ganctl, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(Path("checkpoints/older"), config(9, arch="conv"), metrics(4), age=7200)
    Path("checkpoints/broken").mkdir()
    Path("checkpoints/broken/notes.txt").touch()
    os.utime("checkpoints/broken", (1e9, 1e9))
    outcome = ganctl("runs")
    assert outcome.code == 0 and outcome.err == ""
    header, _, first, second, third, _, problem = outcome.out.strip().splitlines()
    assert header.split() == COLUMNS
    assert first.split()[:4] == ["small", "small", "default", "2/2"]
    assert first.split()[-1] == "finished"
    assert second.split()[:6] == "older digits default-conv 4/9 51.0 50.0".split()
    assert re.search(r" \d\.\d kB +2 h +stopped$", second)
    assert third.split()[0] == "broken" and third.split()[-1] == "broken"
    assert problem == "broken: there is no config.json in checkpoints/broken"
    found = json.loads(ganctl("runs", "--json").out)
    assert [run["name"] for run in found] == ["small", "older", "broken"]
    assert found[1]["frechet_distance"] == 51 and found[1]["arch"] == "conv"
    assert found[2]["problem"] and found[2]["data"] is None
    monkeypatch.chdir(workplace / "checkpoints")
    assert ganctl("runs").err == "note: there is no run in checkpoints/ yet: ganctl train\n"
    assert json.loads(ganctl("runs", "--json").out) == []


def test_age_has_its_largest_unit() -> None:
    ages = {59: "now", 60: "1 min", 3599: "59 min", 7200: "2 h", 86400 * 400: "400 d", -5: "now"}
    assert {seconds: age(seconds) for seconds in ages} == ages


def test_run_killed_before_its_first_checkpoint_says_how_to_start_again(
    ganctl: Ganctl, workplace: Path
) -> None:
    Path("checkpoints/k9/samples").mkdir(parents=True)
    hint = "it was stopped before its first checkpoint: the same command begins it again"
    listed = ganctl("runs")
    assert listed.code == 0 and f"k9: {hint}\n" in listed.out and "broken" not in listed.out
    for line in (
        "train --resume k9",
        "sample --checkpoint k9",
        "sample --checkpoint checkpoints/k9",
        "runs report k9",
        "info k9",
        "evaluate k9",
    ):
        outcome = ganctl(*line.split())
        expected = f"error: there is no checkpoint in checkpoints/k9\nhint: {hint}\n"
        assert (outcome.code, outcome.out, outcome.err) == (3, "", expected), line


# --- on terminals

Terminal = Callable[[int, Callable[[], str]], list[str]]

LONG_NAMES = (
    "digits-default-conv-conditional-20261126-141608",
    "digits-default-conv-conditional-20261125-091608",
)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Return a function that returns the lines printed on a terminal of so many columns."""
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal, for rich
    monkeypatch.setenv("TERM", "xterm")

    def lines(columns: int, printed: Callable[[], str]) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        plain = re.sub(r"\x1b\[[0-9;]*m", "", printed())
        found = [line.rstrip() for line in plain.splitlines() if line.strip()]
        assert all(len(line) <= columns for line in found)
        return found

    return lines


@pytest.fixture
def long_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder has two runs without --name, the second one older."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(LONG_NAMES, 1):
        settings = config(40, arch="conv", conditional=True)
        make_run(Path("checkpoints") / name, settings, metrics(9 * number), age=3600 * 9 * number)


def test_narrow_terminal_gets_fewer_columns_and_a_message(
    capsys: pytest.CaptureFixture[str], terminal: Terminal
) -> None:
    columns, cells = ("name", "one", "two", "three"), [["x" * 20, "a" * 10, "b" * 10, "c"]]

    def printed() -> str:
        show_fitting_table(columns, cells, ("three",), ("two", "one"))
        return capsys.readouterr().out

    assert terminal(55, printed)[0].split() == list(columns)
    heading, *_, message, more = terminal(50, printed)
    assert heading.split() == ["name", "one", "three"]
    assert f"{message} {more}" == "no room for two: make the terminal wider, or use --json"
    heading, _, row, *_ = terminal(35, printed)
    assert heading.split() == ["name", "three"] and row.split() == ["x" * 20, "c"]


def test_short_names_take_one_line_per_run(
    ganctl: Ganctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: Terminal
) -> None:
    monkeypatch.chdir(tmp_path)
    make_run(Path("checkpoints/conv"), config(9, arch="conv", conditional=True), metrics(4))
    make_run(Path("checkpoints/hinge"), config(9, objective="hinge"), metrics(4), age=300)
    heading, _, *rows = terminal(100, lambda: ganctl("runs").out)
    assert heading.split() == COLUMNS
    assert [row.split()[0] for row in rows] == ["conv", "hinge"]
    heading, _, *rows, message = terminal(84, lambda: ganctl("runs").out)
    assert heading.split() == [*COLUMNS[:4], *COLUMNS[5:]] and len(rows) == 2
    assert message == "no room for FD: make the terminal wider, or use --json"


@pytest.mark.parametrize("columns", [80, 100, 120])
def test_long_names_have_a_line_of_their_own(
    columns: int, ganctl: Ganctl, long_names: None, terminal: Terminal
) -> None:
    run, heading, rule, *rows = terminal(columns, lambda: ganctl("runs").out)
    wide = columns >= 100
    assert run == "run" and set(rule.strip()) == {"─"}
    assert rows[:4:2] == list(LONG_NAMES)
    assert heading.split() == (COLUMNS[1:] if wide else [*COLUMNS[1:4], *COLUMNS[5:]])
    values = f"digits default-conv-conditional 9/40 {'50.0 ' if wide else ''}50.0 "
    assert " ".join(rows[1].split()).startswith(values)
    assert rows[3].endswith("18 h  stopped") and rows[1].endswith(" 9 h  stopped")
    message = "no room for FD: make the terminal wider, or use --json"
    assert rows[4:] == ([] if wide else [message])


def test_pipe_gets_every_column_on_one_line(ganctl: Ganctl, long_names: None) -> None:
    heading, _, *rows = ganctl("runs").out.strip().splitlines()
    assert heading.split() == COLUMNS
    assert [row.split()[0] for row in rows if row] == list(LONG_NAMES)
    compared = ganctl("runs", "compare", *LONG_NAMES, *LONG_NAMES).out
    assert compared.strip().splitlines()[0].split() == ["figures", *LONG_NAMES, *LONG_NAMES]


@pytest.mark.parametrize("columns", [80, 130])
def test_long_names_are_abbreviated_by_letters_in_a_comparison(
    columns: int, ganctl: Ganctl, long_names: None, terminal: Terminal
) -> None:
    compare = ("runs", "compare", *LONG_NAMES)
    first, second, heading, *_ = terminal(columns, lambda: ganctl(*compare).out)
    if columns == 80:
        assert (first, second) == (f"A = {LONG_NAMES[0]}", f"B = {LONG_NAMES[1]}")
        assert heading.split() == ["figures", "A", "B"]
    else:
        assert first.split() == ["figures", *LONG_NAMES]


# --- comparisons


def test_runs_are_compared(ganctl: Ganctl, workplace: Path) -> None:
    make_run(Path("checkpoints/other"), config(9, lr=0.0002), metrics(4), grids=1)
    outcome = ganctl("runs", "compare", "small", "checkpoints/other/config.json", "both.png")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.endswith("\nwrote both.png\n")
    rows = [line.split() for line in outcome.out.splitlines()]
    assert ["lr", "0.0008", "0.0002"] in rows and ["figures", "small", "other"] in rows
    with Image.open("both.png") as image:
        assert image.width == 1100 and image.height > 540
    plain = ganctl("runs", "compare", "other", "other", "--json")
    assert plain.code == 0 and Path("compare.png").exists()
    assert plain.err == "note: wrote compare.png\n"  # stdout holds JSON alone
    found = json.loads(plain.out)
    assert found["configuration"] == {} and found["runs"] == ["other", "other"]
    assert found["real_frechet_distance"] < 10
    assert "their configurations are the same" in ganctl("runs", "compare", "other", "other").out


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        (["small"], 2, "1 run cannot be compared"),
        (["small"] * 9, 2, "9 runs cannot be compared"),
        (["small", "small", "out.jpg"], 3, "cannot write out.jpg: the format must be PNG"),
        (["small", "none"], 3, "there is no run none"),
        (["small", "small", "none/out.png"], 3, "the folder none does not exist"),
        (["small", "checkpoints/small/small.onnx"], 3, "there is no run"),
        (["small", "small", "checkpoints/small/curves.png"], 3, "is in a run's folder"),
    ],
)
def test_wrong_comparisons_are_errors(
    given: list[str], code: int, message: str, ganctl: Ganctl, workplace: Path
) -> None:
    curves = Path("checkpoints/small/curves.png").read_bytes()
    outcome = ganctl("runs", "compare", *given)
    assert (outcome.code, outcome.out) == (code, "") and message in outcome.err
    assert not list(workplace.glob("*.png"))
    assert Path("checkpoints/small/curves.png").read_bytes() == curves
