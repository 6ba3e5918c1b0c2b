"""Small ONNX models made by hand, and the shapes that onnxruntime finds in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

Array = NDArray[Any]


def node(op: str, inputs: str, outputs: str, **attributes: Any) -> NodeProto:
    """Return a node; the names are apart by spaces, and - is one left out."""
    return helper.make_node(op, _names(inputs), _names(outputs), **attributes)


def _names(names: str) -> list[str]:
    return [name.strip("-") for name in names.split()]


def info(name: str, shape: Sequence[int | str | None] | None, elem_type: int = 1) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, elem_type, shape)


def model(
    nodes: Sequence[NodeProto],
    inputs: Sequence[ValueInfoProto],
    outputs: Sequence[ValueInfoProto],
    weights: Mapping[str, Array | TensorProto] | None = None,
    opset: int = 20,
    declared: Sequence[ValueInfoProto] = (),
) -> bytes:
    """Return the bytes of an ONNX file."""
    stored = []
    for name, values in (weights or {}).items():
        if isinstance(values, np.ndarray):
            values = numpy_helper.from_array(values)
        values.name = name
        stored.append(values)
    graph = helper.make_graph(nodes, "g", inputs, outputs, stored, value_info=declared)
    ids = [helper.make_opsetid("", opset)]
    made = helper.make_model(graph, opset_imports=ids, ir_version=10)
    data: bytes = made.SerializeToString()
    return data


def run(data: bytes, inputs: Mapping[str, Array]) -> list[Array]:
    """Return what onnxruntime gives, with nothing folded or fused beforehand."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    outputs: list[Array] = ort.InferenceSession(data, options).run(None, dict(inputs))
    return outputs
