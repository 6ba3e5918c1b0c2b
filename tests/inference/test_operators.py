from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, RuntimeException

from ganctl.errors import BadInput
from ganctl.inference.known import Known
from ganctl.inference.onnx_file import parse_model
from ganctl.inference.onnx_model import ELEMENTS
from ganctl.inference.operators import RULES
from ganctl.inference.sizes import measure

from .models import Array, info, model, node, run

GIB = 1 << 30


class Case(NamedTuple):
    """An operator; its inputs are shapes of float32, arrays given when it runs, or weights."""

    op: str
    inputs: Sequence[Any]
    attributes: dict[str, Any]
    outputs: int = 1
    opset: int = 20

    def __str__(self) -> str:
        return f"{self.op}-{self.opset}"


class Given(NamedTuple):
    """An input whose values are not in the file."""

    values: Array


def case(op: str, *inputs: Any, outputs: int = 1, opset: int = 20, **attributes: Any) -> Case:
    return Case(op, inputs, attributes, outputs, opset)


def weights(*shape: int) -> Array:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def longs(*values: int) -> Array:
    return np.array(values, np.int64)


def scales(*values: float) -> Array:
    return np.array(values, np.float32)


def both(case: Case) -> tuple[list[Known], list[Array]]:
    """Return what we say of the outputs of a case, and what onnxruntime makes of it."""
    names, inputs, stored, given = [], [], {}, {}
    for index, value in enumerate(case.inputs):
        name = "-" if value is None else f"in{index}"
        names.append(name)
        if isinstance(value, tuple) and not isinstance(value, Given):
            value = Given(np.asarray(abs(weights(*value))))
        if isinstance(value, Given):
            given[name] = value.values
            elem_type = helper.np_dtype_to_tensor_dtype(value.values.dtype)
            inputs.append(info(name, [None] * value.values.ndim, elem_type))
        elif value is not None:
            stored[name] = np.asarray(value)
    outputs = [f"out{index}" for index in range(case.outputs)]
    made = node(case.op, " ".join(names), " ".join(outputs), **case.attributes)

    def data(types: Sequence[int]) -> bytes:
        declared = [info(name, None, kind) for name, kind in zip(outputs, types, strict=True)]
        return model([made], inputs, declared, stored, case.opset)

    shapes = {name: value.shape for name, value in given.items()}
    sizes = measure(parse_model(data([1] * case.outputs), "x"), shapes, GIB)
    ours = [sizes.outputs[name] for name in outputs]
    return ours, run(data([known.elem_type for known in ours]), given)


X = (2, 6, 5, 7)  # batch, channels, height, width
BOOLS = np.array([[True, False], [False, False]])
INTS = np.array([[7, -7, 3], [-8, 0, 5]], np.int64)
FLOATS = np.array([1.5, -2.5, 3.0], np.float32)

UNARY = """Abs Acos Acosh Asin Asinh Atan Atanh Ceil Celu Clip Cos Cosh Elu Erf Exp Floor Gelu
HardSigmoid HardSwish Hardmax Identity LeakyRelu Log LogSoftmax LpNormalization
MeanVarianceNormalization Mish Neg Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softmax
Softplus Softsign Sqrt Tan Tanh ThresholdedRelu IsInf IsNaN"""

CASES = [
    *(case(op, X) for op in UNARY.split()),
    *(case(op, values) for op in ("Abs", "Neg", "Identity") for values in (INTS, FLOATS)),
    *(case(op, FLOATS) for op in ("Ceil", "Floor")),
    case("Not", BOOLS),
    case("BitwiseNot", INTS),
    case("Clip", X, np.float32(0), np.float32(1)),
    *(case(op, X, (6, 1, 7)) for op in "Add Sub Mul Div Pow PRelu Max Min Mean Sum".split()),
    case("Mod", X, (7,), fmod=1),
    *(case(op, INTS, longs(2, -3, 5)) for op in "Add Sub Mul Div Mod Max Min".split()),
    *(case(op, FLOATS, scales(2, 3, 7)) for op in "Add Sub Mul Div Max Min".split()),
    *(case(op, (2, 1, 3), (5, 1), (1,)) for op in "Max Min Mean Sum".split()),
    case("Max", INTS),
    case("PRelu", (2, 1), weights(3)),
    case("Add", (2, 0, 3), (1, 3)),
    case("Add", (0, 1), (1, 1)),
    *(case(op, BOOLS, BOOLS[0]) for op in ("And", "Or", "Xor")),
    *(case(op, INTS, longs(3)) for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor")),
    *(case(op, X, (5, 1)) for op in "Equal Greater GreaterOrEqual Less LessOrEqual".split()),
    *(case(op, INTS, longs(3)) for op in "Equal Greater GreaterOrEqual Less LessOrEqual".split()),
    case("Where", Given(BOOLS), (3, 1, 2), (1,)),
    case("Where", BOOLS, longs(1, 2), longs(3)),
    case("Cast", X, to=10),
    *(case("Cast", FLOATS, to=to) for to in (1, 3, 6, 7, 9, 10, 11)),
    *(case("Cast", INTS, to=to) for to in (1, 2, 3, 6, 7, 9, 10, 11)),
    case("CastLike", X, longs(1)),
    case("QuantizeLinear", X, np.float32(0.1)),
    case("QuantizeLinear", X, np.float32(0.1), np.int8(0)),
    case("QuantizeLinear", X, np.float32(0.1), output_dtype=3, opset=21),
    case("DequantizeLinear", np.ones((4, 3), np.int8), scales(0.1, 0.2, 0.3, 0.4), axis=0),
    case("Dropout", X, outputs=2),
    case("Dropout", X, np.float32(0.5), np.bool_(False)),
    case("Dropout", X, opset=10, ratio=0.5),
    case("BatchNormalization", X, *(abs(weights(6)) for _ in range(4))),
    case("BatchNormalization", (3, 6), *(abs(weights(6)) for _ in range(4)), opset=9),
    case("InstanceNormalization", X, weights(6), weights(6)),
    case("GroupNormalization", X, weights(6), weights(6), num_groups=3, opset=21),
    case("GroupNormalization", X, weights(3), weights(3), num_groups=3),
    case("LayerNormalization", X, weights(7), weights(7)),
    case("LayerNormalization", X, weights(5, 1), axis=2, outputs=3),
    case("RMSNormalization", X, weights(7), opset=23),
    case("LRN", X, size=3),
    case("MatMul", (2, 1, 3, 4), (5, 4, 6)),
    case("MatMul", (4,), (5, 4, 6)),
    case("MatMul", (5, 3, 4), (4,)),
    case("MatMul", (4,), (4,)),
    case("Gemm", (3, 4), (4, 5)),
    case("Gemm", (4, 3), (5, 4), (1, 5), transA=1, transB=1),
    case("Conv", X, weights(4, 6, 3, 3)),
    case("Conv", X, weights(6, 2, 3, 2), weights(6), pads=[1, 0, 2, 1], group=3),
    case("Conv", X, weights(4, 6, 2, 3), strides=[2, 3], dilations=[2, 1]),
    case("Conv", X, weights(4, 6, 2, 3), strides=[2, 3], auto_pad="SAME_UPPER"),
    case("Conv", X, weights(4, 6, 3, 3), strides=[2, 2], auto_pad="SAME_LOWER"),
    case("Conv", X, weights(4, 6, 3, 3), strides=[2, 1], auto_pad="VALID"),
    case("Conv", (2, 3, 9), weights(4, 3, 3)),
    case("Conv", (2, 3, 4, 5, 6), weights(4, 3, 3, 2, 1)),
    case("ConvTranspose", X, weights(6, 4, 4, 4), strides=[2, 2], pads=[1, 1, 1, 1]),
    case("ConvTranspose", X, weights(6, 2, 3, 2), weights(6), group=3, dilations=[2, 3]),
    case("ConvTranspose", X, weights(6, 4, 3, 3), strides=[2, 2], output_padding=[1, 0]),
    case("ConvTranspose", X, weights(6, 4, 3, 3), strides=[2, 2], auto_pad="SAME_UPPER"),
    case("ConvTranspose", X, weights(6, 4, 1, 2), strides=[3, 2], auto_pad="SAME_LOWER"),
    case("ConvTranspose", X, weights(6, 4, 3, 3), strides=[2, 2], auto_pad="VALID"),
    case("ConvTranspose", X, weights(6, 4, 3, 3), strides=[2, 2], output_shape=[10, 14]),
    case("ConvTranspose", (2, 3, 9), weights(3, 4, 3)),
    *(
        case(op, X, kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1], ceil_mode=up)
        for op in ("AveragePool", "MaxPool")
        for up in (0, 1)
    ),
    case("AveragePool", X, kernel_shape=[2, 2], strides=[3, 3], ceil_mode=1),
    case("MaxPool", X, kernel_shape=[2, 2], strides=[2, 3], auto_pad="SAME_UPPER", outputs=2),
    case("MaxPool", X, kernel_shape=[2, 3], dilations=[2, 3]),
    case("LpPool", X, kernel_shape=[2, 3], strides=[2, 2]),
    *(case(f"Global{kind}Pool", X) for kind in ("Average", "Max", "Lp")),
    case("GlobalAveragePool", (2, 3, 4)),
    *(
        case(f"Reduce{kind}", X, **more)
        for kind in "L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare".split()
        for more in ({}, {"keepdims": 0})
    ),
    case("ReduceMean", X, longs(1, -1)),
    case("ReduceMean", X, axes=[1, -1], opset=17),
    case("ReduceMean", X, longs(), noop_with_empty_axes=1),
    case("ReduceMean", X, longs()),
    case("ReduceSum", X, longs(2), keepdims=0, opset=13),
    *(case(f"Reduce{kind}", INTS, longs(1)) for kind in ("Sum", "Prod", "Max", "Min")),
    case("ReduceProd", INTS, longs(0), keepdims=0),
    case("ArgMax", X, axis=-2),
    case("ArgMin", X, keepdims=0),
    case("Reshape", X, longs(0, -1, 7)),
    case("Reshape", (2, 0, 3), longs(3, 0), allowzero=1),
    case("Reshape", INTS, longs(3, 2)),
    case("Reshape", (1,), longs()),
    *(case("Flatten", X, axis=axis) for axis in (0, 1, -1, 4)),
    case("Flatten", INTS),
    case("Transpose", X),
    case("Transpose", INTS, perm=[1, 0]),
    case("Squeeze", (1, 3, 1, 2)),
    case("Squeeze", (1, 3, 1, 2), longs(-2)),
    case("Squeeze", (1, 3, 1, 2), axes=[0, 2], opset=12),
    case("Squeeze", (1, 3, 1, 2), longs()),
    case("Squeeze", longs(4), longs(0)),
    case("Unsqueeze", (3, 2), longs(0, -1)),
    case("Unsqueeze", (3, 2), axes=[2, 1], opset=12),
    case("Unsqueeze", longs(4, 5), longs(1)),
    case("Concat", (2, 3), (2, 4), axis=-1),
    case("Concat", longs(1), longs(2, 3), axis=0),
    case("Split", X, axis=1, outputs=3, num_outputs=3),
    case("Split", (7,), outputs=3, num_outputs=3),
    case("Split", X, longs(1, 5), axis=1, outputs=2),
    case("Split", X, split=[1, 5], axis=1, outputs=2, opset=12),
    case("Split", X, axis=1, outputs=2, opset=13),
    case("Split", longs(1, 2, 3), longs(1, 2), outputs=2),
    case("Slice", X, longs(1, -3), longs(2**62, -1), longs(1, -1)),
    case("Slice", X, longs(5, -1), longs(0, -(2**63)), longs(1, 3), longs(-2, -1)),
    case("Slice", X, starts=[1], ends=[3], axes=[2], opset=9),
    case("Slice", X, longs(-100), longs(-200), longs(3), longs(-1)),
    case("Slice", X, longs(4), longs(2), longs(3)),
    case("Slice", X, longs(3, 2), longs(2**31 - 1, 2**63 - 1), longs(1, 2), longs(-1, -1)),
    case("Slice", INTS, longs(-1, 0), longs(-5, 3), longs(0, 1), longs(-1, 2)),
    case("Gather", X, np.array([[0, 1], [2, -1]], np.int64), axis=1),
    case("Gather", X, np.int64(1), axis=-1),
    case("Gather", longs(4, 5, 6), np.int64(-1)),
    case("Gather", INTS, longs(1, 1), axis=1),
    case("GatherElements", (3, 4), np.array([[0, 1, 2], [1, 0, 1]], np.int64), axis=1),
    case("Expand", (3, 1), longs(2, 1, 6)),
    case("Expand", longs(3, 4), longs(2, 2)),
    case("Tile", (3, 1), longs(2, 3)),
    case("Tile", INTS, longs(1, 2)),
    case("Pad", (3, 4), longs(1, 0, 2, -1)),
    case("Pad", (3, 4), longs(1, 2), None, longs(-1), mode="reflect"),
    case("Pad", (3, 4), pads=[1, 0, 2, 1], opset=10),
    case("Resize", X, None, scales(1, 1, 2, 1.5)),
    case("Resize", X, None, scales(1, 1, 0.3, 1.7), mode="linear"),
    case("Resize", X, None, scales(2, 0.71), axes=[2, 3], mode="linear"),
    case("Resize", X, None, None, longs(2, 6, 9, 3)),
    case("Resize", X, None, None, longs(9, 3), axes=[-2, -1], mode="cubic"),
    case("Resize", X, scales(), scales(), longs(2, 6, 9, 3), opset=11),
    case("Resize", X, scales(1, 1, 2, 3), opset=10),
    case("Upsample", X, scales(1, 1, 2, 2.5), opset=9),
    case("Upsample", X, scales=[1.0, 1.0, 2.0, 3.0], opset=7),
    case("DepthToSpace", (2, 8, 3, 5), blocksize=2),
    case("DepthToSpace", (2, 8, 3, 5), blocksize=2, mode="CRD"),
    case("SpaceToDepth", (2, 3, 4, 6), blocksize=2),
    case("Shape", X),
    case("Shape", X, start=-2),
    case("Shape", X, start=1, end=-1),
    case("Shape", X, start=3, end=1),
    case("Size", X),
    case("Constant", value=helper.make_tensor("", 7, [2], [3, 4])),
    case("Constant", value_ints=[3, 4, 5]),
    case("Constant", value_int=3),
    case("Constant", value_float=1.5),
    case("Constant", value_floats=[1.5, 2.0]),
    case("ConstantOfShape", longs(2, 3)),
    case("ConstantOfShape", longs()),
    case("ConstantOfShape", longs(2), value=helper.make_tensor("", 7, [1], [3])),
    case("Range", np.int64(3), np.int64(-9), np.int64(-5)),
    case("Range", np.int64(3), np.int64(9), np.int64(-5)),
    case("Range", np.float32(0), np.float32(1), np.float32(0.1)),
    case("OneHot", Given(longs(1, 2)), np.int64(5), scales(0, 1)),
    case("OneHot", Given(longs(1, 2)), longs(5), longs(0, 1), axis=0),
]

CROP: dict[str, Any] = {"coordinate_transformation_mode": "tf_crop_and_resize"}
UNTELLABLE = [
    case("AveragePool", X, kernel_shape=[2, 2], dilations=[2, 1], auto_pad="SAME_UPPER"),
    case("MaxPool", X, kernel_shape=[6, 1]),  # larger than the picture
    case("ReduceSum", X, longs(1, -3)),  # the same axis twice
    case("Resize", X, None, None, longs(2, 6, 9, 3), keep_aspect_ratio_policy="not_larger"),
    case("Resize", X, scales(*[0] * 4, *[1] * 4), scales(1, 1, 2, 2), **CROP),
    case("Div", Given(INTS), Given(INTS)),
    case("Conv", X, weights(4, 6, 3, 3), pads=[-1, 0, 0, 0]),
    case("ConvTranspose", X, weights(6, 4, 1, 1), pads=[3, 3, 3, 3]),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_operator_gives_what_onnxruntime_gives(case: Case) -> None:
    ours, theirs = both(case)
    assert [known.shape for known in ours] == [values.shape for values in theirs]
    for known, values in zip(ours, theirs, strict=True):
        if known.values is not None:
            assert known.values.dtype == values.dtype
            assert np.array_equal(known.values, values)
        assert np.dtype(ELEMENTS[known.elem_type].dtype) == values.dtype


def test_every_allowed_operator_is_among_the_cases() -> None:
    assert {case.op for case in CASES} == set(RULES)


@pytest.mark.parametrize("case", UNTELLABLE, ids=str)
def test_what_onnxruntime_might_make_otherwise_is_refused(case: Case) -> None:
    with pytest.raises(BadInput, match=f"'{case.op}'"):
        both(case)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_windows_of_any_kind_slide_as_onnxruntimes_do(data: st.DataObject) -> None:
    draw = data.draw
    op = draw(st.sampled_from(["Conv", "ConvTranspose", "AveragePool", "MaxPool"]))
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    picture = (1, 2, draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    kernel = draw(pair)
    attributes: dict[str, Any] = {"strides": draw(pair), "dilations": draw(pair)}
    if draw(st.booleans()):
        attributes["pads"] = draw(st.tuples(*[st.integers(0, 2)] * 4))
    else:
        attributes["auto_pad"] = draw(st.sampled_from(["SAME_UPPER", "SAME_LOWER", "VALID"]))
    if op.endswith("Pool"):
        made = case(op, picture, kernel_shape=kernel, ceil_mode=draw(st.integers(0, 1)))
    else:
        made = case(op, picture, weights(2, 2, *kernel))
    made.attributes.update(attributes)
    try:
        ours, theirs = both(made)
    except (BadInput, Fail, InvalidArgument, RuntimeException):  # refused by either
        return
    assert ours[0].shape == theirs[0].shape


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_slices_of_any_kind_are_onnxruntimes(data: st.DataObject) -> None:
    ends = st.one_of(st.integers(-8, 8), st.sampled_from([2**31 - 1, 2**63 - 1, -(2**63)]))
    starts, stops = data.draw(ends), data.draw(ends)
    step = data.draw(st.integers(-3, 3).filter(bool))
    values = np.arange(data.draw(st.integers(1, 6)))
    [ours], [theirs] = both(
        case("Slice", values, longs(starts), longs(stops), longs(0), longs(step))
    )
    assert ours.values is not None and np.array_equal(ours.values, theirs)
