from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ganctl.benchmark import infer, start, train

from ..conftest import Ganctl


@pytest.fixture(autouse=True)
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole processes take seconds; tests/benchmark runs them."""
    monkeypatch.setattr(train, "note_memory", lambda *_: 2**20)
    monkeypatch.setattr(train, "our_memory", lambda *_: 2**21)
    for module in (infer, start):
        monkeypatch.setattr(module, "process_seconds", lambda *_: 0.25)
    monkeypatch.setattr(infer, "SECONDS", 0.001)
    monkeypatch.setattr(start, "check_same_picture", lambda *_: None)


MACHINE = {"cpu", "cores", "load", "busy", "system", "python", "versions"}
TRAIN = ["bench", "train", "--rounds", 2, "--steps", 2, "--contender", "classic", "--data"]


def test_train_prints_json_and_the_same_as_a_table(
    ganctl: Ganctl, small_data: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure, measured = train.bench_train, list[Any]()

    def once(*arguments: Any, **options: Any) -> Any:
        if not measured:
            measured.append(measure(*arguments, **options))
        return measured[0]

    monkeypatch.setattr(train, "bench_train", once)
    before = sorted(workplace.rglob("*"))
    outcome = ganctl(*TRAIN, small_data, "--json")
    assert outcome.code == 0
    result = json.loads(outcome.out)
    assert result["machine"].keys() == MACHINE
    (classic,) = result["contenders"]
    assert classic["config"] == {"recipe": "classic", "precision": "fp32"}
    for rate in (result["baseline"], classic["rate"], classic["over_floor"]):
        assert 0 < rate["low"] <= rate["median"] <= rate["high"]
    assert classic["around"] < 1
    assert all(line.startswith("note: ") for line in outcome.err.splitlines())
    assert sorted(workplace.rglob("*")) == before  # the user's checkpoints among them

    out = ganctl(*TRAIN, small_data).out
    for row in ("the note's loop", "ganctl, classic (fp32)", "floor, batch 64, float32"):
        assert sum(row in line for line in out.splitlines()) == 1
    assert "of an epoch of 200 images at most (target 5%: " in out
    assert "1 thread, " in out and "Python 3." in out


def test_infer_prints_json(ganctl: Ganctl, workplace: Path) -> None:
    outcome = ganctl(
        *("bench", "infer", "small.onnx", "--batches", "1,3", "--rounds", 1, "-n", 20, "--json")
    )
    assert outcome.code == 0
    result = json.loads(outcome.out)
    assert [each["batch"] for each in result["batches"]] == [1, 3]
    assert result["npy"] == {"median": 80, "low": 80, "high": 80}
    assert 0 < result["png_share"]["median"] < 1


def test_start_prints_targets(ganctl: Ganctl, small_data: Path, workplace: Path) -> None:
    arguments = ["bench", "start", "small.onnx", "--data", small_data, "--rounds", 2]
    result = json.loads(ganctl(*arguments, "--json").out)
    assert [(pair["target"], pair["met"]) for pair in result["pairs"]] == [
        (2.0, True),
        (1.35, True),
        (1.3, True),
    ]
    assert ganctl(*arguments).out.count(" met") == 3


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["train", "--contender", "fastest"], 3, "there is no contender 'fastest'"),
        (["train", "--batch-size", "1"], 2, "1 is not in the range 2<=x<=65536"),
        (["train", "--rounds", "0"], 2, "0 is not in the range x>=1"),
        (["infer", "--batches", "1,,2"], 2, "'1,,2' is no list of batch sizes"),
        (["infer", "--batches", "9" * 5000], 2, "is no list of batch sizes"),
        (["infer", "--batches", "0"], 2, "'0' is no list of batch sizes"),
        (["infer", "nowhere.onnx"], 3, "cannot read model nowhere.onnx"),
        (["start", "nowhere.onnx", "--data", "digits"], 3, "cannot read model nowhere.onnx"),
        (["start", "--data", "nothing"], 3, "no data set or path named 'nothing'"),
        (["draw"], 2, "No such command 'draw'"),
        ([], 2, "Missing command: one of train, infer, start, kills, soak"),
    ],
)
def test_bad_options_are_one_line(
    arguments: list[str], code: int, error: str, ganctl: Ganctl, small_data: Path
) -> None:
    if arguments[:1] == ["train"]:
        arguments = [*arguments, "--data", str(small_data)]
    outcome = ganctl("bench", *arguments)
    assert (outcome.code, outcome.out) == (code, "")
    first, second = [line for line in outcome.err.splitlines() if not line.startswith("note: ")]
    assert first.startswith("error: ") and error in first and second.startswith("hint: ")
