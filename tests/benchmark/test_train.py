from __future__ import annotations

import tempfile
from itertools import count
from pathlib import Path

import pytest

from ganctl.benchmark import train
from ganctl.benchmark.timing import Spread
from ganctl.benchmark.train import CONTENDERS, bench_train, contender_config, make_floors
from ganctl.config import TrainConfig
from ganctl.data import load_data
from ganctl.errors import BadInput


def test_contenders_are_recipes_with_changes() -> None:
    for name in CONTENDERS:
        assert contender_config(name, 32).precision in ("fp32", "bf16")
    assert contender_config("classic", 32) == TrainConfig(
        recipe="classic", batch_size=32, precision="fp32"
    )
    assert contender_config("batch256", 32).batch_size == 256
    with pytest.raises(BadInput, match="there is no contender 'fastest'"):
        contender_config("fastest", 32)


def test_floors_are_made_for_every_batch_size_once() -> None:
    assert list(make_floors([64, 64, 256])) == [
        (64, "bfloat16"),
        (64, "float32"),
        (256, "float32"),
    ]


def test_all_sides_see_the_same_images_by_the_same_clock(
    small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock goes on by a second whenever it is asked: a rate is the images between two asks."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(train, "WARM_UP", 0)
    monkeypatch.setattr(train, "note_memory", lambda *_: 1)
    monkeypatch.setattr(train, "our_memory", lambda *_: 2)
    ticks, data = count(), load_data(str(small_data))
    result = bench_train(
        data,
        ["classic", "batch256"],
        batch_size=64,
        rounds=2,
        steps=4,
        notify=lambda _: None,
        clock=lambda: float(next(ticks)),
    )
    assert result.baseline == Spread(200, 200, 200)  # an epoch: 64 + 64 + 64 + 8
    classic, large = result.contenders
    assert classic.rate == large.rate == Spread(200, 200, 200)
    assert classic.over_baseline == Spread(1, 1, 1)
    assert classic.over_floor == Spread(200 / 256, 200 / 256, 200 / 256)
    assert [floor.rate for floor in result.floors] == [Spread(256, 256, 256)] * 3
    assert (result.baseline_memory, classic.memory) == (1, 2)
    assert (result.data, result.images, result.threads) == ("small", 200, 1)
    assert list(tmp_path.iterdir()) == []
