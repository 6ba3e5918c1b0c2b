"""Arguments as they are needed, or an error: the parameter, its value, and what it may be."""

from __future__ import annotations

import operator
import os
from collections.abc import Collection
from contextlib import suppress
from typing import SupportsFloat, SupportsIndex

import numpy as np

from ganctl.config import OutOfRange


def whole(name: str, value: object, low: int | None = None, high: int | None = None) -> int:
    """Return a whole number ``low`` … ``high``, NumPy's being some too, and truth values none.

    Raises:
        OutOfRange: it is none, or outside.
    """
    if isinstance(value, SupportsIndex) and not isinstance(value, bool):
        with suppress(TypeError):  # an array has the method, and refuses
            number = operator.index(value)
            if (low is None or low <= number) and (high is None or number <= high):
                return number
    raise OutOfRange(name, value, f"a whole number{_between(low, high)}")


def real(name: str, value: object) -> float:
    """Return a number, NumPy's being some too; texts and truth values are none.

    Raises:
        OutOfRange: it is none.
    """
    if isinstance(value, SupportsFloat) and not isinstance(value, bool | np.bool_):
        with suppress(TypeError, ValueError, OverflowError):
            return float(value)
    raise OutOfRange(name, value, "a number")


def truth(name: str, value: object) -> bool:
    """Return True or False, NumPy's being some too.

    Raises:
        OutOfRange: it is something else.
    """
    if not isinstance(value, bool | np.bool_):
        raise OutOfRange(name, value, "True or False")
    return bool(value)


def text(name: str, value: object, allowed: str = "a text, or a path") -> str:
    """Return a text, or a path as one.

    Raises:
        OutOfRange: it is something else.
    """
    found = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(found, str):  # nor bytes
        raise OutOfRange(name, value, allowed)
    return found


def one_of(name: str, value: object, known: Collection[str]) -> str:
    """Return one of the texts ``known``.

    Raises:
        OutOfRange: it is none of them.
    """
    if not isinstance(value, str) or value not in known:
        raise OutOfRange(name, value, " or ".join(map(repr, known)))
    return value


def _between(low: int | None, high: int | None) -> str:
    if low is None:
        return ""
    return f", {low:,} or more" if high is None else f", {low:,} to {high:,}"
