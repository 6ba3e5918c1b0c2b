"""Convert Python arguments to plain values; each function raises `InvalidOption` otherwise."""

from __future__ import annotations

import operator
import os
import sys
from collections.abc import Collection
from contextlib import suppress
from typing import SupportsFloat, SupportsIndex

from ganctl.errors import InvalidOption


def whole(name: str, value: object, low: int | None = None, high: int | None = None) -> int:
    """Return a whole number from ``low`` to ``high``, also of NumPy; truth values are refused."""
    if isinstance(value, SupportsIndex) and not isinstance(value, bool):
        with suppress(TypeError):  # an array has the method, and refuses
            number = operator.index(value)
            if (low is None or low <= number) and (high is None or number <= high):
                return number
    raise InvalidOption(name, value, f"a whole number{_between(low, high)}")


def real(name: str, value: object) -> float:
    """Return a number, also of NumPy; texts and truth values are refused."""
    if isinstance(value, SupportsFloat) and not _is_truth(value):
        with suppress(TypeError, ValueError, OverflowError):
            return float(value)
    raise InvalidOption(name, value, "a number")


def truth(name: str, value: object) -> bool:
    """Return True or False, also of NumPy."""
    if not _is_truth(value):
        raise InvalidOption(name, value, "True or False")
    return bool(value)


def text(name: str, value: object, allowed: str = "a text, or a path") -> str:
    """Return a text, or a path as one."""
    found = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(found, str):  # nor bytes
        raise InvalidOption(name, value, allowed)
    return found


def one_of(name: str, value: object, known: Collection[str]) -> str:
    """Return one of the texts ``known``."""
    if not isinstance(value, str) or value not in known:
        raise InvalidOption(name, value, " or ".join(map(repr, known)))
    return value


def _is_truth(value: object) -> bool:
    numpy = sys.modules.get("numpy")  # whoever has a value of NumPy's has imported it
    return isinstance(value, bool) or (numpy is not None and isinstance(value, numpy.bool_))


def _between(low: int | None, high: int | None) -> str:
    if low is None:
        return ""
    return f", {low:,} or more" if high is None else f", {low:,} to {high:,}"
