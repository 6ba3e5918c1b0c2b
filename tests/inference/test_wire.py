from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganctl.errors import BadInput
from ganctl.inference.onnx_file import MAX_FIELDS, parse_model
from ganctl.inference.wire import Malformed, count_fields

KINDS = {"Outer": {1: "Inner", 2: "int64", 3: "bytes", 4: "float"}, "Inner": {1: "Inner"}}


def field(number: int, content: bytes) -> bytes:
    """Return a field that holds up to 127 bytes."""
    return bytes([number << 3 | 2, len(content)]) + content


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (b"", 0),
        (b"\x10\x07" * 3, 3),  # whole numbers
        (b"\x09" + bytes(8) + b"\x0d" + bytes(4), 2),  # eight and four bytes
        (field(3, b"\x10\x07" * 3), 1),  # what is in a text is no field
        (field(9, b"\x10\x07" * 3), 1 + 3),  # what is not known could be messages
        (field(2, bytes(120)), 1 + 1),  # numbers in a row
        (field(4, bytes(80)), 1),  # floats take what they took
        (field(1, field(1, field(1, b"")) * 2), 1 + 2 * 2),
    ],
)
def test_fields_are_counted_to_the_ground(data: bytes, count: int) -> None:
    assert count_fields(data, KINDS, "Outer", 100) == count


@pytest.mark.parametrize(
    "data",
    [
        b"\x10",
        b"\x80" * 11,
        b"\x10" + b"\xff" * 11,
        b"\x0b\x0c",  # a group
        b"\x0a\x05\x10\x07",  # longer than what is left
        b"\x09\x00",
    ],
)
def test_what_is_no_message_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        count_fields(data, KINDS, "Outer", 100)


@given(st.binary(max_size=100))
def test_any_bytes_are_counted_or_malformed(data: bytes) -> None:
    try:
        assert count_fields(data, KINDS, "Outer", 1000) >= bool(data)
    except Malformed:
        pass


def test_a_file_of_empty_parts_is_not_unfolded() -> None:
    """protobuf would make 150 MB of these six."""
    data = b"\x3a\xfe\xff\xff\x02" + b"\x0a\x00" * 3_145_727  # a graph of as many nodes
    tracemalloc.start()
    began = time.monotonic()
    with pytest.raises(BadInput, match=f"more than {MAX_FIELDS:,} parts"):
        parse_model(data, "x")
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    assert time.monotonic() - began < 30
