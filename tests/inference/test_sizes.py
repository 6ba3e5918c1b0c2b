from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from ganctl.errors import OutOfResources
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
    assert "--batch-size" in caught.value.hint and "--max-image-mb" in caught.value.hint


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


def test_an_attribute_of_another_operator_is_left_aside() -> None:
    data = one(node("Tanh", "w", "y", kernel_shape=0.5), w=normal(3))
    assert measured(data, x=(1, 4)).folded == 6


def test_pooled_constants_are_counted_by_their_windows() -> None:
    data = one(node("MaxPool", "w", "y", kernel_shape=[3, 3]), w=normal(1, 1, 8, 8))
    assert measured(data, x=(1, 4)).folded == 6 * 6 * 9
