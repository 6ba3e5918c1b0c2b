from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper, numpy_helper
from PIL import Image
from safetensors.numpy import save

from ganctl.errors import BadInput
from ganctl.inference.onnx_file import parse_model
from ganctl.inference.onnx_model import Model, Node, ValueInfo

from .models import info, model, node

WEIGHTS = np.arange(12, dtype=np.float32).reshape(4, 3)
SMALL = model(
    [node("Gemm", "z w -", "y", alpha=2.0), node("Tanh", "y", "images")],
    [info("z", ["batch", 4]), info("w", [4, 3])],
    [info("images", ["batch", None])],
    {"w": WEIGHTS},
    declared=[info("y", None)],
)


def changed(change: Callable[[ModelProto], Any]) -> bytes:
    """Return `SMALL` after a change."""
    made = onnx.load_model_from_string(SMALL)
    change(made)
    data: bytes = made.SerializeToString()
    return data


def tensor(**fields: Any) -> TensorProto:
    return TensorProto(**{"name": "t", "data_type": 1, "dims": [2], **fields})


def with_tensor(stored: TensorProto) -> bytes:
    return changed(lambda m: m.graph.initializer.append(stored))


def with_node(made: onnx.NodeProto) -> bytes:
    return changed(lambda m: m.graph.node.append(made))


def test_a_model_is_read_as_plain_data() -> None:
    def describe(made: ModelProto) -> None:
        made.producer_name, made.producer_version = "maker", "3"
        made.opset_import.append(helper.make_opsetid("com.example", 4))
        made.opset_import[0].domain = "ai.onnx"
        made.graph.node[0].domain = "ai.onnx"
        helper.set_model_props(made, {"clé": "valeur"})

    read = parse_model(changed(describe), "x")
    weights = read.initializers.pop("w")
    assert np.array_equal(weights.values, WEIGHTS) and weights.dims == (4, 3)
    assert read == Model(
        name="x",
        ir_version=10,
        opsets={"": 20, "com.example": 4},
        producer=("maker", "3"),
        metadata={"clé": ""},
        inputs=(ValueInfo("z", 1, ("batch", 4)),),
        outputs=(ValueInfo("images", 1, ("batch", None)),),
        declared=(ValueInfo("y", 1, None),),
        initializers={},
        nodes=(
            Node("Gemm", "", ("z", "w", ""), ("y",), {"alpha": 2.0}),
            Node("Tanh", "", ("y",), ("images",), {}),
        ),
    )


def test_attributes_of_each_kind_are_read() -> None:
    tensor = helper.make_tensor("t", TensorProto.INT64, [2], [3, -4])
    attributes = {"f": 0.5, "i": -3, "s": "é", "fs": [1.0, 2.5], "is": [1, -2], "ss": ["a", "b"]}
    made = node("Tanh", "y", "images", t=tensor, **attributes)
    data = changed(lambda m: m.graph.node[1].CopyFrom(made))
    read = parse_model(data, "x").nodes[1].attributes
    found = read.pop("t")
    assert np.array_equal(getattr(found, "values"), [3, -4])  # noqa: B009 - of one kind of several
    assert read == {
        **{"f": 0.5, "i": -3, "s": "é".encode(), "fs": (1.0, 2.5), "is": (1, -2)},
        "ss": (b"a", b"b"),
    }


NUMBERS = [0, 1, 2, 3, 100, 5]


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13])
@pytest.mark.parametrize("dims", [(2, 3), (6,), (1, 6, 1)])
@pytest.mark.parametrize("raw", [True, False])
def test_weights_of_each_type_are_read(kind: int, dims: tuple[int, ...], raw: bool) -> None:
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    signed = np.dtype(dtype).kind in "if"
    values = np.array([-2, *NUMBERS[1:]] if signed else NUMBERS).astype(dtype)
    stored = helper.make_tensor("t", kind, dims, values.tobytes() if raw else values, raw)
    read = parse_model(with_tensor(stored), "x").initializers["t"]
    assert read.values.dtype == dtype and np.array_equal(read.values, values.reshape(dims))


@pytest.mark.parametrize("kind", [16, 17, 21, 22])
def test_weights_that_numpy_has_no_type_for_are_counted(kind: int) -> None:
    size = {16: 10, 17: 5}.get(kind, 3)
    data = with_tensor(tensor(data_type=kind, dims=[5], raw_data=bytes(size)))
    with pytest.raises(BadInput, match="NumPy has no"):
        parse_model(data, "x").initializers["t"].values  # noqa: B018
    for wrong in (size - 1, size + 1):
        data = with_tensor(tensor(data_type=kind, dims=[5], raw_data=bytes(wrong)))
        with pytest.raises(BadInput, match=f"x is damaged: the tensor 't' has {wrong} bytes"):
            parse_model(data, "x")


def test_real_exports_are_read_whole(trained: Path, conditional: Path) -> None:
    for path in (trained / "small.onnx", conditional / "asked.onnx"):
        ours, theirs = parse_model(path.read_bytes(), str(path)), onnx.load(path)
        assert [n.op for n in ours.nodes] == [n.op_type for n in theirs.graph.node]
        assert list(ours.initializers) == [t.name for t in theirs.graph.initializer]
        for tensor in theirs.graph.initializer:
            stored = numpy_helper.to_array(tensor)
            assert np.array_equal(ours.initializers[tensor.name].values, stored)
        assert "ganctl.model_card" in ours.metadata and ours.producer[0] == "ganctl"


def packed(pack: str) -> bytes:
    file = io.BytesIO()
    if pack == "zip":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("a", "b")
    else:
        Image.new("L", (4, 4)).save(file, pack)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "it is empty"),
        (b"\n<!DOCTYPE html><html></html>", "it is a web page"),
        (b"<html>not found</html>", "it is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "it is a Git LFS pointer"),
        (packed("zip"), "it is a zip archive"),
        (gzip.compress(SMALL), "it is compressed with gzip"),
        *((packed(kind), "it is a picture") for kind in ("png", "jpeg", "gif", "bmp", "webp")),
        (save({"w": WEIGHTS}), "it is a safetensors file"),
        (b"not onnx", "it holds no graph"),
        (b"\x08\x0a", "it is damaged or cut short"),
        (SMALL[:-20], "it is damaged or cut short"),
    ],
)
def test_what_is_no_onnx_file_is_named(data: bytes, kind: str) -> None:
    with pytest.raises(BadInput, match=f"^x is not an ONNX file: {kind}") as caught:
        parse_model(data, "x")
    assert "ganctl export" in caught.value.hint


def test_a_file_cut_short_anywhere_is_refused() -> None:
    for length in range(len(SMALL)):
        with pytest.raises(
            BadInput, match=r"^x is not an ONNX file|^x does not say of which opset"
        ):
            parse_model(SMALL[:length], "x")


BRANCH = helper.make_graph([node("Tanh", "y", "b")], "b", [], [info("b", None)])
ELSEWHERE = tensor(data_location=1, external_data=[{"key": "location", "value": "/etc/passwd"}])
REMARK = tensor(raw_data=bytes(8), external_data=[{"key": "location", "value": "a"}])
SPARSE = onnx.SparseTensorProto(values=tensor(raw_data=bytes(8)), dims=[4])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (changed(lambda m: m.opset_import.pop()), "does not say of which opset"),
        (
            changed(lambda m: m.opset_import.add(domain="ai.onnx", version=9)),
            "has the opset '' twi",
        ),
        (with_tensor(ELSEWHERE), "stores its weights in another file"),
        (with_tensor(REMARK), "stores its weights in another file"),
        (with_node(node("Constant", "", "c", value=ELSEWHERE)), "stores its weights in another"),
        (changed(lambda m: m.graph.sparse_initializer.append(SPARSE)), "has sparse weights"),
        (with_node(node("Constant", "", "c", sparse_value=SPARSE)), "has sparse weights"),
        (changed(lambda m: m.functions.add(name="f", domain="d")), "has functions of its own"),
        (changed(lambda m: m.training_info.add()), "carries its training with it"),
        (with_node(node("If", "y", "c", then_branch=BRANCH)), "'If', which runs a graph"),
        (with_node(node("If", "y", "c", branches=[BRANCH])), "'If', which runs a graph"),
        (
            with_node(node("Tanh", "y", "c", t=[tensor(raw_data=bytes(8))])),
            "an attribute of 'Tanh'",
        ),
        (with_node(node("Tanh", "later", "c")), "is out of order: 'Tanh' takes 'later'"),
        (with_node(node("Tanh", "y", "y")), "gives the tensor 'y' twice"),
        (with_node(node("Tanh", "y", "w")), "gives the tensor 'w' twice"),
        (with_node(node("Tanh", "y", "")), "has an operator 'Tanh' that gives nothing"),
        (with_tensor(tensor(name="w", raw_data=bytes(8))), "has the tensor 'w' twice"),
        (changed(lambda m: m.graph.input.append(info("z", [1]))), "has the input 'z' twice"),
        (
            changed(lambda m: m.graph.output.append(info("no", [1]))),
            "output 'no' that nothing gives",
        ),
        (
            changed(lambda m: m.graph.input[1].CopyFrom(info("w", [9, 3]))),
            "another shape than decl",
        ),
        (
            changed(lambda m: m.graph.input[0].ClearField("type")),
            "'z' that is not declared to be a",
        ),
        (changed(lambda m: m.graph.input[0].CopyFrom(info("z", [-1]))), "declares a negative size"),
        (changed(lambda m: [m.metadata_props.add(key="k") for _ in "ab"]), "metadata 'k' twice"),
        (with_node(node("Tanh", "y", "c", alpha=1.0)).replace(b"alpha", b"alph\xff"), "not UTF-8"),
        (SMALL.replace(b"Tanh", b"Ta\xffh"), "is damaged: it has a name or a text that is not UTF"),
        (with_tensor(tensor(raw_data=bytes(7))), "'t' has 7 bytes, and its shape asks for 8"),
        (with_tensor(tensor(raw_data=bytes(9))), "'t' has 9 bytes"),
        (with_tensor(tensor(float_data=[1])), "'t' has 1 values, and its shape asks for 2"),
        (with_tensor(tensor(int64_data=[1, 2])), "'t' has 2 values"),
        (with_tensor(tensor(float_data=[1, 2], raw_data=bytes(8))), "'t' has 10 bytes"),
        (with_tensor(tensor()), "'t' has 0 values"),
        (with_tensor(tensor(dims=[-2], raw_data=bytes(8))), "'t' of an impossible shape"),
        (with_tensor(tensor(dims=[1] * 99, raw_data=bytes(4))), "'t' of an impossible shape"),
        (with_tensor(tensor(dims=[2**62, 2**62])), "'t' of a size that no machine holds"),
        (with_tensor(tensor(dims=[0, 2**62])), "'t' of a size that no machine holds"),
        (
            with_tensor(tensor(data_type=8, string_data=[b"", b""])),
            "'t' of a type that no generator",
        ),
        (with_tensor(tensor(data_type=99)), "'t' of a type that no generator"),
    ],
)
def test_each_flaw_is_named(data: bytes, reason: str) -> None:
    with pytest.raises(BadInput, match=f"^x .*{reason}"):
        parse_model(data, "x")


def test_names_cannot_write_on_the_terminal() -> None:
    with pytest.raises(BadInput) as caught:
        parse_model(with_node(node("\x1b[31m\n" + "a" * 999, "none", "c")), "x")
    assert caught.value.message.isprintable() and len(caught.value.message) < 200


def test_a_file_of_nothing_but_operators_is_refused_at_once() -> None:
    graph = b"\x0a\0" * 60_000  # each is an empty node
    with pytest.raises(BadInput, match="^x has 60000 operators"):
        parse_model(b"\x3a\xc0\xa9\x07" + graph + b"\x42\2\x10\x14", "x")


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_bring_nothing_but_bad_input(data: bytes) -> None:
    with pytest.raises(BadInput, match="^x "):
        parse_model(data, "x")
