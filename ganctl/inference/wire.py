"""How much protobuf would make of bytes, told before it makes anything: its messages cost most.

A message of two bytes takes some fifty in memory, so that a file could grow to thirty times its
size before anything else about it is known. See protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Mapping

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5

Kinds = Mapping[str, Mapping[int, str]]
"""Message → field number → the message in it, or the type of its numbers."""

GROWING = ("int32", "int64", "uint64")
"""Types of numbers that take more in memory than packed in a row: up to eight times."""

PACKED = 64
"""Bytes of them that count as a field: they take up to half a kilobyte, ten small messages."""


SMALLEST = 2
"""Bytes of a message within a message."""


class Malformed(ValueError):
    """The bytes are not protobuf's."""


def count_fields(data: bytes, kinds: Kinds, message: str, most: int) -> int:
    """Return how many fields ``message`` has in ``data``, and the messages in it, and so on.

    Args:
        data: its bytes.
        kinds: what is in it; other fields could hold messages of two bytes each, and count so.
        message: a key of ``kinds``.
        most: counting ends soon above it.

    Raises:
        Malformed: they are no message.
    """
    count, at, end = 0, 0, len(data)
    outer: list[tuple[int, str]] = []  # where the messages around this one end, and what they are
    while True:
        while at < end:
            count += 1
            if count > most:
                return count
            tag, at = _varint(data, at)
            wire = tag & 7
            if wire == VARINT:
                _, at = _varint(data, at)
            elif wire == DELIMITED:
                size, at = _varint(data, at)
                kind = kinds[message].get(tag >> 3)
                if kind in kinds and at + size <= end:
                    outer.append((end, message))
                    end, message = at + size, str(kind)
                    continue
                if kind is None:
                    count += size // SMALLEST
                elif kind in GROWING:
                    count += size // PACKED
                at += size
            elif wire in (FIXED32, FIXED64):
                at += 4 if wire == FIXED32 else 8
            else:
                raise Malformed("a group, which no file has had for long")
        if at > end:
            raise Malformed("a field ends behind its message")
        if not outer:
            return count
        end, message = outer.pop()


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at ``at``, and where what follows begins."""
    number = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Malformed("a number without an end")
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7
