"""An ONNX model as plain data: its operators, its weights and what it says of its values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganctl.errors import BadInput

MAX_RANK = 32  # of a tensor; NumPy 1 has no more
MAX_BYTES = 1 << 48  # of a tensor, whatever the limit: more than a processor can address

REMAKE = "write it anew: ganctl export gen.onnx, or with the tool that it came from"

NAME_ONE = "name an .onnx file: ganctl export gen.onnx writes one"


class NotOnnx(BadInput):
    """What is named is something else, not an ONNX file that is broken."""


class Element(NamedTuple):
    """A type of a tensor's elements."""

    name: str
    bits: int
    field: str  # of TensorProto, for the values that are not in raw_data
    dtype: str  # NumPy's; "": it has none


# By TensorProto.DataType. Texts and complex numbers are left out: no generator has them.
ELEMENTS = {
    1: Element("float32", 32, "float_data", "<f4"),
    2: Element("uint8", 8, "int32_data", "u1"),
    3: Element("int8", 8, "int32_data", "i1"),
    4: Element("uint16", 16, "int32_data", "<u2"),
    5: Element("int16", 16, "int32_data", "<i2"),
    6: Element("int32", 32, "int32_data", "<i4"),
    7: Element("int64", 64, "int64_data", "<i8"),
    9: Element("bool", 8, "int32_data", "?"),
    10: Element("float16", 16, "int32_data", "<f2"),
    11: Element("float64", 64, "double_data", "<f8"),
    12: Element("uint32", 32, "uint64_data", "<u4"),
    13: Element("uint64", 64, "uint64_data", "<u8"),
    16: Element("bfloat16", 16, "int32_data", ""),
    17: Element("float8e4m3fn", 8, "int32_data", ""),
    18: Element("float8e4m3fnuz", 8, "int32_data", ""),
    19: Element("float8e5m2", 8, "int32_data", ""),
    20: Element("float8e5m2fnuz", 8, "int32_data", ""),
    21: Element("uint4", 4, "int32_data", ""),
    22: Element("int4", 4, "int32_data", ""),
}
UINT8, INT64, BOOL, FLOAT, INT32 = 2, 7, 9, 1, 6


@dataclass(frozen=True)
class Tensor:
    """A tensor whose values are in the file, and as many as its dims say; unless ``elsewhere``."""

    name: str
    elem_type: int  # a key of ELEMENTS
    dims: tuple[int, ...]
    stored: bytes | Sequence[float]  # raw_data, or the typed field
    elsewhere: bool = False  # its values are in another file, and nothing is stored

    @property
    def values(self) -> NDArray[Any]:
        """Return the values in the shape ``dims``; they are read anew each time.

        Raises:
            BadInput: NumPy has no such type.
        """
        element = ELEMENTS[self.elem_type]
        if not element.dtype:
            raise BadInput(f"NumPy has no {element.name} for tensor {self.name!r}", REMAKE)
        dtype = np.dtype(element.dtype)
        if isinstance(self.stored, bytes):
            values = np.frombuffer(self.stored, dtype)
        elif dtype == np.float16:  # its bits are stored as whole numbers
            values = np.fromiter(self.stored, np.int64).astype(np.uint16).view(dtype)
        else:
            wide = {"int32_data": np.int64, "uint64_data": np.uint64}.get(element.field, dtype)
            values = np.fromiter(self.stored, wide)
        return values.astype(dtype, copy=False).reshape(self.dims)


Attribute = int | float | bytes | Tensor | tuple[int, ...] | tuple[float, ...] | tuple[bytes, ...]


@dataclass(frozen=True)
class ValueInfo:
    """What the file says of a value: a tensor of that type and shape."""

    name: str
    elem_type: int  # of ELEMENTS; or a type that no generator has
    shape: tuple[int | str | None, ...] | None  # a number, a name, or unknown; None: of any rank


@dataclass(frozen=True)
class Node:
    """One operator; the name "" stands for an optional input or output that is left out."""

    op: str
    domain: str  # "" is ONNX's own
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Attribute]


@dataclass(frozen=True)
class Model:
    """A model that is all in its file; each node comes after those that it takes from."""

    name: str  # of the file, for the errors
    ir_version: int
    opsets: dict[str, int]  # domain → version; "" is there
    producer: tuple[str, str]  # name, version
    metadata: dict[str, str]  # the texts of ganctl's own keys, which begin so; "" of all others
    inputs: tuple[ValueInfo, ...]  # without those that have an initializer
    outputs: tuple[ValueInfo, ...]
    declared: tuple[ValueInfo, ...]  # what the file says of values in between
    initializers: dict[str, Tensor]
    nodes: tuple[Node, ...]


def fits(shape: Sequence[int], declared: tuple[int | str | None, ...] | None) -> bool:
    """Return whether a tensor may have ``shape`` by what the file says of it."""
    return declared is None or (
        len(shape) == len(declared)
        and all(
            size == said
            for size, said in zip(shape, declared, strict=True)
            if isinstance(said, int)
        )
    )


def quote(text: str) -> str:
    """Return a name out of the file for an error's one line: escaped, and not without end."""
    return repr(text) if len(text) <= 60 else f"{text[:60]!r}…"
