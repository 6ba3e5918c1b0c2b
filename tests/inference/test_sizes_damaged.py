"""Damaged models and wild numbers, made at random: they bring our errors and nothing else."""

from __future__ import annotations

import tracemalloc

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from ganctl.errors import GanctlError
from ganctl.inference.onnx_file import parse_model
from ganctl.inference.sizes import measure

from .models import info, model, node
from .test_sizes import GIB, longs, measured, normal

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
