from __future__ import annotations

import json
import tempfile
from itertools import count
from pathlib import Path

import pytest

from benchmarks import train
from benchmarks.common import Spread
from benchmarks.note_loop import write_mnist
from benchmarks.train import CONTENDERS, bench_train, contender_config, make_floors
from ganctl.config import TrainConfig
from ganctl.data import load_data
from ganctl.errors import BadInput, CheckFailed


def test_contenders_are_recipes_with_changes() -> None:
    for name in CONTENDERS:
        assert contender_config(name, 32).precision in ("fp32", "bf16")
    assert contender_config("classic", 32) == TrainConfig(
        recipe="classic", batch_size=32, precision="fp32"
    )
    assert contender_config("batch256", 32).batch_size == 256


def test_floors_are_made_for_every_batch_size_once() -> None:
    assert list(make_floors([64, 64, 256])) == [
        (64, "bfloat16"),
        (64, "float32"),
        (256, "float32"),
    ]


@pytest.fixture
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "note_memory", lambda *_: 2**20)
    monkeypatch.setattr(train, "ganctl_memory", lambda *_: 2**21)


def test_all_sides_see_the_same_images_by_the_same_clock(
    small_data: Path, tmp_path: Path, no_processes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock advances by a second per call, so a rate is the images between two calls."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(train, "WARM_UP", 0)
    ticks, data = count(), load_data(str(small_data))
    result = bench_train(
        data,
        ["classic", "batch256"],
        batch_size=64,
        rounds=2,
        steps=4,
        clock=lambda: float(next(ticks)),
    )
    assert result["baseline"] == Spread(200, 200, 200)  # an epoch: 64 + 64 + 64 + 8
    classic, large = result["contenders"]
    assert classic["rate"] == large["rate"] == Spread(200, 200, 200)
    assert classic["over_baseline"] == Spread(1, 1, 1)
    assert classic["over_floor"] == Spread(200 / 256, 200 / 256, 200 / 256)
    assert [floor["rate"] for floor in result["floors"]] == [Spread(256, 256, 256)] * 3
    assert (result["baseline_memory"], classic["memory"]) == (2**20, 2**21)
    assert (result["data"], result["images"], result["threads"]) == ("small", 200, 1)
    assert list(tmp_path.iterdir()) == []


def test_the_peak_memory_is_that_of_separate_processes(
    small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "MEMORY_STEPS", 3)
    write_mnist(tmp_path, load_data(str(small_data)))
    config = TrainConfig(recipe="classic", precision="fp32")
    assert train.note_memory(tmp_path, 64) > 50e6
    assert train.ganctl_memory(tmp_path, config) > 50e6
    with pytest.raises(CheckFailed, match="memory failed: RuntimeError: Dataset not found"):
        train.note_memory(tmp_path / "none", 64)


def test_it_prints_json_or_a_table(
    small_data: Path, workplace: Path, no_processes: None, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--rounds", "2", "--steps", "2", "--contender", "classic", "--threads", "1"]
    before = sorted(workplace.rglob("*"))
    train.main([*options, "--data", str(small_data), "--json"])
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert {"cpu", "cores", "load", "busy", "system", "python", "versions"} == set(
        result["machine"]
    )
    (classic,) = result["contenders"]
    assert classic["config"] == {"recipe": "classic", "precision": "fp32"}
    for rate in (result["baseline"], classic["rate"], classic["over_floor"]):
        assert 0 < rate["low"] <= rate["median"] <= rate["high"]
    assert classic["around"] < 1
    assert all(line.startswith("note: ") for line in err.splitlines())
    assert sorted(workplace.rglob("*")) == before  # the user's checkpoints among them

    train.main([*options, "--data", str(small_data)])
    out = capsys.readouterr().out
    for row in ("the note's loop", "ganctl, classic (fp32)", "floor, batch 64, float32"):
        assert sum(row in line for line in out.splitlines()) == 1
    assert "of an epoch (target 5%: " in out
    assert "1 thread, " in out and "Python 3." in out


@pytest.mark.parametrize(
    "options", [["--contender", "fastest"], ["--batch-size", "1"], ["--rounds", "0"], ["--xyz"]]
)
def test_wrong_options_are_refused(options: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        train.main(options)
    assert end.value.code == 2


def test_unknown_data_is_refused() -> None:
    with pytest.raises(BadInput, match="no data set or path named 'nothing'"):
        train.main(["--data", "nothing"])
