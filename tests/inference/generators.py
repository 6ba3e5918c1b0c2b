"""ONNX files as other tools make them, for the tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

Size = int | str | None


def made(
    nodes: Sequence[Any],
    inputs: dict[str, tuple[int, Sequence[Size]]],
    outputs: dict[str, tuple[int, Sequence[Size]]],
    weights: dict[str, NDArray[Any]] | None = None,
    opset: int = 17,
) -> ModelProto:
    """Return a model of ``nodes``, its values declared by type and shape."""
    return helper.make_model(
        helper.make_graph(
            list(nodes),
            "g",
            [helper.make_tensor_value_info(name, *value) for name, value in inputs.items()],
            [helper.make_tensor_value_info(name, *value) for name, value in outputs.items()],
            [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()],
        ),
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=9,
        producer_name="another tool",
    )


def random(*shape: int) -> NDArray[np.float32]:
    """Return weights that are the same each time."""
    return np.random.default_rng(0).standard_normal(shape, np.float32) / np.float32(4)


def linear(
    last: str = "Tanh",
    latents: str = "z",
    latent_shape: Sequence[Size] = ("n", 5),
    image: tuple[int, int, int] = (1, 4, 6),
    output_type: int = TensorProto.FLOAT,
    batch: Size = "n",
) -> ModelProto:
    """Return z (N, 5, …) → Flatten → Gemm → ``last`` → images (N, …) of that shape."""
    width = int(np.prod(image))
    nodes = [
        helper.make_node("Flatten", [latents], ["flat"]),
        helper.make_node("Gemm", ["flat", "w", "b"], ["y"]),
        helper.make_node(last, ["y"], ["values"]),
        helper.make_node("Reshape", ["values", "shape"], ["image"]),
    ]
    weights: dict[str, NDArray[Any]] = {
        "w": random(5, width),
        "b": random(width),
        "shape": np.array([-1, *image]),
    }
    return made(
        nodes,
        {latents: (TensorProto.FLOAT, [batch, *latent_shape[1:]])},
        {"image": (output_type, [batch, *image])},
        weights,
    )


def grey_levels() -> ModelProto:
    """Return z (N, 5) → uint8 images (N, 4, 6, 3): 127.5 + 127.5 tanh."""
    model = linear(image=(4, 6, 3))
    graph = model.graph
    graph.node[-1].output[0] = "floats"
    graph.node.extend(
        [
            helper.make_node("Mul", ["floats", "half"], ["scaled"]),
            helper.make_node("Add", ["scaled", "half"], ["shifted"]),
            helper.make_node("Round", ["shifted"], ["rounded"]),
            helper.make_node("Cast", ["rounded"], ["image"], to=TensorProto.UINT8),
        ]
    )
    graph.initializer.append(numpy_helper.from_array(np.array(127.5, np.float32), "half"))
    graph.output[0].type.tensor_type.elem_type = TensorProto.UINT8
    return model


def asked(kind: str, latents: str = "z", labels: str = "class_id") -> ModelProto:
    """Return a conditional model: the class's row of a table is added to z (N, 5).

    Args:
        kind: how the class is given: "int64", "int32", "column" (N, 1), "one-hot" floats, or
            "bare", where no table says how many classes there are.
        latents: the name of z.
        labels: the name of the class.
    """
    model = linear(latents="sum")
    graph = model.graph
    del graph.input[:]
    types = {"int32": TensorProto.INT32, "one-hot": TensorProto.FLOAT}
    shape: list[Size] = ["n", *{"column": [1], "one-hot": [4], "bare": [1]}.get(kind, [])]
    graph.input.extend(
        [
            helper.make_tensor_value_info(latents, TensorProto.FLOAT, ["n", 5]),
            helper.make_tensor_value_info(labels, types.get(kind, TensorProto.INT64), shape),
        ]
    )
    added = {
        "one-hot": [helper.make_node("MatMul", [labels, "table"], ["row"])],
        "bare": [helper.make_node("Cast", [labels], ["row"], to=TensorProto.FLOAT)],
        "column": [
            helper.make_node("Squeeze", [labels, "one"], ["index"]),
            helper.make_node("Gather", ["table", "index"], ["row"]),
        ],
    }.get(kind, [helper.make_node("Gather", ["table", labels], ["row"])])
    nodes = [*added, helper.make_node("Add", [latents, "row"], ["sum"]), *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(
        [
            numpy_helper.from_array(random(4, 5), "table"),
            numpy_helper.from_array(np.array([1]), "one"),
        ]
    )
    return model


def dcgan(batch: Size = "batch") -> ModelProto:
    """Return the generator of torch's DCGAN tutorial, narrower: 100×1×1 → 3×64×64."""
    widths = [100, 32, 16, 8, 4, 3]
    nodes, weights, given = [], {}, "input"
    for layer, (before, after) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
        stride, pad = (1, 0) if layer == 0 else (2, 1)
        weights[f"w{layer}"] = random(before, after, 4, 4)
        nodes.append(
            helper.make_node(
                "ConvTranspose",
                [given, f"w{layer}"],
                [f"c{layer}"],
                kernel_shape=[4, 4],
                strides=[stride] * 2,
                pads=[pad] * 4,
            )
        )
        given = f"c{layer}"
        if layer < 4:
            norm = [f"{part}{layer}" for part in ("scale", "bias", "mean", "var")]
            weights |= {name: np.abs(random(after)) for name in norm}
            nodes.append(helper.make_node("BatchNormalization", [given, *norm], [f"n{layer}"]))
            nodes.append(helper.make_node("Relu", [f"n{layer}"], [f"r{layer}"]))
            given = f"r{layer}"
    nodes.append(helper.make_node("Tanh", [given], ["output"]))
    return made(
        nodes,
        {"input": (TensorProto.FLOAT, [batch, 100, 1, 1])},
        {"output": (TensorProto.FLOAT, [batch, 3, 64, 64])},
        weights,
    )
