from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from ganctl.cli.runs import age
from ganctl.cli.tables import show_fitting_table
from ganctl.run_files import DRAWN
from ganctl.runs import report

from ..conftest import Ganctl
from ..runs.made_up import config, lines, made_up


def test_a_run_that_has_ended_is_drawn(workplace: Path) -> None:
    folder = workplace / "checkpoints/small"
    assert all((folder / name).stat().st_size > 1000 for name in DRAWN)
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
        patch.setattr(report, "page", lambda _: 1 / 0)
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
    made_up(Path("checkpoints/older"), config(9, arch="conv"), lines(4), age=7200)
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


def test_a_narrow_terminal_gets_fewer_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal, for rich
    monkeypatch.setenv("TERM", "xterm")
    columns, cells = ("name", "one", "two", "three"), [["x" * 20, "a" * 10, "b" * 10, "c"]]

    def shown(width: int) -> str:
        monkeypatch.setenv("COLUMNS", str(width))
        show_fitting_table(columns, cells, ("three",), ("two", "one"))
        out = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
        assert all(len(line) <= width for line in out.splitlines())
        return out

    assert "two" in shown(60) and "one" in shown(60)
    assert "two" not in shown(50) and "one" in shown(50)
    assert "one" not in shown(30) and "x" * 20 in shown(35)


def test_the_newest_distance_gives_way_before_the_size(
    ganctl: Ganctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal, for rich
    monkeypatch.setenv("TERM", "xterm")
    made_up(Path("checkpoints/conv"), config(9, arch="conv", conditional=True), lines(4))

    def header(width: int) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(width))
        return re.sub(r"\x1b\[[0-9;]*m", "", ganctl("runs").out).split("\n")[1].split()

    everything = "run data recipe epochs FD best FD size age state".split()
    assert header(110) == everything
    assert header(88) == [*everything[:4], *everything[5:]]
    assert header(80) == [name for name in header(88) if name != "size"]


def test_ages_are_told_in_their_largest_unit() -> None:
    told = {59: "now", 60: "1 min", 3599: "59 min", 7200: "2 h", 86400 * 400: "400 d", -5: "now"}
    assert {seconds: age(seconds) for seconds in told} == told


def test_runs_are_laid_side_by_side(ganctl: Ganctl, workplace: Path) -> None:
    made_up(Path("checkpoints/other"), config(9, lr=0.0002), lines(4), grids=1)
    outcome = ganctl("runs", "compare", "small", "checkpoints/other/config.json", "both.png")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.endswith("\nwrote both.png\n")
    told = [line.split() for line in outcome.out.splitlines()]
    assert ["lr", "0.0008", "0.0002"] in told and ["figures", "small", "other"] in told
    with Image.open("both.png") as image:
        assert image.size == (1100, 540)
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
        (["small", "small", "out.jpg"], "cannot write out.jpg: '.jpg' is no kind of output"),
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
    made_up(Path("checkpoints/older"), config(9), lines(4))
    curves = Path("checkpoints/small/curves.png")
    before = curves.read_bytes()
    outcome = ganctl("runs", "compare", "small", "older", curves)
    assert outcome.code == 3 and "a run's own pictures" in outcome.err
    assert curves.read_bytes() == before


def test_a_name_that_is_nearly_right_is_told(ganctl: Ganctl, workplace: Path) -> None:
    assert "did you mean 'small'?" in ganctl("runs", "report", "smal").err


def test_a_run_is_drawn_anew(ganctl: Ganctl, workplace: Path) -> None:
    for name in DRAWN:
        (workplace / "checkpoints/small" / name).unlink()
    outcome = ganctl("runs", "report")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [f"wrote checkpoints/small/{name}" for name in DRAWN]
    shutil.rmtree("checkpoints")
    assert "there is no run in checkpoints/" in ganctl("runs", "report").err
