"""The part of onnx.proto that is read, as a table, and the message class that is made of it."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PROTO = {
    "Model": "ir_version 1 int64, producer_name 2 bytes, producer_version 3 bytes, "
    "domain 4 bytes, doc_string 6 bytes, graph 7 Graph, opset_import 8 Opset*, "
    "metadata_props 14 Entry*, training_info 20 bytes*, functions 25 Function*",
    "Function": "doc_string 8 bytes, node 7 Node*, attribute_proto 11 Attribute*, "
    "metadata_props 14 Entry*",
    "Graph": "node 1 Node*, name 2 bytes, initializer 5 Tensor*, doc_string 10 bytes, "
    "input 11 ValueInfo*, output 12 ValueInfo*, value_info 13 ValueInfo*, "
    "sparse_initializer 15 bytes*, metadata_props 16 Entry*",
    "Node": "input 1 bytes*, output 2 bytes*, name 3 bytes, op_type 4 bytes, "
    "attribute 5 Attribute*, doc_string 6 bytes, domain 7 bytes, metadata_props 9 Entry*",
    "Attribute": "name 1 bytes, f 2 float, i 3 int64, s 4 bytes, t 5 Tensor, g 6 Graph, "
    "floats 7 float*, ints 8 int64*, strings 9 bytes*, graphs 11 Graph*, doc_string 13 bytes, "
    "type 20 int32, ref_attr_name 21 bytes, sparse_tensor 22 bytes, sparse_tensors 23 bytes*",
    "Tensor": "dims 1 int64*, data_type 2 int32, segment 3 bytes, float_data 4 float*, "
    "int32_data 5 int32*, string_data 6 bytes*, int64_data 7 int64*, name 8 bytes, "
    "raw_data 9 bytes, double_data 10 double*, uint64_data 11 uint64*, doc_string 12 bytes, "
    "external_data 13 bytes*, data_location 14 int32, metadata_props 16 Entry*",
    "ValueInfo": "name 1 bytes, type 2 Type, doc_string 3 bytes, metadata_props 4 Entry*",
    "Type": "tensor_type 1 TensorType, denotation 6 bytes, sequence_type 4 bytes, "
    "map_type 5 bytes, opaque_type 7 bytes, sparse_tensor_type 8 bytes, optional_type 9 bytes",
    "TensorType": "elem_type 1 int32, shape 2 Shape",
    "Shape": "dim 1 Dimension*",
    "Dimension": "dim_value 1 int64, dim_param 2 bytes, denotation 3 bytes",
    "Opset": "domain 1 bytes, version 2 int64",
    "Entry": "key 1 bytes, value 2 bytes",
}
"""Message → its fields: name, number, type; * repeats.

Texts are bytes here, so that those which are not UTF-8 are an error of ours, and what is only ever
refused is bytes too.
"""


def _fields(message: str) -> Iterator[tuple[str, int, str]]:
    """Yield name, number and type of a message's fields in `PROTO`; the type with its *."""
    for field in PROTO[message].split(", "):
        name, number, kind = field.split()
        yield name, int(number), kind


@functools.cache
def kinds() -> dict[str, dict[int, str]]:
    """Return message → number of each field → its type, without its *."""
    return {
        message: {number: kind.removesuffix("*") for _, number, kind in _fields(message)}
        for message in PROTO
    }


@functools.cache
def message_class() -> Any:
    """Return the message class Model of `PROTO`, in a pool apart from the package onnx's."""
    file = descriptor_pb2.FileDescriptorProto(name="ganctl/onnx.proto", package="ganctl")
    descriptor = descriptor_pb2.FieldDescriptorProto
    for name in PROTO:
        message = file.message_type.add(name=name)
        for label, number, kind in _fields(name):
            repeated = (
                descriptor.LABEL_REPEATED if kind.endswith("*") else descriptor.LABEL_OPTIONAL
            )
            kind = kind.removesuffix("*")
            added = message.field.add(name=label, number=number, label=repeated)
            if kind in PROTO:
                added.type, added.type_name = descriptor.TYPE_MESSAGE, f".ganctl.{kind}"
            else:
                added.type = descriptor.Type.Value(f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("ganctl.Model"))
