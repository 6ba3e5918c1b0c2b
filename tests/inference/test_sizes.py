from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from ganctl.errors import BadInput, GanctlError, OutOfResources
from ganctl.inference.known import Shape
from ganctl.inference.onnx_file import parse_model
from ganctl.inference.sizes import Sizes, measure

from .models import Array, info, model, node, run

GIB = 1 << 30


def measured(data: bytes, limit: int = GIB, **shapes: Shape) -> Sizes:
    return measure(parse_model(data, "x"), shapes, limit)


def agrees(data: bytes, **inputs: Array) -> None:
    """Check the outputs' shapes against onnxruntime's."""
    shapes = {name: values.shape for name, values in inputs.items()}
    ours = measure(parse_model(data, "x"), shapes, GIB).outputs
    assert [known.shape for known in ours.values()] == [v.shape for v in run(data, inputs)]


def normal(*shape: int) -> Array:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def test_the_exports_are_as_onnxruntime_runs_them(trained: Path, conditional: Path) -> None:
    for batch in (1, 3, 64):
        data = (trained / "small.onnx").read_bytes()
        agrees(data, latents=normal(batch, 100))
        data = (conditional / "asked.onnx").read_bytes()
        agrees(data, latents=normal(batch, 100), labels=np.arange(batch) % 10)


def dcgan(width: int = 8) -> bytes:
    """Return the generator of torch's DCGAN tutorial, 64 × 64, with ``width`` feature maps."""
    channels = [100, width * 8, width * 4, width * 2, width, 3]
    nodes, weights, last = [], {}, "z"
    for layer, (before, after) in enumerate(zip(channels, channels[1:], strict=False)):
        weights[f"w{layer}"] = normal(before, after, 4, 4)
        spread: dict[str, Any] = {"strides": [2, 2], "pads": [1, 1, 1, 1]} if layer else {}
        nodes.append(node("ConvTranspose", f"{last} w{layer}", f"c{layer}", **spread))
        if layer < 4:
            parameters = [f"{name}{layer}" for name in ("scale", "bias", "mean", "var")]
            weights.update({name: abs(normal(after)) for name in parameters})
            normalised = f"c{layer} {' '.join(parameters)}"
            nodes.append(node("BatchNormalization", normalised, f"n{layer}"))
            nodes.append(node("Relu", f"n{layer}", f"r{layer}"))
        last = f"r{layer}"
    nodes.append(node("Tanh", "c4", "images"))
    outputs = [info("images", ["batch", 3, 64, 64])]
    return model(nodes, [info("z", ["batch", 100, 1, 1])], outputs, weights)


def test_the_dcgan_of_torchs_tutorial_is_understood() -> None:
    agrees(dcgan(), z=normal(2, 100, 1, 1))
    sizes = measured(dcgan(), z=(16, 100, 1, 1))
    assert sizes.outputs["images"].shape == (16, 3, 64, 64) and sizes.folded == 0


def test_a_shape_computed_by_the_graph_is_followed() -> None:
    """As torch's older exporter writes interpolate(x, scale_factor=2) and a view."""
    nodes = [
        node("Shape", "x", "shape"),
        node("Slice", "shape two four", "last"),
        node("Cast", "last", "floats", to=TensorProto.FLOAT),
        node("Mul", "floats twice", "doubled"),
        node("Floor", "doubled", "floor"),
        node("Cast", "floor", "whole", to=TensorProto.INT64),
        node("Slice", "shape zero two", "first"),
        node("Concat", "first whole", "sizes", axis=0),
        node("Resize", "x - - sizes", "larger", mode="nearest"),
        node("Gather", "shape nought", "batch"),
        node("Unsqueeze", "batch zero", "row"),
        node("Concat", "row rest", "target", axis=0),
        node("Reshape", "larger target", "flat"),
    ]
    weights: dict[str, Array] = {
        "two": np.array([2]),
        "four": np.array([4]),
        "zero": np.array([0]),
        "nought": np.array(0),
        "rest": np.array([-1, 12]),
        "twice": np.array(2, np.float32),
    }
    outputs = [info("larger", None), info("flat", None)]
    data = model(nodes, [info("x", ["n", 3, "h", "w"])], outputs, weights)
    agrees(data, x=normal(2, 3, 4, 6))
    assert measured(data, x=(2, 3, 4, 6)).outputs["flat"].shape == (2, 24, 12)


def test_quantised_weights_and_embedded_classes_are_understood() -> None:
    nodes = [
        node("DequantizeLinear", "w8 scale", "w"),
        node("Gather", "table labels", "e"),
        node("OneHot", "labels ten onoff", "hot"),
        node("Mul", "z e", "ze"),
        node("Concat", "ze hot", "all", axis=1),
        node("MatMul", "all w", "y"),
        node("Reshape", "y shape", "images"),
    ]
    weights: dict[str, Array] = {
        "w8": np.ones((14, 12), np.int8),
        "scale": np.array(0.1, np.float32),
        "table": normal(10, 4),
        "ten": np.array(10),
        "onoff": np.array([0, 1], np.float32),
        "shape": np.array([0, 3, 2, 2]),
    }
    inputs = [info("z", ["n", 4]), info("labels", ["n"], TensorProto.INT64)]
    data = model(nodes, inputs, [info("images", ["n", 3, 2, 2])], weights)
    agrees(data, z=normal(5, 4), labels=np.arange(5))
    assert measured(data, z=(5, 4), labels=(5,)).folded == 14 * 12 * 2 + 1


def test_the_peak_is_what_is_alive_at_once() -> None:
    nodes = [
        node("MatMul", "x w", "a"),  # 4 × 30
        node("Tanh", "a", "b"),
        node("Relu", "a", "unused"),
        node("Concat", "b b", "c", axis=1),  # 4 × 60
        node("ReduceSum", "c one", "y"),  # 4 × 1
    ]
    weights = {"w": normal(10, 30), "one": np.array([1])}
    data = model(nodes, [info("x", ["n", 10])], [info("y", None)], weights)
    always = 4 * 10 * 30 + 8 + 4 * 4 * 10  # the weights and the input
    at_most = always + 4 * 4 * (30 + 60)  # b and c, a is gone
    assert measured(data, x=(4, 10)).peak == at_most
    assert measured(data, at_most, x=(4, 10)).folded == 0
    with pytest.raises(OutOfResources) as caught:
        measured(data, at_most - 1, x=(4, 10))
    assert caught.value.message == "x needs 1 MB for a batch of 4"
    assert "batch_size=" in caught.value.hint and "max_image_mb=" in caught.value.hint


def test_what_constants_make_stays_and_is_counted() -> None:
    nodes = [
        node("MatMul", "w w", "ww"),
        node("Add", "ww w", "v"),
        node("MatMul", "x v", "y"),
    ]
    data = model(nodes, [info("x", ["n", 10])], [info("y", None)], {"w": normal(10, 10)})
    sizes = measured(data, x=(1, 10))
    assert sizes.folded == 1000 + 300
    assert sizes.peak == 3 * 400 + 40 + 40


def test_a_transposed_convolutions_columns_are_counted() -> None:
    nodes = [node("ConvTranspose", "x w", "y")]
    inputs = [info("x", [1, 1, 100, 100])]
    data = model(nodes, inputs, [info("y", None)], {"w": normal(1, 1, 100, 100)})
    columns = 4 * 100**4  # onnxruntime 1.32 took 398 MB
    assert columns < measured(data, x=(1, 1, 100, 100)).peak < columns + 10**6


def longs(*values: int) -> Array:
    return np.array(values, np.int64)


def bombs() -> Iterator[tuple[bytes, type[GanctlError]]]:
    """Models of few bytes that would need very many, or whose sizes make no sense."""

    def bomb(nodes: Sequence[Any], **weights: Array) -> bytes:
        return model(nodes, [info("x", ["n", 4])], [info("y", None)], weights)

    huge, wrong = OutOfResources, BadInput
    for size in (10**9, 2**40, 2**62):
        yield bomb([node("ConstantOfShape", "s", "y")], s=longs(size)), huge
        yield bomb([node("Expand", "x s", "y")], s=longs(size, 1, 1)), huge
        yield bomb([node("Tile", "x s", "y")], s=longs(size, 1)), huge
        yield bomb([node("Range", "a b c", "y")], a=longs(0), b=longs(size), c=longs(1)), huge
        yield bomb([node("Resize", "x - - s", "y")], s=longs(size, 4)), huge
        yield bomb([node("Pad", "x s", "y")], s=longs(0, size, 0, 0)), huge
        yield bomb([node("OneHot", "i d v", "y")], i=longs(1), d=longs(size), v=longs(0, 1)), huge
    scales = np.array([1e30, 1], np.float32)
    yield bomb([node("Resize", "x - s", "y")], s=scales), huge
    yield bomb([node("Resize", "x - s", "y")], s=np.array([np.inf, 1], np.float32)), wrong
    yield bomb([node("ConstantOfShape", "s", "y")], s=longs(*[2**62] * 30)), huge
    yield bomb([node("ConstantOfShape", "s", "y")], s=longs(*[1] * 33)), wrong
    yield bomb([node("ConstantOfShape", "s", "y")], s=longs(-1)), wrong
    yield bomb([node("ConstantOfShape", "s", "y")], s=longs(0, 2**62)), huge
    yield bomb([node("Pad", "x s", "y")], s=longs(0, -5, 0, 0)), wrong
    yield bomb([node("Reshape", "x s", "y")], s=longs(3, 5)), wrong
    yield bomb([node("Reshape", "x s", "y")], s=longs(-1, -1)), wrong
    yield bomb([node("Reshape", "x s", "y")], s=longs(2**62, 2**62)), wrong
    yield bomb([node("Range", "a b c", "y")], a=longs(0), b=longs(9), c=longs(0)), wrong
    doubling = [node("Concat", f"t{k} t{k}", f"t{k + 1}", axis=0) for k in range(200)]
    last = node("Tanh", "t200", "y")
    yield bomb([node("Tanh", "x", "t0"), *doubling, last]), huge
    yield bomb([node("Add", "w w", "t0"), *doubling, last], w=normal(2)), huge
    wide = [node("ConstantOfShape", "s", "a"), node("ConstantOfShape", "s", "b")]
    yield bomb([*wide, node("MatMul", "a b", "y")], s=longs(20_000, 20_000)), huge
    tall = [*wide, node("Transpose", "b", "c"), node("MatMul", "a c", "y")]
    yield bomb(tall, s=longs(100_000, 1)), huge
    kernel = {"w": normal(1, 1, 300, 300), "s": longs(0, 1, 300, 300)}
    tiled = [node("Tile", "x t", "b"), node("Reshape", "b r", "c")]
    yield (
        bomb(
            [*tiled, node("ConvTranspose", "c w", "y", pads=[299] * 4)],
            **{**kernel, "t": longs(300, 75), "r": longs(-1, 1, 300, 300)},
        ),
        huge,
    )


@pytest.mark.parametrize(("data", "error"), list(bombs()))
def test_bombs_are_refused_without_taking_memory(data: bytes, error: type[GanctlError]) -> None:
    parsed = parse_model(data, "x")
    tracemalloc.start()
    try:
        with pytest.raises(error, match="^x "):
            measure(parsed, {"x": (1, 4)}, GIB)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_two_huge_constants_that_fit_are_multiplied_by_the_number() -> None:
    nodes = [
        node("ConstantOfShape", "s", "a"),
        node("MatMul", "a a", "b"),
        node("ReduceMax", "b", "m", keepdims=0),
        node("Add", "x m", "y"),
    ]
    weights = {"s": longs(8000, 8000)}
    data = model(nodes, [info("x", ["n", 4])], [info("y", None)], weights)
    assert measured(data, x=(1, 4)).folded > 8000**3


def one(made: Any, opset: int = 20, **weights: Array) -> bytes:
    outputs = [info(made.output[0], None)]
    return model([made], [info("x", ["n", 4])], outputs, weights, opset)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (
            one(node("NonZero", "x", "y")),
            r"uses the operator 'NonZero' \(giving 'y'\), which is no",
        ),
        (one(node("RandomNormalLike", "x", "y")), "the same seed would not give the same picture"),
        (one(node("Multinomial", "x", "y")), "the same seed would not give the same picture"),
        (
            one(node("FusedGemm", "x", "y", domain="com.microsoft")),
            "foreign domain 'com.microsoft'",
        ),
        (one(node("Tanh", "x", "y"), opset=6), "is of opset 6"),
        (one(node("Dropout", "x r t", "y"), r=np.array(0.5), t=np.array(True)), "draw at random"),
        (
            one(node("BatchNormalization", "x a a a a", "y", training_mode=1), a=normal(4)),
            "the batch that it is in",
        ),
        (one(node("Reshape", "x x", "y")), "'Reshape' .* the values of its input 1 are not known"),
        (one(node("Reshape", "x", "y")), "'Reshape' .* it lacks its input 1"),
        (one(node("Add", "x w", "y"), w=normal(3)), r"the shapes \(1, 4\) and \(3,\) do not go"),
        (one(node("Softmax", "x", "y z")), "it has 1 outputs at most"),
        (one(node("Concat", "x", "y", axis=2)), "it has no such axis"),
        (one(node("Concat", "x", "y", axis=0.5)), "its attribute axis is of another type"),
        (one(node("Transpose", "x", "y", perm=[0.0, 1.0])), "perm is no row of whole numbers"),
        (one(node("Transpose", "x", "y", perm=[0, 0])), "it names an axis twice"),
        (one(node("LRN", "x", "y", size=2**40)), "'LRN'"),
        (one(node("Cast", "x", "y", to=8)), "it gives a type that no generator needs"),
        (one(node("Constant", "", "y", value_string="a")), "it holds no number"),
        (one(node("Constant", "", "y", value_int="a")), "it holds no number"),
        (one(node("Sub", "t t", "y"), t=np.array([True])), "its inputs do not go together"),
        (one(node("Div", "i i", "y"), i=longs(0)), "it divides by 0 or -1"),
        (one(node("Mod", "i i", "y"), i=longs(-1)), "it divides by 0 or -1"),
        (one(node("Gather", "i j", "y"), i=longs(1), j=longs(1)), "its index is out of range"),
        (one(node("InstanceNormalization", "x w w", "y"), w=normal(9)), "'InstanceNormalization'"),
        (one(node("Conv", "x w", "y"), w=normal(1, 1, 3, 3)), "'Conv'"),
        (one(node("MaxPool", "x", "y")), "'MaxPool'"),
    ],
)
def test_what_cannot_be_told_is_named_with_the_way_out(data: bytes, reason: str) -> None:
    with pytest.raises(BadInput, match=f"^x .*{reason}") as caught:
        measured(data, x=(1, 4))
    assert "allow_any_op=True" in caught.value.hint


def test_an_attribute_of_another_operator_is_left_aside() -> None:
    data = one(node("Tanh", "w", "y", kernel_shape=0.5), w=normal(3))
    assert measured(data, x=(1, 4)).folded == 6


def test_pooled_constants_are_counted_by_their_windows() -> None:
    data = one(node("MaxPool", "w", "y", kernel_shape=[3, 3]), w=normal(1, 1, 8, 8))
    assert measured(data, x=(1, 4)).folded == 6 * 6 * 9


def test_a_declaration_that_lies_is_refused() -> None:
    """onnxruntime 1.32 folds Shape to what the file declares, and took 1.6 GB of this one."""
    nodes = [
        node("Relu", "x", "r"),
        node("Shape", "r", "s"),
        node("ConstantOfShape", "s", "c"),
        node("ReduceSum", "c", "n", keepdims=0),
        node("Add", "x n", "y"),
    ]
    for size, fine in ((100_000_000, False), ("n", True), (2, True), (None, True)):
        declared = [info("r", [size, 4])]
        data = model(nodes, [info("x", ["n", 4])], [info("y", ["n", 4])], declared=declared)
        if fine:
            assert measured(data, x=(2, 4)).outputs["y"].shape == (2, 4)
        else:
            with pytest.raises(BadInput, match=r"x says a wrong shape of 'r': it has \(2, 4\)"):
                measured(data, x=(2, 4))


def test_the_inputs_must_be_those_that_are_declared() -> None:
    data = one(node("Tanh", "x", "y"))
    for shapes in ({}, {"x": (1, 5)}, {"x": (4,)}):
        with pytest.raises(BadInput, match="^x takes"):
            measure(parse_model(data, "x"), shapes, GIB)


SEED = model(
    [
        node("Shape", "x", "s"),
        node("Gather", "s i", "b", axis=0),
        node("Concat", "b t", "r", axis=0),
        node("MatMul", "x w", "y"),
        node("Reshape", "y r", "p"),
        node("Resize", "p - f", "q"),
        node("Conv", "q k", "c", pads=[1, 1, 1, 1], strides=[1, 1]),
        node("Tanh", "c", "images"),
    ],
    [info("x", ["n", 4])],
    [info("images", ["n", 1, 4, 4])],
    {
        "i": longs(0),
        "t": longs(2, 2, 2),
        "w": normal(4, 8),
        "f": np.array([1, 1, 2, 2], np.float32),
        "k": normal(1, 2, 3, 3),
    },
)


@settings(deadline=None, max_examples=400)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(SEED)),
            st.integers(0, 3),
            st.one_of(st.binary(max_size=3), st.sampled_from([b"\xff" * 9 + b"\1", b"\0"])),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_a_damaged_model_brings_nothing_but_our_errors(
    changes: list[tuple[int, int, bytes]],
) -> None:
    data = SEED
    for at, gone, come in changes:
        data = data[:at] + come + data[at + gone :]
    tracemalloc.start()
    try:
        parsed = parse_model(data, "x")
        measure(parsed, {value.name: (3, 4) for value in parsed.inputs}, GIB)
    except GanctlError as error:
        assert error.message.startswith("x ") and error.message.isprintable()
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 1 << 20


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_wild_numbers_bring_nothing_but_our_errors(data: st.DataObject) -> None:
    """Each shape-making operator with sizes from the ends of the range."""
    size = st.one_of(st.sampled_from([0, 1, -1, 2**31 - 1, 2**62, -(2**63)]), st.integers(-9, 9))
    row = st.lists(size, max_size=4).map(lambda sizes: longs(*sizes))
    op = data.draw(
        st.sampled_from(
            "Reshape Expand Tile Pad Slice Split Squeeze Unsqueeze Gather Range OneHot Add Mul Div "
            "ReduceProd ConstantOfShape Concat Where Conv ConvTranspose MaxPool Resize Transpose "
            "Flatten MatMul Gemm Upsample DepthToSpace LRN Max Sub Neg".split()
        )
    )
    names = "a b c d"[: 2 * data.draw(st.integers(1, 4)) - 1]
    weights = {name: data.draw(row) for name in names.split() if name != "a"}
    weights["a"] = data.draw(st.one_of(row, st.just(normal(2, 3)), st.just(normal(1, 2, 3, 4))))
    keys = ["axis", "axes", "pads", "strides", "kernel_shape", "group", "perm", "size", "blocksize"]
    for name in data.draw(st.lists(st.sampled_from(keys), unique=True, max_size=3)):
        listed = name in ("axes", "pads", "strides", "kernel_shape", "perm")
        value = data.draw(st.lists(size, min_size=1, max_size=4) if listed else size)
        weights[f"attribute {name}"] = np.array(value)
    attributes = {
        name.split()[1]: weights.pop(name).tolist() for name in list(weights) if " " in name
    }
    made = helper.make_node(op, names.split(), ["y"], **attributes)
    try:
        measured(model([made], [], [info("y", None)], weights))
    except GanctlError as error:
        assert error.message.startswith("x ") and error.message.isprintable()
