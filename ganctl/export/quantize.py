"""Make an ONNX file smaller (fp16 or int8 weights), or let it draw uint8 images.

Only storage changes: onnxruntime expands the weights to float32 once, when it loads the file,
because the nodes that do it have constant inputs. So drawing is as fast as with float32 weights,
and an image is bit-identical in batches of any size.

- DequantizeLinear, the usual operator for int8, is evaluated anew for each batch. A batch of one
  takes twice as long, and its images differ in their last bits from those of larger batches.
- Dynamic int8 quantization takes the scale of a layer's input from the whole batch, so an image
  would depend on the others in its batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ganctl.errors import CheckFailed

PRECISIONS = ("fp32", "fp16", "int8")  # of the stored weights; computation is always in float32

SMALL = 1024  # weights with at most this many elements, and all vectors, stay in float32

Stored = tuple[dict[str, NDArray[Any]], list[onnx.NodeProto]]  # constants by name; nodes


def store_weights(model: onnx.ModelProto, precision: str) -> None:
    """Store the matrices and kernels of a model in fp16 or int8.

    fp16 rounds each weight to the nearest float16 and halves the file; int8 quarters it, see
    `_to_int8`.

    Args:
        model: with float32 weights; changed in place.
        precision: fp16 or int8.

    Raises:
        CheckFailed: a weight is too large for float16.
    """
    store = {"fp16": _to_fp16, "int8": _to_int8}[precision]
    constants: list[onnx.TensorProto] = []
    nodes: list[onnx.NodeProto] = []
    for tensor in model.graph.initializer:
        weight = numpy_helper.to_array(tensor)
        if weight.dtype != np.float32 or weight.ndim < 2 or weight.size <= SMALL:
            constants.append(tensor)
            continue
        parts, expanding = store(tensor.name, weight)
        constants += [numpy_helper.from_array(part, name) for name, part in parts.items()]
        nodes += expanding
    nodes += model.graph.node
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(constants)
    model.graph.node.extend(nodes)


def _to_fp16(name: str, weight: NDArray[np.float32]) -> Stored:
    with np.errstate(over="ignore"):  # checked in the next line
        half = weight.astype(np.float16)
    if not np.isfinite(half).all():
        raise CheckFailed(
            f"the weight {name} does not fit into float16: it contains "
            f"{np.abs(weight).max():.3g}, the limit is {np.finfo(np.float16).max:,.0f}",
            "use --precision int8 or fp32",
        )
    stored = f"{name}.fp16"
    return {stored: half}, [helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT)]


def _to_int8(name: str, weight: NDArray[np.float32]) -> Stored:
    """Return weight (R, C, ...) as row_scale * column_scale * q with q in -127 to 127.

    The first dimension has the outputs of a Gemm and the inputs of a transposed convolution, the
    second the other. One scale per output is not enough: the weights of the classes are several
    times as large as those of z and would take most of the 8 bits, which makes the images three
    times less accurate.
    """
    columns = _scales(weight, axis=1)
    rows = _scales(weight / columns, axis=0, levels=127)
    stored, by_row, by_column = f"{name}.int8", f"{name}.rows", f"{name}.columns"
    parts: dict[str, NDArray[Any]] = {
        stored: np.rint(weight / columns / rows).astype(np.int8),
        by_row: rows.astype(np.float32),
        by_column: columns.astype(np.float32),
    }
    whole, scaled = f"{name}.whole", f"{name}.by_row"
    return parts, [
        helper.make_node("Cast", [stored], [whole], to=TensorProto.FLOAT),
        helper.make_node("Mul", [whole, by_row], [scaled]),
        helper.make_node("Mul", [scaled, by_column], [name]),
    ]


def _scales(weight: NDArray[Any], axis: int, levels: int = 1) -> NDArray[np.float64]:
    """Return the largest magnitude along ``axis`` divided by ``levels``; other dimensions are 1."""
    others = tuple(dimension for dimension in range(weight.ndim) if dimension != axis)
    largest = np.abs(weight).max(axis=others, keepdims=True).astype(np.float64) / levels
    scales: NDArray[np.float64] = largest.astype(np.float32).astype(np.float64)
    scales[scales < np.finfo(np.float32).tiny] = 1  # zero or subnormal
    return scales


def draw_uint8(model: onnx.ModelProto) -> None:
    """Let a model draw uint8 images, rounded as by `ganctl.images.to_uint8`.

    ``GenerativeModelONNX(path, z_size, "normal", num_classes)`` of torch-fidelity returns a file's
    images unchanged, and its networks expect uint8 (batch, 3, H, W).

    Args:
        model: its only output is float32 (batch, 1 or 3, H, W) in [-1, 1]; changed in place. Grey
            is repeated in all channels.
    """
    graph = model.graph
    (output,) = graph.output
    name, value = output.name, f"{output.name}.values"
    for node in graph.node:
        node.output[:] = [value if each == name else each for each in node.output]
    for part, number in (("one", 1), ("half", 127.5), ("black", 0), ("white", 255)):
        constant = numpy_helper.from_array(np.array(number, np.float32), f"{name}.{part}")
        graph.initializer.append(constant)
    for operator, constants, result in (
        ("Add", ["one"], "from_zero"),
        ("Mul", ["half"], "scaled"),
        ("Round", [], "rounded"),
        ("Clip", ["black", "white"], "clipped"),
        ("Cast", [], "levels"),
    ):
        inputs = [value, *(f"{name}.{constant}" for constant in constants)]
        value = f"{name}.{result}"
        options: dict[str, Any] = {"to": TensorProto.UINT8} if operator == "Cast" else {}
        graph.node.append(helper.make_node(operator, inputs, [value], **options))
    channels = output.type.tensor_type.shape.dim[1]
    repeated = [value] * (3 // channels.dim_value)
    graph.node.append(helper.make_node("Concat", repeated, [name], axis=1))
    output.type.tensor_type.elem_type = TensorProto.UINT8
    channels.dim_value = 3
