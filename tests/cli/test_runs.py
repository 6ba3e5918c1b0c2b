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
from PIL import Image

from ganctl.cli.runs import age
from ganctl.cli.tables import show_fitting_table
from ganctl.runs import report
from ganctl.runs.run_dir import REPORT_FILES

from ..conftest import Ganctl
from ..runs.fake_runs import config, make_run, metrics


def test_a_run_that_has_ended_is_drawn(workplace: Path) -> None:
    folder = workplace / "checkpoints/small"
    assert all((folder / name).stat().st_size > 1000 for name in REPORT_FILES)
    assert (folder / "curves.png").read_bytes()[:4] == b"\x89PNG"
    text = (folder / "report.html").read_text()
    assert "2 of 2 epochs" in text and "--threads 1" in text and "ganctl train --data /" in text


def test_what_keeps_a_run_from_being_drawn_is_a_note(
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
        patch.setattr(report, "page", lambda *_, **__: 1 / 0)
        broken = ganctl(*arguments, "broken")
    assert broken.code == 0 and "ZeroDivisionError" in broken.err
    again = ganctl("runs", "report", "broken")
    assert again.code == 0 and "wrote checkpoints/broken/report.html" in again.out


@pytest.mark.parametrize(
    ("number", "code", "drawn"), [(signal.SIGINT, 130, True), (signal.SIGTERM, 143, False)]
)
def test_a_run_that_ctrl_c_ends_is_drawn_and_one_in_haste_is_not(
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


def test_the_runs_are_listed_the_newest_first(
    ganctl: Ganctl, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(Path("checkpoints/older"), config(9, arch="conv"), metrics(4), age=7200)
    Path("checkpoints/broken").mkdir()
    Path("checkpoints/broken/notes.txt").touch()
    os.utime("checkpoints/broken", (1e9, 1e9))
    outcome = ganctl("runs")
    assert outcome.code == 0 and outcome.err == ""
    header, _, first, second, third, _, problem = outcome.out.strip().splitlines()
    assert header.split() == "run data recipe epochs FD best FD size age state".split()
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


Terminal = Callable[[int, Callable[[], str]], list[str]]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Return the lines that are printed on a terminal of so many columns."""
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal, for rich
    monkeypatch.setenv("TERM", "xterm")

    def shown(columns: int, printed: Callable[[], str]) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        plain = re.sub(r"\x1b\[[0-9;]*m", "", printed())
        lines = [line.rstrip() for line in plain.splitlines() if line.strip()]
        assert all(len(line) <= columns for line in lines)
        return lines

    return shown


DEFAULT_NAMES = (
    "digits-default-conv-conditional-20261126-141608",
    "digits-default-conv-conditional-20261125-091608",
)


@pytest.fixture
def named_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder has two runs without --name, the second one older."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(DEFAULT_NAMES, 1):
        settings = config(40, arch="conv", conditional=True)
        make_run(Path("checkpoints") / name, settings, metrics(9 * number), age=3600 * 9 * number)


def test_a_narrow_terminal_gets_fewer_columns_and_is_told_which(
    capsys: pytest.CaptureFixture[str], terminal: Terminal
) -> None:
    columns, cells = ("name", "one", "two", "three"), [["x" * 20, "a" * 10, "b" * 10, "c"]]

    def printed() -> str:
        show_fitting_table(columns, cells, ("three",), ("two", "one"))
        return capsys.readouterr().out

    assert terminal(55, printed)[0].split() == list(columns)
    heading, *_, said, more = terminal(50, printed)
    assert heading.split() == ["name", "one", "three"]
    assert f"{said} {more}" == "no room for two: make the terminal wider, or use --json"
    heading, _, row, *_ = terminal(35, printed)
    assert heading.split() == ["name", "three"] and row.split() == ["x" * 20, "c"]


EVERYTHING = "run data recipe epochs FD best FD size age state".split()


def test_short_names_are_listed_a_line_a_run(
    ganctl: Ganctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: Terminal
) -> None:
    monkeypatch.chdir(tmp_path)
    make_run(Path("checkpoints/conv"), config(9, arch="conv", conditional=True), metrics(4))
    make_run(Path("checkpoints/hinge"), config(9, objective="hinge"), metrics(4), age=300)

    def listed(columns: int) -> list[str]:
        return terminal(columns, lambda: ganctl("runs").out)

    heading, _, *rows = listed(100)
    assert heading.split() == EVERYTHING
    assert [row.split()[0] for row in rows] == ["conv", "hinge"]
    heading, _, *rows, said = listed(84)
    assert heading.split() == [*EVERYTHING[:4], *EVERYTHING[5:]] and len(rows) == 2
    assert said == "no room for FD: make the terminal wider, or use --json"


@pytest.mark.parametrize("columns", [80, 100, 120])
def test_a_name_of_ganctls_own_stands_whole_above_its_figures(
    columns: int, ganctl: Ganctl, named_by_default: None, terminal: Terminal
) -> None:
    run, heading, rule, *rows = terminal(columns, lambda: ganctl("runs").out)
    left_out = rows[4:]
    assert run == "run" and set(rule.strip()) == {"─"}
    assert rows[:4:2] == list(DEFAULT_NAMES)
    wide = columns >= 100
    assert heading.split() == (EVERYTHING[1:] if wide else [*EVERYTHING[1:4], *EVERYTHING[5:]])
    told = f"digits default-conv-conditional 9/40 {'50.0 ' if wide else ''}50.0 "
    assert " ".join(rows[1].split()).startswith(told)
    assert rows[3].endswith("18 h  stopped") and rows[1].endswith(" 9 h  stopped")
    assert left_out == ([] if wide else ["no room for FD: make the terminal wider, or use --json"])


def test_in_a_pipe_nothing_is_left_out_or_folded(ganctl: Ganctl, named_by_default: None) -> None:
    heading, _, *rows = ganctl("runs").out.strip().splitlines()
    assert heading.split() == EVERYTHING
    assert [row.split()[0] for row in rows if row] == list(DEFAULT_NAMES)
    compared = ganctl("runs", "compare", *DEFAULT_NAMES, *DEFAULT_NAMES).out
    assert compared.strip().splitlines()[0].split() == ["figures", *DEFAULT_NAMES, *DEFAULT_NAMES]


@pytest.mark.parametrize("columns", [80, 100, 120, 130])
def test_long_names_stand_above_a_comparison(
    columns: int, ganctl: Ganctl, named_by_default: None, terminal: Terminal
) -> None:
    first, second, heading, *_ = terminal(
        columns, lambda: ganctl("runs", "compare", *DEFAULT_NAMES).out
    )
    if columns < 130:  # else they are the headings
        assert (first, second) == tuple(map(" = ".join, zip("AB", DEFAULT_NAMES, strict=True)))
        assert heading.split() == ["figures", "A", "B"]
    else:
        assert first.split() == ["figures", *DEFAULT_NAMES]


def test_ages_are_told_in_their_largest_unit() -> None:
    told = {59: "now", 60: "1 min", 3599: "59 min", 7200: "2 h", 86400 * 400: "400 d", -5: "now"}
    assert {seconds: age(seconds) for seconds in told} == told


def test_runs_are_laid_side_by_side(ganctl: Ganctl, workplace: Path) -> None:
    make_run(Path("checkpoints/other"), config(9, lr=0.0002), metrics(4), grids=1)
    outcome = ganctl("runs", "compare", "small", "checkpoints/other/config.json", "both.png")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.endswith("\nwrote both.png\n")
    told = [line.split() for line in outcome.out.splitlines()]
    assert ["lr", "0.0008", "0.0002"] in told and ["figures", "small", "other"] in told
    with Image.open("both.png") as image:
        assert image.width == 1100 and image.height > 540
    plain = ganctl("runs", "compare", "other", "other", "--json")
    assert plain.code == 0 and Path("compare.png").exists()
    assert plain.err == "note: wrote compare.png\n"  # stdout holds JSON alone
    found = json.loads(plain.out)
    assert found["configuration"] == {} and found["runs"] == ["other", "other"]
    assert found["real_frechet_distance"] < 10
    assert "their configurations are the same" in ganctl("runs", "compare", "other", "other").out


def test_a_run_that_was_killed_as_it_began_says_how_to_begin_it_again(
    ganctl: Ganctl, workplace: Path
) -> None:
    Path("checkpoints/k9/samples").mkdir(parents=True)
    why = "it was stopped before its first checkpoint: the same command begins it again"
    listed = ganctl("runs")
    assert listed.code == 0 and f"k9: {why}\n" in listed.out and "broken" not in listed.out
    for line in (
        "train --resume k9",
        "sample --checkpoint k9",
        "sample --checkpoint checkpoints/k9",
        "runs report k9",
        "info k9",
        "evaluate k9",
    ):
        outcome = ganctl(*line.split())
        said = f"error: there is no checkpoint in checkpoints/k9\nhint: {why}\n"
        assert (outcome.code, outcome.out, outcome.err) == (3, "", said), line


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["small"], "1 run cannot be compared"),
        (["small", "small", "out.jpg"], "cannot write out.jpg: the format must be PNG"),
        (["small"] * 9, "9 runs cannot be compared"),
        (["small", "none"], "there is no run none"),
        (["small", "small", "none/out.png"], "the folder none does not exist"),
        (["small", "checkpoints/small/small.onnx"], "there is no run"),
    ],
)
def test_what_cannot_be_compared_is_told(
    given: list[str], message: str, ganctl: Ganctl, workplace: Path
) -> None:
    outcome = ganctl("runs", "compare", *given)
    code = 2 if "cannot be compared" in message else 3  # their number is the command line's
    assert (outcome.code, outcome.out) == (code, "") and message in outcome.err
    assert not list(workplace.glob("*.png"))


def test_a_runs_own_pictures_are_not_drawn_over(ganctl: Ganctl, workplace: Path) -> None:
    make_run(Path("checkpoints/older"), config(9), metrics(4))
    curves = Path("checkpoints/small/curves.png")
    before = curves.read_bytes()
    outcome = ganctl("runs", "compare", "small", "older", curves)
    assert outcome.code == 3 and "is in a run's folder" in outcome.err
    assert curves.read_bytes() == before


def test_a_name_that_is_nearly_right_is_told(ganctl: Ganctl, workplace: Path) -> None:
    assert "did you mean 'small'?" in ganctl("runs", "report", "smal").err


def test_a_run_is_drawn_anew(ganctl: Ganctl, workplace: Path) -> None:
    for name in REPORT_FILES:
        (workplace / "checkpoints/small" / name).unlink()
    outcome = ganctl("runs", "report")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [f"wrote checkpoints/small/{name}" for name in REPORT_FILES]
    shutil.rmtree("checkpoints")
    assert "there is no run in checkpoints/" in ganctl("runs", "report").err
