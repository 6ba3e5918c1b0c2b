from __future__ import annotations

import io
import sys

import pytest

from ganctl.cli import training_screen
from ganctl.cli.training_screen import TrainingScreen
from ganctl.training.progress import Progress


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
