"""What each allowed operator gives: the shape, the type and, of small tensors, the values.

The rules are ONNX's as onnxruntime follows them, from opset 7 on. Attributes that later opsets
turned into inputs are looked for in both places: onnxruntime refuses the one that is out of date.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ganctl.inference.known import Call, Known, Shape, Values, check, counted
from ganctl.inference.onnx_file import BOOL, ELEMENTS, FLOAT, INT64, UINT8, Tensor

Rule = Callable[[Call], list[Known]]


def broadcast(*shapes: Shape) -> Shape:
    """Return the shape that NumPy's broadcasting gives."""
    result = []
    for sizes in itertools.zip_longest(*(shape[::-1] for shape in shapes), fillvalue=1):
        others = set(sizes) - {1}
        check(
            len(others) < 2, f"the shapes {' and '.join(map(str, shapes[:2]))} do not go together"
        )
        result.append(others.pop() if others else 1)
    return tuple(result[::-1])


def _first(values: Values, *_: Values) -> Values:
    return values


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
    "Identity": _first,
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


# Products, convolutions and pools.


def _matmul(call: Call) -> list[Known]:
    a, b = call.shape(0), call.shape(1)
    check(bool(a and b) and a[-1] == b[-2:][0])
    return [call.gives((*broadcast(a[:-2], b[:-2]), *a[-2:-1], *(b[-1:] if len(b) > 1 else ())))]


def _gemm(call: Call) -> list[Known]:
    a, b = call.shape(0), call.shape(1)
    check(len(a) == len(b) == 2)
    a = a[::-1] if call.flag("transA", 0) else a
    b = b[::-1] if call.flag("transB", 0) else b
    shape, added = (a[0], b[1]), call.get(2)
    check(a[1] == b[0] and (not added or broadcast(shape, added.shape) == shape))
    return [call.gives(shape)]


def _windows(call: Call, kernel: Sequence[int]) -> list[tuple[int, int, int, int, int | None]]:
    """Return (size, stride, kernel, padding before, padding after) along each axis of a picture.

    The kernel's size is that with its gaps. No padding after: as much as it takes (SAME).
    """
    sizes, rank = call.shape(0)[2:], len(kernel)
    strides = call.numbers("strides", [1] * rank)
    dilations = call.numbers("dilations", [1] * rank)
    pads = call.numbers("pads", [0] * 2 * rank)
    check(len(sizes) == rank == len(strides) == len(dilations) == len(pads) / 2 > 0)
    check(min(*kernel, *strides, *dilations) > 0 <= min(pads))
    automatic = call.attribute("auto_pad", b"NOTSET")
    check(automatic in (b"NOTSET", b"VALID", b"SAME_UPPER", b"SAME_LOWER"), "no such auto_pad")
    return [
        (
            size,
            strides[axis],
            (kernel[axis] - 1) * dilations[axis] + 1,
            pads[axis] if automatic == b"NOTSET" else 0,
            {b"NOTSET": pads[rank + axis], b"VALID": 0}.get(automatic),
        )
        for axis, size in enumerate(sizes)
    ]


def _slide(call: Call, kernels: Sequence[int], up: int = 0) -> list[int]:
    """Return the sizes where a window slides over a picture; ``up``: to an uncovered rest too."""
    sizes = []
    for size, stride, kernel, before, after in _windows(call, kernels):
        if after is None:
            sizes.append(-(-size // stride))
            continue
        room = size + before + after - kernel
        check(room >= 0)
        count = (room + (stride - 1 if up else 0)) // stride + 1
        beyond = up and (count - 1) * stride >= size + before  # it would begin in the padding
        sizes.append(count - 1 if beyond else count)
    return sizes


def _kernel(call: Call, outputs: int, inputs: int) -> Shape:
    """Return the kernel's sizes, where the channels and the bias go together with them."""
    shape, weights, bias = call.shape(0), call.shape(1), call.get(2)
    check(len(shape) == len(weights) > 2 and shape[1] == inputs > 0)
    check(tuple(call.numbers("kernel_shape", weights[2:])) == weights[2:])
    check(bias is None or bias.shape == (outputs,))
    return weights[2:]


def _conv(call: Call) -> list[Known]:
    weights, group = call.shape(1), call.attribute("group", 1)
    check(len(weights) > 2 and group > 0 and weights[0] % group == 0)
    sizes = _slide(call, _kernel(call, weights[0], weights[1] * group))
    return [call.gives((call.shape(0)[0], weights[0], *sizes))]


def _conv_transpose(call: Call) -> list[Known]:
    weights, group = call.shape(1), call.attribute("group", 1)
    check(len(weights) > 2 and group > 0 and weights[0] % group == 0)
    kernels = _kernel(call, weights[1] * group, weights[0])
    wanted = call.numbers("output_shape")
    extra = call.numbers("output_padding", [0] * len(kernels))
    check(len(extra) == len(kernels) and min(extra) >= 0 and len(wanted) in (0, len(kernels)))
    sizes = []
    for more, (size, stride, kernel, before, after) in zip(
        extra, _windows(call, kernels), strict=True
    ):
        whole = (size - 1) * stride + more + kernel
        sizes.append(min(whole, size * stride) if after is None else whole - before - after)
    sizes = wanted or sizes
    check(min(sizes) > 0)
    return [call.gives((call.shape(0)[0], weights[1] * group, *sizes))]


def _pool(call: Call) -> list[Known]:
    if call.attribute("auto_pad", b"").startswith(b"SAME"):  # onnxruntime's pools differ on it
        check(all(gap == 1 for gap in call.numbers("dilations")), "its kernel has gaps")
    sizes = _slide(call, call.numbers("kernel_shape"), call.flag("ceil_mode", 0))
    shape = (*call.shape(0)[:2], *sizes)
    return [call.gives(shape), call.gives(shape, INT64)]


def _global_pool(call: Call) -> list[Known]:
    shape = call.shape(0)
    check(len(shape) > 2)
    return [call.gives((*shape[:2], *(1 for _ in shape[2:])))]


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


# Rearrangement.


def _reshape(call: Call) -> list[Known]:
    shape, sizes = call.shape(0), call.sizes(1)
    if not call.flag("allowzero", 0):
        check(all(size or axis < len(shape) for axis, size in enumerate(sizes)))
        sizes = [size or shape[axis] for axis, size in enumerate(sizes)]
    if -1 in sizes:
        rest = -math.prod(sizes)
        check(sizes.count(-1) == 1 and rest > 0 and math.prod(shape) % rest == 0)
        sizes[sizes.index(-1)] = math.prod(shape) // rest
    check(math.prod(sizes) == math.prod(shape), f"{shape} does not make {tuple(sizes)}")
    return [call.gives(sizes, None, _first)]


def _flatten(call: Call) -> list[Known]:
    shape, axis = call.shape(0), call.attribute("axis", 1)
    check(-len(shape) <= axis <= len(shape))
    axis += len(shape) if axis < 0 else 0
    return [call.gives((math.prod(shape[:axis]), math.prod(shape[axis:])), None, _first)]


def _transpose(call: Call) -> list[Known]:
    shape = call.shape(0)
    order = counted(call.numbers("perm", range(len(shape))[::-1]), len(shape))
    check(len(order) == len(shape))
    return [call.gives([shape[axis] for axis in order], None, lambda v: v.transpose(order))]


def _squeeze(call: Call) -> list[Known]:
    shape, axes = call.shape(0), call.row(1, "axes")
    axes = counted(axes or [at for at, size in enumerate(shape) if size == 1], len(shape))
    check(all(shape[axis] == 1 for axis in axes))
    kept = [size for axis, size in enumerate(shape) if axis not in axes]
    return [call.gives(kept, None, _first)]


def _unsqueeze(call: Call) -> list[Known]:
    shape, axes = list(call.shape(0)), call.row(1, "axes") or []
    for axis in sorted(counted(axes, len(shape) + len(axes))):
        shape.insert(axis, 1)
    return [call.gives(shape, None, _first)]


def _concat(call: Call) -> list[Known]:
    shapes = [list(call.shape(index)) for index in range(len(call.inputs))]
    axis = call.axis("axis", 1, len(call.shape(0)))
    check(all(len(shape) == len(shapes[0]) for shape in shapes))
    size = sum(shape[axis] for shape in shapes)
    for shape in shapes:
        shape[axis] = size
    check(all(shape == shapes[0] for shape in shapes))
    return [call.gives(shapes[0], None, lambda *values: np.concatenate(values, axis))]


def _split(call: Call) -> list[Known]:
    shape, count, sizes = call.shape(0), len(call.node.outputs), call.row(1, "split")
    axis = call.axis("axis", 0, len(shape))
    size = shape[axis]
    if sizes is None:
        check(call.attribute("num_outputs", count) == count)
        check("num_outputs" in call.node.attributes or size % count == 0)
        most = -(-size // count)
        sizes = [most] * (count - 1) + [size - most * (count - 1)]
    check(len(sizes) == count and min(sizes) >= 0 and sum(sizes) == size)
    starts = list(itertools.accumulate(sizes, initial=0))

    def part(index: int) -> Known:
        taken = (slice(None),) * axis + (slice(starts[index], starts[index + 1]),)
        return call.gives(
            (*shape[:axis], sizes[index], *shape[axis + 1 :]),
            None,
            lambda values, *_: values[taken],
        )

    return [part(index) for index in range(count)]


def _slice(call: Call) -> list[Known]:
    taken = [range(size) for size in call.shape(0)]
    starts, ends = call.row(1, "starts") or [], call.row(2, "ends") or []
    axes, steps = call.row(3, "axes"), call.row(4, "steps") or [1] * len(starts)
    axes = counted(range(len(starts)) if axes is None else axes, len(taken))
    check(len(starts) == len(ends) == len(axes) == len(steps) and 0 not in steps)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        if step < 0:  # Python's slice would begin before the first
            start = max(start, -len(taken[axis]))
        last = None if end in (2**31 - 1, 2**63 - 1) else end  # without end, either way
        taken[axis] = taken[axis][start:last:step]
    return [call.gives([len(t) for t in taken], None, lambda v, *_: v[np.ix_(*taken)])]


def _gather(call: Call) -> list[Known]:
    shape = call.shape(0)
    axis = call.axis("axis", 0, len(shape))

    def gathered(values: Values, indices: Values) -> Values:
        size = shape[axis]
        check(bool(((indices >= -size) & (indices < size)).all()), "its index is out of range")
        return np.take(values, indices, axis)

    return [call.gives((*shape[:axis], *call.shape(1), *shape[axis + 1 :]), None, gathered)]


def _gather_elements(call: Call) -> list[Known]:
    check(len(call.shape(0)) == len(call.shape(1)))
    return [call.gives(call.shape(1))]


def _expand(call: Call) -> list[Known]:
    shape = broadcast(call.shape(0), tuple(call.sizes(1)))
    return [call.gives(shape, None, lambda v, _: np.broadcast_to(v, shape))]


def _tile(call: Call) -> list[Known]:
    shape, times = call.shape(0), call.sizes(1)
    check(len(shape) == len(times) and min(times, default=0) >= 0)
    tiled = [size * time for size, time in zip(shape, times, strict=True)]
    return [call.gives(tiled, None, lambda v, _: np.tile(v, times))]


def _pad(call: Call) -> list[Known]:
    shape, pads = list(call.shape(0)), call.row(1, "pads") or []
    axes = counted(call.sizes(3) if call.get(3) else range(len(shape)), len(shape))
    check(len(pads) == 2 * len(axes))
    for axis, before, after in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        shape[axis] += before + after
    return [call.gives(shape)]


def _resize(call: Call) -> list[Known]:
    """Resize and Upsample: by scales, or to sizes where these are given."""
    shape = list(call.shape(0))
    check(call.attribute("keep_aspect_ratio_policy", b"stretch") == b"stretch", "it keeps a ratio")
    mode = call.attribute("coordinate_transformation_mode", b"")
    check(mode != b"tf_crop_and_resize", "it crops")
    axes = counted(call.numbers("axes", range(len(shape))), len(shape))
    if call.get(3) is not None:
        sizes = call.sizes(3)
        check(len(sizes) == len(axes))
    else:
        index = 1 if len(call.inputs) < 3 else 2  # before opset 11 there was no roi
        stored = call.node.attributes.get("scales")
        scales = call.values(index) if call.get(index) else np.array(stored or (), np.float32)
        check(scales.shape == (len(axes),) and scales.dtype.kind == "f")
        scaled = np.array([shape[axis] for axis in axes], np.float32) * scales.astype(np.float32)
        check(bool(np.isfinite(scaled).all()) and bool((scales > 0).all()))
        sizes = [int(size) for size in scaled]
    for axis, size in zip(axes, sizes, strict=True):
        shape[axis] = size
    return [call.gives(shape)]


def _depth_to_space(call: Call) -> list[Known]:
    shape, block = call.shape(0), call.attribute("blocksize", 0)
    check(len(shape) == 4 and block > 0 and shape[1] % block**2 == 0)
    return [call.gives((shape[0], shape[1] // block**2, shape[2] * block, shape[3] * block))]


def _space_to_depth(call: Call) -> list[Known]:
    shape, block = call.shape(0), call.attribute("blocksize", 0)
    check(len(shape) == 4 and block > 0 and shape[2] % block == shape[3] % block == 0)
    return [call.gives((shape[0], shape[1] * block**2, shape[2] // block, shape[3] // block))]


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
    _matmul: "MatMul",
    _gemm: "Gemm",
    _conv: "Conv",
    _conv_transpose: "ConvTranspose",
    _pool: "AveragePool LpPool MaxPool",
    _global_pool: "GlobalAveragePool GlobalLpPool GlobalMaxPool",
    _reduce: "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin "
    "ReduceProd ReduceSum ReduceSumSquare",
    _arg_reduce: "ArgMax ArgMin",
    _reshape: "Reshape",
    _flatten: "Flatten",
    _transpose: "Transpose",
    _squeeze: "Squeeze",
    _unsqueeze: "Unsqueeze",
    _concat: "Concat",
    _split: "Split",
    _slice: "Slice",
    _gather: "Gather",
    _gather_elements: "GatherElements",
    _expand: "Expand",
    _tile: "Tile",
    _pad: "Pad",
    _resize: "Resize Upsample",
    _depth_to_space: "DepthToSpace",
    _space_to_depth: "SpaceToDepth",
    _shape: "Shape",
    _size: "Size",
    _constant: "Constant",
    _constant_of_shape: "ConstantOfShape",
    _range: "Range",
    _one_hot: "OneHot",
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
