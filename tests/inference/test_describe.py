from __future__ import annotations

import math
from pathlib import Path

import onnx
import pytest

from ganctl.errors import BadInput, CheckFailed
from ganctl.inference import generator
from ganctl.inference.describe import describe_onnx
from ganctl.inference.generator import load_onnx

from . import generators


def test_an_exported_file_says_what_it_is(conditional: Path) -> None:
    path = conditional / "asked.onnx"
    found = describe_onnx(path)
    assert (found.latent_dim, found.image_shape, found.sealed) == (100, (1, 28, 28), True)
    assert found.card is not None and found.card == load_onnx(path).card
    assert found.class_names == found.card.class_names and found.guesses == ()
    assert (found.size, found.opset) == (path.stat().st_size, 20)
    assert found.producer.startswith("ganctl")
    graph = onnx.load(str(path)).graph
    assert sum(found.operators.values()) == len(graph.node)
    assert found.operators["ConvTranspose"] == 2
    assert found.numbers == sum(math.prod(tensor.dims) for tensor in graph.initializer)


def test_a_file_of_somebody_elses_has_its_shapes(tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(generators.linear().SerializeToString())
    found = describe_onnx(path)
    assert (found.latent_dim, found.image_shape, found.card) == (5, (1, 4, 6), None)
    assert (found.opset, found.producer, found.numbers) == (17, "another tool", 148)
    assert found.operators == {"Flatten": 1, "Gemm": 1, "Reshape": 1, "Tanh": 1}
    assert not found.sealed and found.class_names == () and len(found.guesses) == 2
    path.write_bytes(generators.asked("one-hot").SerializeToString())
    assert len(describe_onnx(path).class_names) > 1


def test_what_can_be_drawn_from_is_parsed_once(
    conditional: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(generator, "parse_model")
    assert describe_onnx(conditional / "asked.onnx").problem is None


def test_what_cannot_be_drawn_from_as_it_is_is_described_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(generators.linear("Identity").SerializeToString())
    found = describe_onnx(path)
    assert (found.latent_dim, found.image_shape, found.numbers) == (None, None, 148)
    assert found.problem == "does not say what its images' values are"


def test_what_is_damaged_or_no_generator_is_refused(tmp_path: Path, trained: Path) -> None:
    path = tmp_path / "x.onnx"
    data = bytearray((trained / "small.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckFailed, match="is damaged"):
        describe_onnx(path)
    path.write_bytes(b"")
    with pytest.raises(BadInput, match="is not an ONNX file"):
        describe_onnx(path)
