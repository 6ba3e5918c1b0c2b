"""Models whose sizes cannot be told, or are too large: refused before anything takes memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from ganctl.errors import BadInput, GanctlError, OutOfResources
from ganctl.inference.onnx_file import parse_model
from ganctl.inference.sizes import measure

from .models import Array, info, model, node
from .test_sizes import GIB, longs, measured, normal, one


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
    assert "--allow-any-op" in caught.value.hint


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
