"""An ONNX file's bytes as a `Model`: read and checked before onnxruntime may see them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from google.protobuf.message import DecodeError

from ganctl.errors import BadInput
from ganctl.inference.onnx_model import (
    ELEMENTS,
    MAX_BYTES,
    MAX_RANK,
    NAME_ONE,
    REMAKE,
    Attribute,
    Model,
    Node,
    NotOnnx,
    Tensor,
    ValueInfo,
    fits,
    quote,
)
from ganctl.inference.proto import kinds, message_class
from ganctl.inference.wire import Malformed, count_fields

MAX_FIELDS = 500_000  # of the whole file: a second to count, 50 MB to hold
MAX_NODES = 50_000  # ten times what large generators have, and some seconds to look at
MAX_LISTED = 65_536  # values of an attribute
MAX_NAME = 65_536  # bytes
MAX_TEXT = 10_000_000  # bytes of what ganctl has written into the file's metadata

OURS = "ganctl"
"""What our keys in the metadata begin with."""

EXPORT = "make one of it: ganctl export gen.onnx --checkpoint FILE"
MERGE = "save it whole: import onnx; onnx.save(onnx.load('FILE'), 'whole.onnx')"


def if_trusted() -> str:
    """Return the way out for a file that does what is not allowed."""
    return "if you trust the file, add --allow-any-op"


_TYPED_FIELDS = sorted({element.field for element in ELEMENTS.values()} | {"string_data"})
_ATTRIBUTE_FIELDS = dict(
    enumerate(("f", "i", "s", "t", "g", "floats", "ints", "strings", "tensors", "graphs"), 1)
)
del _ATTRIBUTE_FIELDS[9]
_LISTS = ("floats", "ints", "strings")

IR_VERSION = b"\x08"
"""How a model begins: with this field, which all exporters write first."""


class _Flaw(ValueError):
    """Why a file is refused, to be said after its name; and the way out."""

    def __init__(self, reason: str, hint: str = REMAKE) -> None:
        super().__init__(reason)
        self.hint = hint


def parse_model(data: bytes, name: str, any_op: bool = False, any_place: bool = False) -> Model:
    """Read the model in ``data``, the bytes of an ONNX file; ``name`` is for the errors.

    Args:
        data: read to the end before anything is believed.
        name: of the file.
        any_op: whether operators may hold graphs, and the model functions; they are left out of
            what is returned, but what is refused elsewhere is refused in them too.
        any_place: whether weights may be in other files: to be described, never to be run.

    Raises:
        BadInput: they are no ONNX file, or a broken one, or one that keeps a part of itself
            elsewhere, or that has what no generator needs: sparse weights, functions, branches.
    """
    try:
        return _model(_decode(data, name), name, any_op, any_place)
    except _Flaw as flaw:
        raise BadInput(f"{name} {flaw}", flaw.hint.replace("FILE", name)) from None


def _model(message: Any, name: str, any_op: bool, any_place: bool) -> Model:
    for function in message.functions if any_op else ():
        _check_inner(function.node, ())
        for attribute in function.attribute_proto:
            _attribute(attribute, "function", any_op=True)
    if message.functions and not any_op:
        raise _Flaw("has functions of its own", if_trusted())
    if message.training_info:
        raise _Flaw("carries its training with it", "save it for inference")
    graph = message.graph
    if len(graph.node) > MAX_NODES:
        raise _Flaw(f"has {len(graph.node)} operators, more than any generator")
    if graph.sparse_initializer:
        raise _Flaw("has sparse weights", "store them as dense ones")
    _text(graph.name)
    weights = (_tensor(weight, any_place) for weight in graph.initializer)
    initializers = _unique(((weight.name, weight) for weight in weights), "tensor")
    inputs = tuple(map(_value_info, graph.input))
    for value in inputs:  # old files list the initializers here too
        if value.name in initializers and not fits(initializers[value.name].dims, value.shape):
            raise _Flaw(f"has an initializer {quote(value.name)} of another shape than declared")
    return _ordered(
        Model(
            name,
            message.ir_version,
            _unique(
                ((_domain(opset.domain), opset.version) for opset in message.opset_import),
                "opset",
            ),
            (_text(message.producer_name), _text(message.producer_version)),
            _unique(map(_entry, message.metadata_props), "metadata"),
            tuple(value for value in inputs if value.name not in initializers),
            tuple(map(_value_info, graph.output)),
            tuple(_value_info(value) for value in graph.value_info if value.HasField("type")),
            initializers,
            tuple(_node(node, any_op) for node in graph.node),
        )
    )


def _ordered(model: Model) -> Model:
    """Return ``model``, whose every value is given once, and before it is used."""
    _unique(((value.name, None) for value in model.inputs), "input")
    given = {value.name for value in model.inputs} | set(model.initializers)
    for node in model.nodes:
        for name in node.inputs:
            if name and name not in given:
                raise _Flaw(
                    f"is out of order: {quote(node.op)} takes {quote(name)}, "
                    "and nothing before it gives that"
                )
        for name in filter(None, node.outputs):
            if name in given:
                raise _Flaw(f"gives the tensor {quote(name)} twice")
            given.add(name)
    for value in model.outputs:
        if value.name not in given:
            raise _Flaw(f"has an output {quote(value.name)} that nothing gives")
    return model


def _node(message: Any, any_op: bool) -> Node:
    op = _text(message.op_type)
    _text(message.name)
    attributes = _unique(
        (
            (_text(attribute.name), _attribute(attribute, op, any_op))
            for attribute in message.attribute
        ),
        "attribute",
    )
    inputs, outputs = tuple(map(_text, message.input)), tuple(map(_text, message.output))
    if not any(outputs):
        raise _Flaw(f"has an operator {quote(op)} that gives nothing")
    return Node(op, _domain(message.domain), inputs, outputs, attributes)


def _check_inner(nodes: Iterable[Any], weights: Iterable[Any]) -> None:
    """Refuse in a graph within the graph what is refused in the graph, but for its operators."""
    for node in nodes:
        _node(node, any_op=True)
    for weight in weights:
        _tensor(weight)


def _attribute(message: Any, op: str, any_op: bool) -> Attribute:
    field = _ATTRIBUTE_FIELDS.get(message.type)
    said = {"name", "type", "doc_string"}
    held = {descriptor.name for descriptor, _ in message.ListFields()} - said
    if held & {"sparse_tensor", "sparse_tensors"}:
        raise _Flaw("has sparse weights", "store them as dense ones")
    if any_op and held == {"ref_attr_name"}:  # a function's, filled in where it is called
        return ()
    if field is None or held - {field}:  # readers could differ on which of several counts
        raise _Flaw(f"has an attribute of {quote(op)} of a type that no generator needs")
    value: Any = getattr(message, field)
    if field in ("g", "graphs"):
        if not any_op:
            raise _Flaw(
                f"has the operator {quote(op)}, which runs a graph of its own: no generator's",
                if_trusted(),
            )
        for graph in [value] if field == "g" else value:
            if graph.sparse_initializer:
                raise _Flaw("has sparse weights", "store them as dense ones")
            _check_inner(graph.node, graph.initializer)
        return ()
    if field == "t":
        return _tensor(value)
    if field in _LISTS and len(value) > MAX_LISTED:
        raise _Flaw(f"has an attribute of {quote(op)} with {len(value):,} values")
    listed: Attribute = tuple(value) if field in _LISTS else value
    return listed


def _tensor(message: Any, any_place: bool = False) -> Tensor:
    name, dims = _text(message.name), tuple(message.dims)
    elsewhere = bool(message.data_location or message.external_data)
    if elsewhere and not any_place:
        raise _Flaw("stores its weights in another file", MERGE)
    element = ELEMENTS.get(message.data_type)
    if element is None or message.HasField("segment"):
        raise _Flaw(f"has a tensor {quote(name)} of a type that no generator needs")
    if len(dims) > MAX_RANK or min(dims, default=0) < 0:
        raise _Flaw(f"has a tensor {quote(name)} of an impossible shape")
    if math.prod(max(size, 1) for size in dims) * element.bits > 8 * MAX_BYTES:
        raise _Flaw(f"has a tensor {quote(name)} of a size that no machine holds")
    if elsewhere:
        return Tensor(name, message.data_type, dims, b"", elsewhere)
    count = math.prod(dims)
    raw: bytes = message.raw_data
    present = {field: len(getattr(message, field)) for field in _TYPED_FIELDS}
    if raw:
        expected, unit = {"raw_data": -(-count * element.bits // 8)}, "bytes"
        present["raw_data"] = len(raw)
    else:  # two values of 4 bits go into one
        expected, unit = {element.field: -(-count * min(element.bits, 8) // 8)}, "values"
    if {field: number for field, number in present.items() if number} != {
        field: number for field, number in expected.items() if number
    }:
        raise _Flaw(
            f"is damaged: the tensor {quote(name)} has {sum(present.values())} {unit}, "
            f"and its shape asks for {sum(expected.values())}"
        )
    return Tensor(name, message.data_type, dims, raw or getattr(message, element.field))


def _value_info(message: Any) -> ValueInfo:
    name, kind = _text(message.name), message.type
    if not kind.HasField("tensor_type") or len(kind.ListFields()) > 1:
        raise _Flaw(f"has a value {quote(name)} that is not declared to be a tensor")
    tensor = kind.tensor_type
    shape = tuple(map(_size, tensor.shape.dim)) if tensor.HasField("shape") else None
    return ValueInfo(name, tensor.elem_type, shape)


def _size(message: Any) -> int | str | None:
    if message.HasField("dim_param"):
        return _text(message.dim_param) or None
    if not message.HasField("dim_value"):
        return None
    size: int = message.dim_value
    if size < 0:
        raise _Flaw("declares a negative size")
    return size


def _unique(pairs: Iterable[tuple[str, Any]], what: str) -> dict[str, Any]:
    """Return ``pairs`` as a dict; with one twice, readers could differ on which of them counts."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Flaw(f"has the {what} {quote(key)} twice")
        found[key] = value
    return found


def _domain(raw: bytes) -> str:
    domain = _text(raw)
    return "" if domain == "ai.onnx" else domain


def _entry(message: Any) -> tuple[str, str]:
    key = _text(message.key)
    return key, _text(message.value, MAX_TEXT) if key.startswith(OURS) else ""


def _text(raw: bytes, most: int = MAX_NAME) -> str:
    if len(raw) > most:
        raise _Flaw(f"has a name or a text of {len(raw):,} bytes")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise _Flaw("is damaged: it has a name or a text that is not UTF-8") from None


def _decode(data: bytes, name: str) -> Any:
    """Return ``data`` as the message Model, with a graph and an opset of ONNX."""
    try:
        if count_fields(data, kinds(), "Model", MAX_FIELDS) > MAX_FIELDS:
            raise _Flaw(f"has more than {MAX_FIELDS:,} parts, more than any generator")
        message = message_class().FromString(data)
    except (DecodeError, Malformed):
        message = None
    if message is not None and message.HasField("graph") and message.graph.node:
        if all(_domain(opset.domain) for opset in message.opset_import):
            raise _Flaw("does not say of which opset it is, or is cut short")
        return message
    kind = _kind(data)
    if "safetensors" not in kind and not data.startswith(IR_VERSION) and not name.endswith(".onnx"):
        raise NotOnnx(f"{name} is not an ONNX file: {kind}", NAME_ONE)
    way_out = EXPORT if "safetensors" in kind else REMAKE
    raise _Flaw(f"is not an ONNX file: {kind}", way_out)


def _kind(data: bytes) -> str:
    """Return in words what ``data``, no ONNX file, is."""
    start = data[:512].lstrip().lower()
    if not data:
        return "it is empty"
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<script")):
        return "it is a web page"
    if start.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer, and the file itself was not fetched"
    if data.startswith(b"PK\3\4"):
        return "it is a zip archive, as torch's checkpoints are"
    if data.startswith(b"\x1f\x8b"):
        return "it is compressed with gzip"
    if data.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM")) or (
        data.startswith(b"RIFF") and data[8:12] == b"WEBP"
    ):
        return "it is a picture"
    if data[8:9] == b"{" and int.from_bytes(data[:8], "little") < len(data):
        return "it is a safetensors file, such as a checkpoint"
    if data.startswith(IR_VERSION):
        return "it is damaged or cut short"
    return "it holds no graph"
