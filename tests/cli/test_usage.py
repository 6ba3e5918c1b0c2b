from __future__ import annotations

from pathlib import Path

import pytest

from ..conftest import Ganctl


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("tain", "No such command 'tain': did you mean 'train'?"),
        ("xyz", "No such command 'xyz'"),
        ("sample -o x.png", "No such option: -o: OUT is written without it"),
        ("data", "Missing command: one of list, fetch, show"),
        ("version", "No such command 'version': did you mean 'ganctl --version'?"),
        ("runs json", "No such command 'json': did you mean 'ganctl runs --json'?"),
        ("data lsit", "No such command 'lsit': did you mean 'list'?"),
        ("train --epoch 5", "No such option: --epoch: did you mean '--epochs'?"),
        ("train --batch_size=5", "No such option: --batch_size: did you mean '--batch-size'?"),
        ("train --xyz", "No such option: --xyz"),
        ("sample --ckeckpoint x", "No such option: --ckeckpoint: did you mean '--checkpoint'?"),
        (
            "train --arch convv",
            "Invalid value for '--arch': 'convv' is not one of 'mlp', 'conv': did you mean 'conv'?",
        ),
        ("export --precision x", "Invalid value for '--precision': 'x' is not one of "),
        ("train --data digits --epochs", "--epochs needs a value"),
        ("train --epochs x", "Invalid value for '--epochs': 'x' is not a whole number"),
        ("train --lr x", "Invalid value for '--lr': 'x' is not a number"),
        ("train --resume k --dry-run", "Invalid value for --dry-run: it is for new runs: leave"),
        ("--verison", "No such option: --verison: did you mean '--version'?"),
    ],
)
def test_what_was_probably_meant_is_asked(line: str, error: str, ganctl: Ganctl) -> None:
    outcome = ganctl(*line.split())
    assert outcome.code == 2 and outcome.out == ""
    first, hint = outcome.err.splitlines()
    assert first.startswith(f"error: {error}") and hint.endswith("--help")
    assert first.endswith(error) or "did you mean" not in first


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("train first", "ganctl train --resume first; or a new run: --name first"),
        ("train a/b.safetensors", "ganctl train --resume a/b.safetensors"),
        ("train first --resume --name first", "ganctl train --resume first; or a new run: "),
    ],
)
def test_a_run_without_resume_is_told_both_ways(line: str, hint: str, ganctl: Ganctl) -> None:
    outcome = ganctl(*line.split())
    assert outcome.code == 2 and "' needs --resume, and no --name\n" in outcome.err
    assert outcome.err.splitlines()[1].startswith(f"hint: {hint}")


@pytest.mark.parametrize(
    ("line", "near"),
    [
        ("sample --checkpoint smal", "small"),
        ("export --checkpoint smalll", "small"),
        ("train --resume smlal", "small"),
        ("info smal", "small"),
        ("evaluate samll", "small"),
        ("evaluate smal.onnx", "small.onnx"),
        ("info smll.onnx", "small.onnx"),
        ("infer smalll.onnx", "small.onnx"),
        ("info checkpoints/smal", "checkpoints/small"),
    ],
)
def test_runs_and_files_are_guessed(
    line: str, near: str, trained: Path, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained)
    outcome = ganctl(*line.split())
    assert outcome.code == 3
    assert outcome.err.splitlines()[0].endswith(f": did you mean '{near}'?")


def test_nothing_is_guessed_where_nothing_is_like_it(
    ganctl: Ganctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "did you mean" not in ganctl("info", "none").err
    assert "did you mean" not in ganctl("infer", "no/folder.onnx").err
