from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ganctl.errors import CheckFailed
from ganctl.export.quantize import PRECISIONS, SMALL, store_weights

RANDOM = np.random.default_rng(0)


def one_layer(
    operator: str, weight: NDArray[np.float32], given: list[int], place: int = 1, **attributes: Any
) -> onnx.ModelProto:
    """Return a model of one operator, whose input number ``place`` is ``weight``."""
    inputs = ["x", "weight"] if place else ["weight", "x"]
    of_indices = operator == "Gather"
    drawn = [f"size_{number}" for number in range(max(len(given), 2))]
    graph = helper.make_graph(
        [helper.make_node(operator, inputs, ["y"], **attributes)],
        "layer",
        [
            helper.make_tensor_value_info(
                "x", TensorProto.INT64 if of_indices else TensorProto.FLOAT, given
            )
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, drawn)],
        [numpy_helper.from_array(weight, "weight")],
    )
    opset = [helper.make_opsetid("", 20)]
    return helper.make_model(graph, opset_imports=opset, ir_version=10)


def weights_of(model: onnx.ModelProto) -> NDArray[np.float32]:
    """Return the float32 weight that onnxruntime makes of a stored one."""
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    shown.graph.output.append(helper.make_tensor_value_info("weight", TensorProto.FLOAT, None))
    given = shown.graph.input[0]
    x = np.zeros([size.dim_value for size in given.type.tensor_type.shape.dim], np.float32)
    weight: NDArray[np.float32]
    (weight,) = ort.InferenceSession(shown.SerializeToString()).run(["weight"], {given.name: x})
    return weight


def normal(*shape: int) -> NDArray[np.float32]:
    return RANDOM.standard_normal(shape, np.float32)


LAYERS = {
    "Gemm": one_layer("Gemm", normal(40, 60), [3, 40]),
    "Gemm, transposed": one_layer("Gemm", normal(60, 40), [3, 40], transB=1),
    "MatMul": one_layer("MatMul", normal(40, 60), [3, 40]),
    "MatMul, stacked": one_layer("MatMul", normal(2, 30, 20), [2, 3, 30]),
    "Conv": one_layer("Conv", normal(16, 8, 3, 3), [3, 8, 9, 9]),
    "ConvTranspose": one_layer("ConvTranspose", normal(8, 16, 4, 4), [3, 8, 5, 5]),
    "ConvTranspose, grouped": one_layer(
        "ConvTranspose", normal(16, 8, 4, 4), [3, 16, 5, 5], group=4
    ),
    "Gather": one_layer("Gather", normal(50, 30), [7], place=0),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_every_operator_computes_with_what_is_stored(layer: str, precision: str) -> None:
    model = LAYERS[layer]
    stored = store_weights(model, precision)
    onnx.checker.check_model(stored, full_check=True)
    size = model.graph.input[0].type.tensor_type
    shape = [dimension.dim_value for dimension in size.shape.dim]
    x = np.arange(7) * 7 if layer == "Gather" else normal(*shape)
    (exact,), (rounded,) = (
        ort.InferenceSession(each.SerializeToString()).run(["y"], {"x": x})
        for each in (model, stored)
    )
    bits = {"fp16": 11, "int8": 7}[precision]  # of the largest magnitude of a row and a column
    assert 0 < np.abs(rounded - exact).max() < np.abs(exact).max() * 2.0**-bits * 2
    assert len(stored.SerializeToString()) < len(model.SerializeToString()) / (
        1.8 if precision == "fp16" else 2.8
    )


def test_in_16_bits_each_weight_is_the_nearest() -> None:
    weight = normal(40, 60)
    stored = store_weights(one_layer("Gemm", weight, [3, 40]), "fp16")
    (tensor,) = stored.graph.initializer
    assert tensor.data_type == TensorProto.FLOAT16
    assert np.array_equal(weights_of(stored), weight.astype(np.float16).astype(np.float32))


def test_in_8_bits_none_is_more_than_half_a_step_off() -> None:
    weight = normal(64, 32, 4, 4) * np.exp(normal(64, 32, 1, 1))
    weight[3], weight[:, 5], weight[7, 6] = 0, 0, 1e-30  # a layer that learnt nothing there
    weight[9] = 1e-42
    stored = store_weights(one_layer("ConvTranspose", weight, [1, 64, 5, 5]), "int8")
    parts = {each.name: numpy_helper.to_array(each) for each in stored.graph.initializer}
    assert {name: (part.dtype.name, part.shape) for name, part in parts.items()} == {
        "weight.int8": ("int8", weight.shape),
        "weight.rows": ("float32", (64, 1, 1, 1)),
        "weight.columns": ("float32", (1, 32, 1, 1)),
    }
    assert parts["weight.int8"].min() == -127 or parts["weight.int8"].max() == 127
    step = parts["weight.rows"].astype(np.float64) * parts["weight.columns"]
    assert (np.abs(weights_of(stored) - weight) <= 0.5001 * step).all()
    unused = [3, 9]
    assert np.abs(np.delete(step, unused, 0)).max() < np.abs(weight).max() / 100
    assert not weights_of(stored)[unused].any()


def test_large_columns_do_not_take_the_bits_of_small_ones() -> None:
    """As the classes' weights would those of z, were there a scale for each row alone."""
    weight = normal(300, 110)
    weight[:, 100:] *= 20
    stored = weights_of(store_weights(one_layer("Gemm", weight, [3, 300]), "int8"))
    off = np.abs(stored - weight)
    assert off[:, :100].max() < 0.03 < np.abs(weight).max() / 127 / 2


@pytest.mark.parametrize("precision", PRECISIONS)
def test_vectors_and_small_matrices_stay(precision: str) -> None:
    for weight in (normal(1, SMALL), normal(5000)):
        model = one_layer("Add", weight, [1])
        assert store_weights(model, precision) == model


def test_fp32_changes_nothing_and_no_precision_changes_what_is_given() -> None:
    model = LAYERS["Gemm"]
    before = model.SerializeToString()
    assert store_weights(model, "fp32") == model
    for precision in ("fp16", "int8"):
        assert store_weights(model, precision) == store_weights(model, precision) != model
    assert model.SerializeToString() == before


def test_a_weight_beyond_float16_is_named() -> None:
    weight = normal(40, 60)
    weight[3, 4] = -65504
    model = one_layer("Gemm", weight, [3, 40])
    assert weights_of(store_weights(model, "fp16")).min() == -65504
    weight[3, 4] = -70000
    model = one_layer("Gemm", weight, [3, 40])
    with pytest.raises(CheckFailed, match=r"the weight weight does not .* has 7e\+04, .* 65,504"):
        store_weights(model, "fp16")
    assert weights_of(store_weights(model, "int8")).min() == pytest.approx(-70000)
