"""The gate of ``ganctl export``: a graph that draws other images than torch is never written.

What torch's exporter returns is broken on its way, one way a case.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from onnxscript import ir

from .conftest import contents, done, ganctl

Edit = Callable[[onnx.GraphProto], None]


def nothing(graph: onnx.GraphProto) -> None:
    """Break nothing."""


def change_one_weight(graph: onnx.GraphProto) -> None:
    """In the middle of the largest tensor."""
    tensor = max(graph.initializer, key=lambda each: len(each.raw_data))
    values = numpy_helper.to_array(tensor).copy()
    values.flat[values.size // 2] += 0.01
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def take_another_activation(graph: onnx.GraphProto) -> None:
    """As odd, as steep and as bounded as Tanh: the nearest there is."""
    (node,) = (each for each in graph.node if each.op_type == "Tanh")
    node.op_type = "Erf"


def swap_the_classes(graph: onnx.GraphProto) -> None:
    """Draw a 9 for a 0, an 8 for a 1 and so on."""
    for node in graph.node:
        node.input[:] = ["swapped" if name == "labels" else name for name in node.input]
    graph.initializer.append(numpy_helper.from_array(np.array(9), "nine"))
    graph.node.insert(0, helper.make_node("Sub", ["nine", "labels"], ["swapped"]))


def look_at_the_batch(graph: onnx.GraphProto) -> None:
    """Add a little of the mean over the batch, as BatchNorm in train mode would."""
    node = graph.node[-1]
    images, node.output[0] = node.output[0], "alone"
    graph.initializer.append(numpy_helper.from_array(np.array([0]), "batch_axis"))
    graph.initializer.append(numpy_helper.from_array(np.array(0.1, np.float32), "little"))
    graph.node.append(helper.make_node("ReduceMean", ["alone", "batch_axis"], ["mean"]))
    graph.node.append(helper.make_node("Mul", ["mean", "little"], ["share"]))
    graph.node.append(helper.make_node("Add", ["alone", "share"], [images]))


def sabotage(edit: Edit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch's exporter return its model edited."""
    export = torch.onnx.export

    def edited(*arguments: Any, **options: Any) -> Any:
        program = export(*arguments, **options)
        assert program is not None
        model = program.model_proto
        edit(model.graph)
        program.model = ir.from_proto(model)
        return program

    monkeypatch.setattr(torch.onnx, "export", edited)


@pytest.mark.parametrize(
    ("name", "edit", "command"),
    [
        ("plain", change_one_weight, "export new.onnx"),
        ("plain", take_another_activation, "export --precision int8 plain.onnx"),
        ("classes", swap_the_classes, "export plain.onnx"),
        ("plain", look_at_the_batch, "export --for torch-fidelity new.onnx"),
    ],
)
def test_a_broken_graph_is_refused(
    name: str, edit: Edit, command: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither where there is no file nor over one that is whole."""
    sabotage(edit, monkeypatch)
    before = contents(place)
    outcome = ganctl(f"{command} --checkpoint {name}")
    assert (outcome.code, outcome.out) == (5, "")
    error, hint = outcome.err.splitlines()
    assert error.startswith("error: ") and hint.startswith("hint: ")
    assert contents(place) == before


@pytest.mark.parametrize("name", ["plain", "classes"])
def test_a_graph_that_is_whole_passes(
    name: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the others are refused for what is broken; and the same bytes are written twice."""
    sabotage(nothing, monkeypatch)
    done(f"export --checkpoint {name} new.onnx")
    assert Path("new.onnx").read_bytes() == Path(f"{name}.onnx").read_bytes()


@pytest.mark.parametrize("options", ["--precision int8", "--for torch-fidelity"])
def test_other_kinds_of_file_pass(options: str, place: Path) -> None:
    done(f"export --checkpoint plain {options} new.onnx")
    assert "identical" in done("infer new.onnx --verify").out
    onnx.checker.check_model(onnx.load("new.onnx"), full_check=True)
    for name in ("plain", "new"):
        done(f"infer {name}.onnx -n 20 {name}.npy")
    off = np.abs(np.load("plain.npy").astype(np.int16) - np.load("new.npy"))  # grey or 3 alike
    assert off.mean() < 0.5 and (off.max() == 0 or "int8" in options)
