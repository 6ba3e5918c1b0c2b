from __future__ import annotations

import json
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from benchmarks import infer
from benchmarks.common import Spread
from benchmarks.infer import bench_infer, same_network, write_fresh_model
from ganctl.errors import BadInput
from ganctl.inference.generator import load_onnx
from ganctl.latents import latents
from ganctl.training.checkpoint import as_function


def test_a_fresh_model_is_the_network_that_torch_rebuilds(tmp_path: Path) -> None:
    write_fresh_model(tmp_path / "fresh.onnx")
    z = latents(0, 0, 3, 100)
    drawn = load_onnx(tmp_path / "fresh.onnx")(z)
    np.testing.assert_allclose(
        as_function(same_network(tmp_path / "fresh.onnx"))(z, None), drawn, atol=1e-5
    )


def test_a_model_without_a_card_cannot_be_rebuilt(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganctl.inference.generator.CARD_KEY", "another.card")
    with pytest.raises(BadInput, match="has no model card"):
        same_network(workplace / "small.onnx")


@pytest.mark.parametrize(("fixture", "name"), [("trained", "small"), ("conditional", "asked")])
def test_rates_are_images_by_the_clock(
    fixture: str, name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock advances by a second per call, and a command takes half a second."""
    monkeypatch.setattr(infer, "process_seconds", lambda *_: 0.5)
    ticks = count()
    model = request.getfixturevalue(fixture) / f"{name}.onnx"
    result = bench_infer(
        model,
        [2, 8],
        rounds=3,
        count=50,
        threads=1,
        clock=lambda: float(next(ticks)),
    )
    assert [(each["batch"], each["onnx"], each["torch"]) for each in result["batches"]] == [
        (batch, Spread(batch, batch, batch), Spread(batch, batch, batch)) for batch in (2, 8)
    ]
    assert {each["over_torch"] for each in result["batches"]} == {Spread(1, 1, 1)}
    assert result["npy"] == result["png"] == Spread(100, 100, 100)
    assert result["png_share"] == Spread(1, 1, 1)
    assert (result["model"], result["threads"], result["count"]) == (f"{name}.onnx", 1, 50)


def test_it_prints_json_or_tables(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(infer, "process_seconds", lambda *_: 0.25)
    monkeypatch.setattr(infer, "SECONDS", 0.001)
    options = ["small.onnx", "--batches", "1,3", "--rounds", "1", "-n", "20", "--threads", "1"]
    infer.main([*options, "--json"])
    result = json.loads(capsys.readouterr().out)
    assert [each["batch"] for each in result["batches"]] == [1, 3]
    assert result["npy"] == {"median": 80, "low": 80, "high": 80}
    assert 0 < result["png_share"]["median"] < 1
    infer.main(options)
    out = capsys.readouterr().out
    assert "small.onnx" in out and "ganctl infer -n 20 out.png" in out


@pytest.mark.parametrize("sizes", ["1,,2", "9" * 5000, "0", "x"])
def test_wrong_batch_sizes_are_refused(sizes: str) -> None:
    with pytest.raises(SystemExit) as end:
        infer.main(["--batches", sizes])
    assert end.value.code == 2


def test_a_missing_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot read model"):
        infer.main([str(tmp_path / "nowhere.onnx"), "--threads", "1"])
