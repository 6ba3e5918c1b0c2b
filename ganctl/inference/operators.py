"""What each allowed operator gives: the shape, the type and, of small tensors, the values.

The rules are ONNX's as onnxruntime follows them, from opset 7 on. Attributes that later opsets
turned into inputs are looked for in both places: onnxruntime refuses the one that is out of date.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ganctl.inference.known import (
    Call,
    Known,
    Rule,
    Shape,
    Values,
    broadcast,
    check,
    counted,
    unchanged,
)
from ganctl.inference.onnx_model import BOOL, ELEMENTS, FLOAT, INT64, UINT8, Tensor
from ganctl.inference.products import PRODUCTS
from ganctl.inference.rearrange import REARRANGING

# Element by element. Only exact arithmetic has its values followed.

_EXACT: dict[str, Callable[..., Any]] = {
    "Abs": np.abs,
    "Add": np.add,
    "And": np.logical_and,
    "Ceil": np.ceil,
    "Equal": np.equal,
    "Floor": np.floor,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Identity": unchanged,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Max": lambda *values: functools.reduce(np.maximum, values),
    "Min": lambda *values: functools.reduce(np.minimum, values),
    "Mul": np.multiply,
    "Neg": np.negative,
    "Not": np.logical_not,
    "Or": np.logical_or,
    "Sub": np.subtract,
}


def _same(call: Call) -> list[Known]:
    return [call.gives(call.shape(0), None, _EXACT.get(call.node.op))]


def _test(call: Call) -> list[Known]:
    return [call.gives(call.shape(0), BOOL, _EXACT.get(call.node.op))]


def _combine(call: Call, elem_type: int | None = None) -> list[Known]:
    shape = broadcast(*(call.shape(index) for index in range(len(call.inputs))))
    return [call.gives(shape, elem_type, _EXACT.get(call.node.op))]


def _compare(call: Call) -> list[Known]:
    return _combine(call, BOOL)


def _where(call: Call) -> list[Known]:
    shape = broadcast(call.shape(0), call.shape(1), call.shape(2))
    return [call.gives(shape, call[1].elem_type, np.where)]


def _divide(call: Call) -> list[Known]:
    """Div and Mod: where whole numbers are divided by -1, the smallest one ends the process."""

    def quotient(a: Values, b: Values) -> Values:
        if a.dtype.kind not in "iu":
            return np.asarray(a / b)
        return np.asarray(a // b + ((a % b != 0) & ((a < 0) != (b < 0))))  # towards 0

    if np.dtype(ELEMENTS[call[0].elem_type].dtype or "f").kind in "iu":
        check(not np.isin(call.values(1), (0, -1)).any(), "it divides by 0 or -1")
    shape = broadcast(call.shape(0), call.shape(1))
    return [call.gives(shape, None, quotient if call.node.op == "Div" else None)]


def _cast(call: Call) -> list[Known]:
    to = call[1].elem_type if call.node.op == "CastLike" else call.attribute("to", 0)

    def converted(values: Values, *_: Values) -> Values | None:
        dtype = np.dtype(ELEMENTS[to].dtype)
        if values.dtype.kind == "f" and dtype.kind in "iu":
            limits = np.iinfo(dtype)
            if not ((values >= float(limits.min)) & (values < float(limits.max))).all():
                return None  # it depends on the processor
        return values.astype(dtype)

    return [call.gives(call.shape(0), to, converted)]


def _quantize(call: Call) -> list[Known]:
    zero = call.get(2)
    to = zero.elem_type if zero else call.attribute("output_dtype", 0) or UINT8
    return [call.gives(call.shape(0), to)]


def _dequantize(call: Call) -> list[Known]:
    return [call.gives(call.shape(0), call.attribute("output_dtype", 0) or call[1].elem_type)]


def _dropout(call: Call) -> list[Known]:
    check(call.get(2) is None or not call.values(2).any(), "it would draw at random")
    return [call.gives(call.shape(0)), call.gives(call.shape(0), BOOL)]


# Normalisation. The parameters' shapes are checked: by a wrong one, the result could grow.


def _normalize_channels(call: Call) -> list[Known]:
    """BatchNormalization, InstanceNormalization: one parameter a channel, axis 1."""
    shape = call.shape(0)
    check(len(shape) > 1 and all(k and k.shape == shape[1:2] for k in call.inputs[1:]))
    check(
        not call.flag("training_mode", 0),
        "it normalises by the batch that it is in (export it in eval mode)",
    )
    return [call.gives(shape)]


def _normalize_groups(call: Call) -> list[Known]:
    shape, groups = call.shape(0), call.attribute("num_groups", 0)
    check(len(shape) > 2 and groups > 0 and shape[1] % groups == 0)
    check(call.shape(1) == call.shape(2) and call.shape(1) in ((shape[1],), (groups,)))
    return [call.gives(shape)]


def _normalize_layer(call: Call) -> list[Known]:
    """LayerNormalization, RMSNormalization: parameters for the last axes."""
    shape = call.shape(0)
    axis = call.axis("axis", -1, len(shape))
    for known in filter(None, call.inputs[1:]):
        check(broadcast(shape[axis:], known.shape) == shape[axis:])
    moments = call.gives(shape[:axis] + (1,) * (len(shape) - axis), FLOAT)
    return [call.gives(shape), moments, moments]


def _normalize_near(call: Call) -> list[Known]:
    """LRN: onnxruntime adds as many channels as are looked at."""
    shape = call.shape(0)
    check(len(shape) == 4 and 0 < call.attribute("size", 0) <= 2 * shape[1] + 1)
    return [call.gives(shape)]


_REDUCTIONS: dict[str, Callable[..., Any]] = {
    "ReduceMax": np.max,
    "ReduceMin": np.min,
    "ReduceProd": np.prod,
    "ReduceSum": np.sum,
}


def _reduce(call: Call) -> list[Known]:
    rank, reduction = len(call.shape(0)), _REDUCTIONS.get(call.node.op)
    axes = counted(call.row(1, "axes") or (), rank)
    if not axes and not call.flag("noop_with_empty_axes", 0):
        axes = list(range(rank))

    def reduced(values: Values, *_: Values) -> Values | None:
        if not reduction or not values.size or values.dtype.kind not in "iu":
            return None  # the order of a sum of floats is onnxruntime's own
        return np.asarray(reduction(values, axis=tuple(axes)))

    return [call.gives(_without(call, axes), None, reduced)]


def _arg_reduce(call: Call) -> list[Known]:
    axis = call.axis("axis", 0, len(call.shape(0)))
    return [call.gives(_without(call, [axis]), INT64)]


def _without(call: Call, axes: Sequence[int]) -> Shape:
    keep, shape = call.flag("keepdims", 1), enumerate(call.shape(0))
    return tuple(1 if axis in axes else size for axis, size in shape if keep or axis not in axes)


# What makes tensors.


def _shape(call: Call) -> list[Known]:
    shape = call.shape(0)
    shape = shape[call.attribute("start", 0) : call.attribute("end", len(shape))]
    return [Known(INT64, (len(shape),), np.array(shape, np.int64))]


def _size(call: Call) -> list[Known]:
    return [Known(INT64, (), np.array(math.prod(call.shape(0)), np.int64))]


def _constant(call: Call) -> list[Known]:
    check(len(call.node.attributes) == 1)
    [(name, value)] = call.node.attributes.items()
    if isinstance(value, Tensor):
        return [call.gives(value.dims, value.elem_type, lambda: value.values)]
    types = {"value_int": INT64, "value_ints": INT64, "value_float": FLOAT, "value_floats": FLOAT}
    row = value if isinstance(value, tuple) else (value,)
    check(name in types and all(isinstance(v, (int, float)) for v in row), "it holds no number")
    shape = (len(row),) if isinstance(value, tuple) else ()
    return [call.gives(shape, types[name], lambda: np.array(row))]


def _constant_of_shape(call: Call) -> list[Known]:
    value = call.node.attributes.get("value", Tensor("", FLOAT, (1,), (0.0,)))
    check(isinstance(value, Tensor) and math.prod(value.dims) == 1, "its value is no number")
    assert isinstance(value, Tensor)
    shape = call.sizes(0)
    return [call.gives(shape, value.elem_type, lambda _: np.full(shape, value.values.item()))]


def _range(call: Call) -> list[Known]:
    given = [call.values(index) for index in range(3)]
    check(all(value.size == 1 for value in given))
    start, limit, delta = (value.reshape(-1)[0] for value in given)
    check(bool(delta != 0))
    if start.dtype.kind == "f":
        steps = float(limit - start) / float(delta)
        check(math.isfinite(steps))
        count = max(math.ceil(steps), 0)
    else:
        count = max(-((int(start) - int(limit)) // int(delta)), 0)
    exact = start.dtype.kind in "iu"  # sums of floats round
    return [
        call.gives((count,), None, lambda *_: start + np.arange(count) * delta if exact else None)
    ]


def _one_hot(call: Call) -> list[Known]:
    shape, depth = list(call.shape(0)), call.sizes(1)
    check(len(depth) == 1)
    shape.insert(call.axis("axis", -1, len(shape) + 1), depth[0])
    return [call.gives(shape, call[2].elem_type)]


_TABLE: dict[Rule, str] = {
    _same: "Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Ceil Celu Clip Cos Cosh Elu Erf Exp "
    "Floor Gelu HardSigmoid HardSwish Hardmax Identity LeakyRelu Log LogSoftmax LpNormalization "
    "MeanVarianceNormalization Mish Neg Not Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin "
    "Sinh Softmax Softplus Softsign Sqrt Tan Tanh ThresholdedRelu",
    _test: "IsInf IsNaN",
    _combine: "Add And BitwiseAnd BitwiseOr BitwiseXor Max Mean Min Mul Or Pow PRelu Sub Sum Xor",
    _compare: "Equal Greater GreaterOrEqual Less LessOrEqual",
    _divide: "Div Mod",
    _where: "Where",
    _cast: "Cast CastLike",
    _quantize: "QuantizeLinear",
    _dequantize: "DequantizeLinear",
    _dropout: "Dropout",
    _normalize_channels: "BatchNormalization InstanceNormalization",
    _normalize_groups: "GroupNormalization",
    _normalize_layer: "LayerNormalization RMSNormalization",
    _normalize_near: "LRN",
    _reduce: "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin "
    "ReduceProd ReduceSum ReduceSumSquare",
    _arg_reduce: "ArgMax ArgMin",
    _shape: "Shape",
    _size: "Size",
    _constant: "Constant",
    _constant_of_shape: "ConstantOfShape",
    _range: "Range",
    _one_hot: "OneHot",
    **PRODUCTS,
    **REARRANGING,
}

RULES: dict[str, Rule] = {op: rule for rule, ops in _TABLE.items() for op in ops.split()}
"""Allowed operator of ONNX's own domain → what it gives, as many outputs as it may have.

Each rule raises Unknown where that cannot be told. Loop, Scan and If are left out, and what draws
at random.
"""

RANDOM = {"Bernoulli", "Multinomial"} | {
    f"Random{kind}{like}" for kind in ("Normal", "Uniform") for like in ("", "Like")
}

DIVIDING = {
    op
    for rule in (_normalize_channels, _normalize_groups, _normalize_layer)
    for op in _TABLE[rule].split()
}
"""Operators that onnxruntime may divide by a size in: a size of 0 ends the process (1.32)."""
