"""The gate of ``ganctl export`` against what the golden tests do not break.

A graph is broken in what torch's exporter returns, stored weights and rounded images in what onnx
is given to build them of, and a network in its checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from ..conftest import Ganctl
from ..golden.test_export_gate import Edit, sabotage

DIFFERS = "onnxruntime's images differ from torch's"


@pytest.fixture
def refused(workplace: Path, ganctl: Ganctl) -> Callable[[str, str], None]:
    """See that a command is refused for this reason, and writes nothing over a file."""

    def check(command: str, reason: str) -> None:
        Path("old.onnx").write_bytes(b"old")
        before = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
        outcome = ganctl(*command.split(), "old.onnx")
        assert (outcome.code, outcome.out) == (5, "")
        assert reason in outcome.err and "hint: " in outcome.err
        assert {path: path.stat().st_mtime_ns for path in Path().rglob("*")} == before

    return check


def node_of(graph: onnx.GraphProto, operator: str, number: int = 0) -> onnx.NodeProto:
    nodes: list[onnx.NodeProto] = [each for each in graph.node if each.op_type == operator]
    return nodes[number]


def add_constant(graph: onnx.GraphProto, name: str, value: np.ndarray[Any, Any]) -> None:
    graph.initializer.append(numpy_helper.from_array(value, name))


def lean_to_the_neighbours(graph: onnx.GraphProto) -> None:
    """Add a thousandth of the batch's mean before the last activation."""
    node = node_of(graph, "Tanh")
    add_constant(graph, "over_batch", np.array([0]))
    add_constant(graph, "little", np.array(1e-3, np.float32))
    place = list(graph.node).index(node)
    for each in (
        helper.make_node("Add", [node.input[0], "some"], ["new"]),
        helper.make_node("Mul", ["mean", "little"], ["some"]),
        helper.make_node("ReduceMean", [node.input[0], "over_batch"], ["mean"]),
    ):
        graph.node.insert(place, each)
    node_of(graph, "Tanh").input[0] = "new"


def lose_a_weight(graph: onnx.GraphProto) -> None:
    tensor = max(graph.initializer, key=lambda each: len(each.raw_data))
    values = numpy_helper.to_array(tensor).copy()
    values.flat[0] = np.nan
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def change_one_slope(graph: onnx.GraphProto) -> None:
    (slope,) = node_of(graph, "LeakyRelu", 2).attribute
    slope.f = 0.19


def declare_a_batch_of_one(graph: onnx.GraphProto) -> None:
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1


def shape_a_batch_of_one(graph: onnx.GraphProto) -> None:
    """Behind inputs and outputs that still promise any."""
    add_constant(graph, "of_one", np.array([1, 1, 28, 28]))
    node_of(graph, "Reshape").input[1] = "of_one"


def lose_its_name(graph: onnx.GraphProto) -> None:
    """Which onnxruntime does not mind."""
    graph.ClearField("name")


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lean_to_the_neighbours, DIFFERS),
        (lose_a_weight, "NaN or infinite values"),
        (change_one_slope, DIFFERS),
        (declare_a_batch_of_one, "its batch is 1"),
        (shape_a_batch_of_one, "its graph is made for one image"),
        (lose_its_name, "onnx rejects the new file"),
    ],
)
def test_a_broken_graph_is_refused(
    edit: Edit,
    reason: str,
    refused: Callable[[str, str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sabotage(edit, monkeypatch)
    refused("export", reason)


def test_weights_that_are_stored_wrongly_are_refused(
    refused: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from_array = numpy_helper.from_array

    def shifted(array: np.ndarray[Any, Any], *name: str) -> onnx.TensorProto:
        rolled = np.roll(array, 1, axis=0) if array.dtype == np.int8 else array
        return from_array(rolled, *name)

    monkeypatch.setattr(numpy_helper, "from_array", shifted)
    refused("export --precision int8", DIFFERS)


def test_images_that_are_rounded_wrongly_are_refused(
    refused: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_node = helper.make_node

    def cut(operator: str, *arguments: Any, **options: Any) -> onnx.NodeProto:
        return make_node("Floor" if operator == "Round" else operator, *arguments, **options)

    monkeypatch.setattr(helper, "make_node", cut)
    refused("export --for torch-fidelity", DIFFERS)


def test_a_network_that_draws_nan_is_refused(refused: Callable[[str, str], None]) -> None:
    """Whose checkpoint is whole: only its weights are worth nothing."""
    path = Path("checkpoints/small/last.safetensors")
    data = bytearray(path.read_bytes())
    end = 8 + int.from_bytes(data[:8], "little")
    tensors = json.loads(data[8:end])
    spans = [each["data_offsets"] for name, each in tensors.items() if "generator_ema." in name]
    first = end + max(spans, key=lambda span: span[1] - span[0])[0]  # of the largest tensor
    data[first : first + 4] = np.float32(np.nan).tobytes()
    found = re.search(rb'\\"sha256\\": \\"([0-9a-f]{64})', data[:end])
    assert found
    place = slice(*found.span(1))
    data[place] = b"0" * 64
    data[place] = hashlib.sha256(data).hexdigest().encode()
    path.write_bytes(data)
    refused("export", "NaN or infinite values")


def test_a_card_that_does_not_read_back_is_refused(
    refused: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_model_props = helper.set_model_props

    def forge(model: onnx.ModelProto, texts: dict[str, str]) -> None:
        forged = {key: re.sub(r'"steps":( ?)8', r'"steps":\g<1>9', texts[key]) for key in texts}
        set_model_props(model, forged)

    monkeypatch.setattr(helper, "set_model_props", forge)
    refused("export", "not the one written")
