from __future__ import annotations

import dataclasses
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ganctl.cli import training_screen
from ganctl.cli.training_screen import TrainingScreen
from ganctl.training.checkpoint import load_checkpoint
from ganctl.training.progress import Progress

from ..conftest import Ganctl

pytestmark = pytest.mark.usefixtures("here")

LAST = Path("checkpoints/run/last.safetensors")


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_head_is_renewed_though_the_curves_must_wait_and_at_once_in_another_window(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name in ("COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)  # which would settle the size for good
    monkeypatch.setattr(training_screen, "HEAD_SECONDS", 0)
    monkeypatch.setattr(sys, "stderr", terminal := Tty())
    shown = TrainingScreen(lambda: None, plain=False)

    def written(step: int) -> str:
        before = len(terminal.getvalue())
        while len(terminal.getvalue()) == before:  # half of the time is for other things
            shown.show(Progress(1, 2, step, 100, 1.0 + step, 1.0, 0.5, 0.5, images_per_second=1.0))
        return terminal.getvalue()[before:]

    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(training_screen, "REDRAW_SECONDS", 1e9)
    with shown:
        first, second = written(1), written(2)
        assert "step 1/100" in first and "generator loss" in first
        assert "step 2/100" in second and "generator loss" not in second
        monkeypatch.setenv("COLUMNS", "70")
        third = written(3)
        assert "step 3/100" in third and "generator loss" in third
        shown.stopped(104)
    assert "epoch 2/2  step 4/100" in terminal.getvalue()[-800:]


def test_nothing_is_left_of_a_panel_that_had_nothing_to_show(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal := Tty())
    with TrainingScreen(lambda: None, plain=False) as shown:
        assert "starting" in terminal.getvalue()
        shown.stopped(3)
    assert terminal.getvalue().endswith("\x1b[1A\r\x1b[J")


def test_a_reader_that_goes_away_does_not_stop_the_run(small_data: Path) -> None:
    command = [sys.executable, "-m", "ganctl", "train", "--data", str(small_data)]
    process = subprocess.Popen(
        [*command, "--name", "run", "--epochs", "5"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith(b"epoch 1/5")
    process.stderr.close()
    assert process.wait(60) == 0
    assert load_checkpoint(LAST).step == 20


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_a_terminal_that_goes_away_does_not_stop_the_run(small_data: Path) -> None:
    main_end, other_end = os.openpty()
    command = [sys.executable, "-m", "ganctl", "train", "--data", str(small_data)]
    process = subprocess.Popen(
        [*command, "--name", "run", "--epochs", "8"],
        stdout=other_end,
        stderr=other_end,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
    )
    os.close(other_end)
    assert os.read(main_end, 1)
    os.close(main_end)
    assert process.wait(120) == 0
    assert load_checkpoint(LAST).step == 32
    more = [*command, "--name", "run"]  # which is refused, and has nobody to tell
    main_end, other_end = os.openpty()
    os.close(main_end)
    assert subprocess.run(more, stdout=other_end, stderr=other_end, check=False).returncode == 3
    os.close(other_end)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_a_terminal_gets_a_panel_of_curves_and_pictures(small_data: Path) -> None:
    main_end, other_end = os.openpty()
    options = ["--data", str(small_data), "--epochs", "30", "--sample-every", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "ganctl", "train", *options],
        stdout=subprocess.PIPE,
        stderr=other_end,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
    )
    os.close(other_end)
    shown = b""
    while True:
        try:
            shown += os.read(main_end, 65536)
        except OSError:  # the other end is closed
            break
    os.close(main_end)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and out.startswith(b"trained 30 epochs in ")
    text = shown.decode()
    last = text[text.rindex("epoch ") :]
    assert last.startswith("epoch 30/30  step 4/4  \x1b[32m━━━") and "0:00 left" in last
    assert "D(G(z))" in text and "Fréchet distance" in text and "█" in text
    assert re.search("\x1b\\[38;5;[0-9]+;48;5;[0-9]+m▀", text)  # and a picture, without any grid
    assert text.count("\x1b[J") < text.count("epoch ")  # most frames write what has changed


@pytest.mark.parametrize("terminal", ["dumb", "xterm"])
def test_plain_is_one_line_an_epoch_on_a_terminal_too(
    terminal: str, ganctl: Ganctl, small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", terminal)
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    plain = [] if terminal == "dumb" else ["--plain"]
    outcome = ganctl("train", "--data", small_data, "--epochs", 2, "--name", "run", *plain)
    assert outcome.code == 0 and "\x1b" not in outcome.err
    assert [line[:9] for line in outcome.err.splitlines()] == ["epoch 1/2", "epoch 2/2"]


def test_quiet_prints_errors_alone(ganctl: Ganctl, small_data: Path) -> None:
    arguments = ["train", "--data", small_data, "--epochs", 1, "--quiet", "--name", "run"]
    threads = ["--threads", 1024]  # more than there are, of which a note would tell
    assert ganctl(*arguments, *threads) == (0, "", "")
    assert load_checkpoint(LAST).step == 4
    again = ganctl(*arguments)
    assert again.code == 3 and again.out == "" and again.err.startswith("error: ")
    both = ganctl(*arguments, "--plain")
    assert both.code == 2 and "choose one of --plain and --quiet" in both.err


def test_quiet_is_silent_about_a_report_that_could_not_be_drawn(
    ganctl: Ganctl, small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    arguments = ["train", "--data", small_data, "--epochs", 1, "--quiet", "--name", "run"]
    assert ganctl(*arguments) == (0, "", "")
    assert load_checkpoint(LAST).step == 4 and not LAST.with_name("report.html").exists()
    assert ganctl("train", "--resume", "run", "--quiet") == (0, "", "")  # which tries again


def test_a_line_has_the_distance_of_its_own_epoch_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with TrainingScreen(lambda: None, plain=True) as shown:
        for epoch, distance in enumerate((None, 8.5, 8.5, 7.25), 1):
            at = Progress(epoch, 4, 4, 4, 1.0, 1.0, 0.5, 0.5, images_per_second=1.0)
            shown.show(dataclasses.replace(at, frechet_distance=distance))
    lines = capsys.readouterr().err.splitlines()
    assert [re.findall("FD [0-9.]+", line) for line in lines] == [[], ["FD 8.5"], [], ["FD 7.2"]]


@pytest.mark.parametrize(("real", "scale"), [(5.975, "; real test digits: 6.0"), (None, "")])
def test_the_end_says_how_good_it_is_beside_real_digits(real: float | None, scale: str) -> None:
    shown = TrainingScreen(lambda: real, plain=True)
    with shown:
        at = Progress(1, 1, 4, 4, 1.0, 1.0, 0.5, 0.5, images_per_second=1.0)
        shown.show(at)
        assert shown.quality == []
        shown.show(dataclasses.replace(at, frechet_distance=1234.56))
    assert shown.quality == [f"Fréchet distance 1,234.6{scale}"]
