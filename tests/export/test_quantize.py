from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ganctl.errors import CheckFailed
from ganctl.export.quantize import SMALL, draw_uint8, store_weights
from ganctl.images import to_uint8

RANDOM = np.random.default_rng(0)


def normal(*shape: int) -> NDArray[np.float32]:
    return RANDOM.standard_normal(shape, np.float32)


def one_layer(
    operator: str,
    weight: NDArray[np.float32],
    shape: list[int],
    weight_first: bool = False,
    **attributes: Any,
) -> onnx.ModelProto:
    """Return y = operator(x, weight) for x of a shape."""
    inputs = ["weight", "x"] if weight_first else ["x", "weight"]
    kind = TensorProto.INT64 if operator == "Gather" else TensorProto.FLOAT
    sizes = [f"size_{number}" for number in range(max(len(shape), weight.ndim))]
    graph = helper.make_graph(
        [helper.make_node(operator, inputs, ["y"], **attributes)],
        "layer",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, sizes)],
        [numpy_helper.from_array(weight, "weight")],
    )
    opset = [helper.make_opsetid("", 20)]
    return helper.make_model(graph, opset_imports=opset, ir_version=10)


def stored(model: onnx.ModelProto, precision: str) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    store_weights(copy, precision)
    onnx.checker.check_model(copy, full_check=True)
    return copy


def expanded(weight: NDArray[np.float32], precision: str) -> NDArray[np.float32]:
    """Return the float32 weight that onnxruntime makes of a stored one."""
    model = stored(one_layer("Add", weight, [1]), precision)
    model.graph.output.append(helper.make_tensor_value_info("weight", TensorProto.FLOAT, None))
    session = ort.InferenceSession(model.SerializeToString())
    return np.asarray(session.run(["weight"], {"x": np.zeros(1, np.float32)})[0], np.float32)


LAYERS = {
    "Gemm": one_layer("Gemm", normal(40, 60), [3, 40]),
    "Gemm, transposed": one_layer("Gemm", normal(60, 40), [3, 40], transB=1),
    "MatMul, stacked": one_layer("MatMul", normal(2, 30, 20), [2, 3, 30]),
    "Conv": one_layer("Conv", normal(16, 8, 3, 3), [3, 8, 9, 9]),
    "ConvTranspose": one_layer("ConvTranspose", normal(8, 16, 4, 4), [3, 8, 5, 5]),
    "ConvTranspose, grouped": one_layer(
        "ConvTranspose", normal(16, 8, 4, 4), [3, 16, 5, 5], group=4
    ),
    "Gather": one_layer("Gather", normal(50, 30), [7], weight_first=True),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(("precision", "bits", "factor"), [("fp16", 11, 1.8), ("int8", 7, 2.8)])
def test_every_operator_uses_the_stored_weight(
    layer: str, precision: str, bits: int, factor: float
) -> None:
    model = LAYERS[layer]
    smaller = stored(model, precision)
    sizes = model.graph.input[0].type.tensor_type.shape.dim
    x = np.arange(7) * 7 if layer == "Gather" else normal(*(each.dim_value for each in sizes))
    (exact,), (rounded,) = (
        ort.InferenceSession(each.SerializeToString()).run(["y"], {"x": x})
        for each in (model, smaller)
    )
    assert 0 < np.abs(rounded - exact).max() < np.abs(exact).max() * 2.0**-bits * 2
    assert len(smaller.SerializeToString()) < len(model.SerializeToString()) / factor


def test_fp16_rounds_to_the_nearest() -> None:
    weight = normal(40, 60)
    (tensor,) = stored(one_layer("Add", weight, [1]), "fp16").graph.initializer
    assert tensor.data_type == TensorProto.FLOAT16
    assert np.array_equal(expanded(weight, "fp16"), weight.astype(np.float16).astype(np.float32))


def test_int8_is_at_most_half_a_step_off() -> None:
    weight = normal(64, 32, 4, 4) * np.exp(normal(64, 32, 1, 1))
    weight[3], weight[:, 5], weight[7, 6] = 0, 0, 1e-30
    weight[9] = 1e-42  # subnormal
    model = stored(one_layer("ConvTranspose", weight, [1, 64, 5, 5]), "int8")
    parts = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    assert {name: (part.dtype.name, part.shape) for name, part in parts.items()} == {
        "weight.int8": ("int8", weight.shape),
        "weight.rows": ("float32", (64, 1, 1, 1)),
        "weight.columns": ("float32", (1, 32, 1, 1)),
    }
    assert np.abs(parts["weight.int8"].astype(int)).max() == 127
    step = parts["weight.rows"].astype(np.float64) * parts["weight.columns"]
    result = expanded(weight, "int8")
    assert (np.abs(result - weight) <= 0.5001 * step).all()
    assert np.abs(np.delete(step, [3, 9], 0)).max() < np.abs(weight).max() / 100
    assert not result[[3, 9]].any()


def test_large_columns_do_not_take_the_bits_of_small_ones() -> None:
    """With one scale per row, the weights of the classes would take those of z."""
    weight = normal(300, 110)
    weight[:, 100:] *= 20
    error = np.abs(expanded(weight, "int8") - weight)
    assert error[:, :100].max() < 0.03 < np.abs(weight).max() / 127 / 2


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_vectors_and_small_matrices_stay_in_float32(precision: str) -> None:
    for weight in (normal(1, SMALL), normal(5000)):
        model = one_layer("Add", weight, [1])
        assert stored(model, precision) == model


def test_a_weight_that_float16_cannot_hold_is_named() -> None:
    weight = normal(40, 60)
    weight[3, 4] = -65504
    assert expanded(weight, "fp16").min() == -65504
    weight[3, 4] = -70000
    with pytest.raises(CheckFailed, match=r"the weight weight does not fit .* 7e\+04, .* 65,504"):
        expanded(weight, "fp16")
    assert expanded(weight, "int8").min() == pytest.approx(-70000)


@pytest.mark.parametrize("channels", [1, 3])
def test_uint8_images_are_rounded_as_those_of_ganctl(channels: int) -> None:
    """Among them all halves, where rounding to even and rounding up differ, and values outside."""
    shape: list[str | int | None] = ["batch", channels, 2, 300]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["images"])],
        "identity",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
    )
    opset = [helper.make_opsetid("", 20)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    draw_uint8(model)
    onnx.checker.check_model(model, full_check=True)
    halves = (np.arange(-1, 258, dtype=np.float64) * 2 + 1) / 255 - 1
    values = np.concatenate([halves, np.nextafter(halves, 9), np.nextafter(halves, -9)])
    values = np.concatenate([values, np.linspace(-1.5, 1.5, 1200 * channels - len(values))])
    x = values.astype(np.float32).reshape(2, channels, 2, 300)
    (drawn,) = ort.InferenceSession(model.SerializeToString()).run(["images"], {"x": x})
    assert (drawn.dtype, drawn.shape) == (np.uint8, (2, 3, 2, 300))
    assert np.array_equal(drawn, np.broadcast_to(to_uint8(x), drawn.shape))
    assert (drawn.min(), drawn.max()) == (0, 255)
