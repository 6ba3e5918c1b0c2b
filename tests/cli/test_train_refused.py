"""Trainings that cannot be, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganctl.training.checkpoint import load_checkpoint

from ..conftest import Ganctl

pytestmark = pytest.mark.usefixtures("here")

LAST = Path("checkpoints/run/last.safetensors")


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["--data", "."], "0 readable PNG or JPEG images", "more images"),
        (["--data", "none", "--name", "é" * 128], "name too long", "--name first-try"),
        (["--data", "/proc"], "0 readable PNG or JPEG images", "more images"),
        (["--resume"], "there is no run in checkpoints/", "ganctl train"),
    ],
)
def test_bad_input_is_one_error_one_hint_and_exit_3(
    arguments: list[str], message: str, hint: str, ganctl: Ganctl, tmp_path: Path
) -> None:
    outcome = ganctl("train", *arguments)
    assert outcome.code == 3 and outcome.out == ""
    first, second = outcome.err.splitlines()
    assert first.startswith("error: ") and message in first
    assert second.startswith("hint: ") and hint in second
    assert list(tmp_path.iterdir()) == []


def test_training_that_diverges_exits_5(ganctl: Ganctl, small_data: Path) -> None:
    outcome = ganctl("train", "--data", small_data, "--lr", "1e30", "--name", "run")
    assert outcome.code == 5 and "training diverged" in outcome.err
    assert "hint: try a lower --lr" in outcome.err
    assert load_checkpoint(LAST).step == 0


def test_busy_cores_are_no_news_where_there_is_an_error(
    ganctl: Ganctl, small_data: Path, tmp_path: Path
) -> None:
    threads = ["--threads", 1024]  # more than there are, of which a note tells
    for wrong in (["--data", "mnsit"], ["--resume"], ["--data", "mnsit", "--dry-run"]):
        outcome = ganctl("train", *wrong, *threads)
        assert outcome.code == 3 and outcome.err.startswith("error: ")
    outcome = ganctl("train", "--data", small_data, "--epochs", 1, "--eval-every", 0, *threads)
    assert outcome.code == 0 and "1024 threads are more than" in outcome.err


def test_without_a_network_mnist_falls_back_and_says_so(
    ganctl: Ganctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision.datasets import MNIST

    monkeypatch.setattr(MNIST, "mirrors", ["http://127.0.0.1:9/"])  # the discard port: refused
    arguments = ["train", "--data-dir", tmp_path / "data", "--epochs", 1, "--name", "run"]
    strict = ganctl(*arguments, "--no-fallback")
    assert strict.code == 3 and "could not be downloaded" in strict.err
    assert not Path("checkpoints").exists()
    outcome = ganctl(*arguments, "--batch-size", 1000)
    assert outcome.code == 0
    (note,) = [line for line in outcome.err.splitlines() if line.startswith("note: ")]
    assert "mnist could not be downloaded" in note and "embedded digits" in note
    card = load_checkpoint(LAST).card
    assert (card.data_name, card.data_count) == ("digits", 10_000)
    assert "could not be downloaded" in card.data_note
    more = ganctl("train", "--resume", "--epochs", 2)  # asks no mirror again
    assert more.code == 0 and "could not" not in more.err
    assert load_checkpoint(LAST).card.data_note == card.data_note
