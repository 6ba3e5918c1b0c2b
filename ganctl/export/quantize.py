"""How an ONNX file stores its weights: in 16 or 8 bits, from which float32 is made to compute with.

What makes it is made of constants alone, so onnxruntime does it once, when it loads the file: it
draws as fast as from float32 weights, and an image is the same to the bit in every batch.
DequantizeLinear, the usual operator for 8 bits, it computes anew for each batch, in half the speed
at a batch of one, whose images then differ in their last bits from those of larger batches.

Dynamic int8, whose products are of 8 bits too, is not offered: it takes the scale of a layer's
input from the whole batch, so that an image would depend on its neighbours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ganctl.errors import CheckFailed

PRECISIONS = ("fp32", "fp16", "int8")
"""What weights may be stored in; arithmetic, inputs and outputs are float32 in all of them."""

SMALL = 1024
"""Elements up to which a weight stays in float32, as all vectors do: there is little to gain."""

Parts = tuple[dict[str, NDArray[Any]], list[onnx.NodeProto]]
"""The constants, by their names, that a weight is made of, and the nodes that make it."""


def store_weights(model: onnx.ModelProto, precision: str) -> onnx.ModelProto:
    """Return a copy of ``model`` with its matrices and kernels stored in ``precision``.

    fp16 halves the file; each weight is rounded to the nearest. int8 quarters it; see `_in_int8`.
    Equal models give equal copies.

    Args:
        model: with float32 weights.
        precision: one of `PRECISIONS`; fp32 changes nothing.

    Raises:
        CheckFailed: a weight is too large for float16.
    """
    stored = onnx.ModelProto()
    stored.CopyFrom(model)
    if precision == "fp32":
        return stored
    graph = stored.graph
    constants: list[onnx.TensorProto] = []
    makers: list[onnx.NodeProto] = []
    for tensor in graph.initializer:
        weight = numpy_helper.to_array(tensor)
        if weight.dtype != np.float32 or weight.ndim < 2 or weight.size <= SMALL:
            constants.append(tensor)
            continue
        parts, nodes = (_in_fp16 if precision == "fp16" else _in_int8)(tensor.name, weight)
        constants += [numpy_helper.from_array(part, name) for name, part in parts.items()]
        makers += nodes
    nodes = [*makers, *graph.node]
    graph.ClearField("initializer")
    graph.ClearField("node")
    graph.initializer.extend(constants)
    graph.node.extend(nodes)
    return stored


def _in_fp16(name: str, weight: NDArray[np.float32]) -> Parts:
    """Return ``weight`` in float16, and a Cast.

    Raises:
        CheckFailed: an element is beyond float16's largest.
    """
    with np.errstate(over="ignore"):  # that is what is asked next
        half = weight.astype(np.float16)
    if not np.isfinite(half).all():
        raise CheckFailed(
            f"the weight {name} does not fit into float16: it has {np.abs(weight).max():.3g}, and "
            f"the largest is {np.finfo(np.float16).max:,.0f}; nothing was written",
            "use --precision int8 or fp32",
        )
    stored = f"{name}.fp16"
    return {stored: half}, [helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT)]


def _in_int8(name: str, weight: NDArray[np.float32]) -> Parts:
    """Return ``weight`` (R, C, …) as w_rc = scale_r · scale_c · q_rc with q in -127 … 127.

    One scale for each index of the first dimension and one for each of the second, which are the
    outputs and the inputs of a Gemm, the inputs and the outputs of a transposed convolution. With
    the outputs' alone the weights of the classes, several times as large as those of z, would take
    most of the 8 bits: the images are three times as far off.
    """
    columns = _scale(_largest(weight, axis=1))
    rows = _scale(_largest(weight / columns, axis=0) / 127)
    parts: dict[str, NDArray[Any]] = {
        f"{name}.int8": np.rint(weight / columns / rows).astype(np.int8),
        f"{name}.rows": rows.astype(np.float32),
        f"{name}.columns": columns.astype(np.float32),
    }
    stored, by_row, by_column = parts
    whole, half_scaled = f"{name}.whole", f"{name}.by_row"
    return parts, [
        helper.make_node("Cast", [stored], [whole], to=TensorProto.FLOAT),
        helper.make_node("Mul", [whole, by_row], [half_scaled]),
        helper.make_node("Mul", [half_scaled, by_column], [name]),
    ]


def _largest(weight: NDArray[Any], axis: int) -> NDArray[np.float64]:
    """Return the largest magnitude at each index of ``axis``, the other dimensions being 1."""
    others = tuple(dimension for dimension in range(weight.ndim) if dimension != axis)
    largest: NDArray[np.float64] = np.abs(weight).max(axis=others, keepdims=True).astype(np.float64)
    return largest


def _scale(largest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``largest`` as float32 holds it, and 1 where that is as good as nothing."""
    scale = largest.astype(np.float32)
    scale[scale < np.finfo(np.float32).tiny] = 1
    return scale.astype(np.float64)
