"""What a small file could make ganctl, protobuf or onnxruntime take: refused before it is taken."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper

from ganctl.checksums import BLANK
from ganctl.errors import BadInput, GanctlError, OutOfResources
from ganctl.images import encode_png
from ganctl.inference.checksum import CHECKSUM_KEY, add_checksum
from ganctl.inference.generator import load_onnx, parse_onnx
from ganctl.inference.onnx_file import parse_model
from ganctl.inference.self_test import SELF_TEST_KEY
from ganctl.inference.session import Limits
from ganctl.inference.signature import Told

from . import generators

PLAIN: bytes = generators.linear().SerializeToString()
MANY = 1_200_000


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def hidden(where: str) -> bytes:
    """Return a model with messages of two bytes in a place that nothing here reads."""
    if where == "graph.quantization_annotation":
        return PLAIN + field(7, field(14, b"\x12\x00" * MANY))
    if where == "model.configuration":
        return PLAIN + field(26, b"\x1a\x00" * MANY)
    if where == "node.device_configurations":
        return PLAIN + field(7, field(1, field(10, b"\x12\x00" * MANY)))
    attribute = field(1, b"alpha") + field(10, b"\x6a\x00" * MANY)  # tensors.external_data
    return PLAIN + field(7, field(1, field(4, b"LeakyRelu") + field(5, attribute)))


@pytest.mark.parametrize(
    "where",
    [
        "graph.quantization_annotation",
        "model.configuration",
        "node.device_configurations",
        "attribute.tensors",
    ],
)
def test_parts_that_nothing_here_reads_are_counted(where: str) -> None:
    with pytest.raises(BadInput, match="parts, more than any generator"):
        parse_model(hidden(where), "x", any_op=True)


def test_notes_of_the_exporter_are_no_cost() -> None:
    model = generators.linear()
    model.doc_string = model.graph.doc_string = model.graph.node[0].doc_string = "x" * 2_000_000
    helper.set_model_props(model, {"other": "é" * 1_000_000})
    for node in model.graph.node:
        node.metadata_props.add(key="pkg.torch.onnx.stack_trace", value="File …" * 10_000)
    assert parse_model(model.SerializeToString(), "x").metadata == {"other": ""}


def test_a_list_without_end_is_refused() -> None:
    model = generators.linear()
    model.graph.node.append(
        helper.make_node("Constant", [], ["unused"], value_floats=[0.0] * 70_000)
    )
    with pytest.raises(BadInput, match="'Constant' with 70,000 values"):
        parse_model(model.SerializeToString(), "x")


@pytest.mark.parametrize("place", ["name", "ganctl.model_card"])
def test_a_text_without_end_is_refused(place: str) -> None:
    model = generators.linear()
    if place == "name":
        model.graph.node[0].name = "x" * 100_000
    else:
        helper.set_model_props(model, {place: "é" * 6_000_000})
    with pytest.raises(BadInput, match="has a name or a text of 1"):
        parse_model(model.SerializeToString(), "x")


def test_latents_are_no_longer_than_a_card_could_say() -> None:
    """They are drawn in blocks of 256, whatever the batch."""
    with pytest.raises(BadInput, match=r"latents of 1,000,000 values, more than 65,536"):
        parse_onnx(sliced(1_000_000, 4).SerializeToString(), "x")


def sliced(latent_dim: int, side: int) -> ModelProto:
    """Return a generator that spreads its first value over the image, one at a time."""
    nodes = [
        helper.make_node("Slice", ["z", "first", "end", "axis"], ["a"]),
        helper.make_node("Reshape", ["a", "corner"], ["b"]),
        helper.make_node("Tanh", ["b"], ["t"]),
        helper.make_node("Expand", ["t", "size"], ["image"]),
    ]
    weights = {
        "first": np.array([0]),
        "end": np.array([1]),
        "axis": np.array([1]),
        "corner": np.array([1, 1, 1, 1]),
        "size": np.array([1, 1, side, side]),
    }
    return generators.made(
        nodes,
        {"z": (TensorProto.FLOAT, (1, latent_dim))},
        {"image": (TensorProto.FLOAT, (1, 1, side, side))},
        weights,
    )


def test_a_self_test_of_many_large_images_is_refused(tmp_path: Path) -> None:
    side, model = 300, sliced(8, 300)
    test = {
        "version": 1,
        "seeds": list(range(10)),
        "labels": None,
        "shape": [1, side, side],
        "sha256": "a" * 64,
        "png": base64.b64encode(encode_png(np.zeros((side, side * 10), np.uint8))).decode(),
    }
    helper.set_model_props(model, {SELF_TEST_KEY: json.dumps(test), CHECKSUM_KEY: BLANK})
    path = tmp_path / "x.onnx"
    path.write_bytes(add_checksum(model.SerializeToString()))
    with pytest.raises(BadInput, match="has more images than it should"):
        load_onnx(path, told=Told(value_range="-1,1")).verify()


@pytest.mark.parametrize("shape", [(1, 1, 0), (1, 1, 0, 4), (0, 1, 4)])
def test_an_operator_is_given_nothing_empty(shape: tuple[int, ...]) -> None:
    """onnxruntime 1.32 divides by the size in InstanceNormalization, and the process ends."""
    nodes = [
        helper.make_node("InstanceNormalization", ["empty", "one", "one"], ["nothing"]),
        *generators.linear().graph.node,
    ]
    model = generators.linear()
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    empty = helper.make_tensor("empty", TensorProto.FLOAT, shape, [])
    one = helper.make_tensor("one", TensorProto.FLOAT, (1,), [1.0])
    model.graph.initializer.extend([empty, one])
    with pytest.raises(BadInput, match="it takes an empty tensor"):
        parse_onnx(model.SerializeToString(), "x")


@pytest.mark.parametrize(
    "shape",
    [(), (1,), ("n",), (1, 1, 1), ("n", 3, 2, 2)],
)
def test_a_second_input_of_any_shape_is_told_apart(shape: tuple[int | str, ...]) -> None:
    model = generators.linear()
    model.graph.input.append(helper.make_tensor_value_info("tr", TensorProto.FLOAT, shape))
    with pytest.raises(GanctlError):
        parse_onnx(model.SerializeToString(), "x")


def slow(side: int) -> ModelProto:
    """Return a generator with one product that takes long, and hears nothing meanwhile."""
    nodes = [
        helper.make_node("Slice", ["z", "first", "end", "axis"], ["a"]),
        helper.make_node("Expand", ["a", "square"], ["m"]),
        helper.make_node("MatMul", ["m", "m"], ["product"]),
        helper.make_node("ReduceMean", ["product"], ["mean"], keepdims=1),
        helper.make_node("Tanh", ["mean"], ["t"]),
        helper.make_node("Reshape", ["t", "pixel"], ["image"]),
    ]
    weights = {
        "first": np.array([0]),
        "end": np.array([1]),
        "axis": np.array([1]),
        "square": np.array([side, side]),
        "pixel": np.array([1, 1, 1, 1]),
    }
    return generators.made(
        nodes,
        {"z": (TensorProto.FLOAT, (1, 8))},
        {"image": (TensorProto.FLOAT, (1, 1, 1, 1))},
        weights,
    )


def test_one_long_operator_is_given_up_when_its_time_is_over() -> None:
    generator = parse_onnx(
        slow(6_000).SerializeToString(), "x", threads=1, limits=Limits(seconds=0.2)
    )
    with pytest.raises(OutOfResources, match=r"has not drawn its batch after 0\.2 seconds"):
        generator(np.zeros((1, 8), np.float32))


def test_onnxruntime_prints_nothing_of_its_own(tmp_path: Path) -> None:
    """It warns of this Resize through its default logger, beside any session."""
    nodes = [
        *generators.linear().graph.node,
        helper.make_node(
            "Resize",
            ["image", "", "scales"],
            ["larger"],
            mode="linear",
            coordinate_transformation_mode="tf_half_pixel_for_nn",
        ),
    ]
    model = generators.linear()
    del model.graph.node[:], model.graph.output[:]
    model.graph.node.extend(nodes)
    model.graph.output.append(
        helper.make_tensor_value_info("larger", TensorProto.FLOAT, ("n", 1, 8, 12))
    )
    model.graph.initializer.append(
        helper.make_tensor("scales", TensorProto.FLOAT, (4,), [1, 1, 2, 2])
    )
    (tmp_path / "x.onnx").write_bytes(model.SerializeToString())
    command = [sys.executable, "-m", "ganctl", "infer", "x.onnx", "--value-range", "-1,1"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode, "onnxruntime" in ended.stderr) == (0, False), ended.stderr
