from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from ganctl.export.fidelity import round_images
from ganctl.images import to_uint8


def model(channels: int) -> onnx.ModelProto:
    """Return a model whose images are what it is given."""
    shape: list[str | int | None] = ["batch", channels, 2, 300]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["images"])],
        "draws",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
    )
    opset = [helper.make_opsetid("", 20)]
    return helper.make_model(graph, opset_imports=opset, ir_version=10)


@pytest.mark.parametrize("channels", [1, 3])
def test_it_rounds_every_value_as_drawing_does(channels: int) -> None:
    """Among them all the halves, where rounding to even and rounding up differ, and what is out."""
    halves = (np.arange(-1, 258, dtype=np.float64) * 2 + 1) / 255 - 1
    values = np.concatenate([halves, np.nextafter(halves, 9), np.nextafter(halves, -9)])
    values = np.concatenate([values, np.linspace(-1.5, 1.5, 1200 * channels - len(values))])
    x = values.astype(np.float32).reshape(2, channels, 2, 300)
    rounding = round_images(model(channels))
    onnx.checker.check_model(rounding, full_check=True)
    (drawn,) = ort.InferenceSession(rounding.SerializeToString()).run(["images"], {"x": x})
    assert (drawn.dtype, drawn.shape) == (np.uint8, (2, 3, 2, 300))
    assert np.array_equal(drawn, np.broadcast_to(to_uint8(x), drawn.shape))
    assert (drawn.min(), drawn.max()) == (0, 255)
