"""A generator as torch-fidelity reads it: its ONNX file draws grey levels.

torch-fidelity's ``GenerativeModelONNX(path, z_size, "normal", num_classes)`` hands on a file's
images as they are, and its networks take uint8 (N, 3, H, W), 0 … 255.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CHANNELS = 3
"""Of the images; grey is repeated."""


def round_images(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of ``model`` that draws grey levels, in the steps of `ganctl.images.to_uint8`.

    Args:
        model: its only output is float32 (batch, 1 or 3, H, W) in [-1, 1]; the copy's has the same
            name and is uint8 (batch, 3, H, W).
    """
    rounding = onnx.ModelProto()
    rounding.CopyFrom(model)
    graph = rounding.graph
    name, values = _free_output(graph, "values")
    for part, number in (("one", 1), ("half", 127.5), ("black", 0), ("white", 255)):
        constant = numpy_helper.from_array(np.array(number, np.float32), f"{name}.{part}")
        graph.initializer.append(constant)
    shape = graph.output[0].type.tensor_type.shape
    steps = ("from_zero", "scaled", "rounded", "clipped", "levels")
    from_zero, scaled, rounded, clipped, levels = (f"{name}.{step}" for step in steps)
    graph.node.extend(
        [
            helper.make_node("Add", [values, f"{name}.one"], [from_zero]),
            helper.make_node("Mul", [from_zero, f"{name}.half"], [scaled]),
            helper.make_node("Round", [scaled], [rounded]),
            helper.make_node("Clip", [rounded, f"{name}.black", f"{name}.white"], [clipped]),
            helper.make_node("Cast", [clipped], [levels], to=TensorProto.UINT8),
            helper.make_node(
                "Concat", [levels] * (CHANNELS // shape.dim[1].dim_value), [name], axis=1
            ),
        ]
    )
    graph.output[0].type.tensor_type.elem_type = TensorProto.UINT8
    shape.dim[1].dim_value = CHANNELS
    return rounding


def _free_output(graph: onnx.GraphProto, ending: str) -> tuple[str, str]:
    """Call the only output by its name and ``ending``, and return both its old name and the new."""
    (name,) = (output.name for output in graph.output)
    values = f"{name}.{ending}"
    for node in graph.node:
        node.output[:] = [values if output == name else output for output in node.output]
    return name, values
