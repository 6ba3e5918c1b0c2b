"""Arguments as they are needed, or an error: the parameter, its value, and what it may be."""

from __future__ import annotations

import operator
import os
import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import fields
from typing import Any, SupportsFloat, SupportsIndex

from ganctl.errors import InvalidOption


def whole(name: str, value: object, low: int | None = None, high: int | None = None) -> int:
    """Return a whole number ``low`` … ``high``, NumPy's being some too, and truth values none.

    Raises:
        InvalidOption: it is none, or outside.
    """
    if isinstance(value, SupportsIndex) and not isinstance(value, bool):
        with suppress(TypeError):  # an array has the method, and refuses
            number = operator.index(value)
            if (low is None or low <= number) and (high is None or number <= high):
                return number
    raise InvalidOption(name, value, f"a whole number{_between(low, high)}")


def real(name: str, value: object) -> float:
    """Return a number, NumPy's being some too; texts and truth values are none.

    Raises:
        InvalidOption: it is none.
    """
    if isinstance(value, SupportsFloat) and not _is_truth(value):
        with suppress(TypeError, ValueError, OverflowError):
            return float(value)
    raise InvalidOption(name, value, "a number")


def truth(name: str, value: object) -> bool:
    """Return True or False, NumPy's being some too.

    Raises:
        InvalidOption: it is something else.
    """
    if not _is_truth(value):
        raise InvalidOption(name, value, "True or False")
    return bool(value)


def text(name: str, value: object, allowed: str = "a text, or a path") -> str:
    """Return a text, or a path as one.

    Raises:
        InvalidOption: it is something else.
    """
    found = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(found, str):  # nor bytes
        raise InvalidOption(name, value, allowed)
    return found


def one_of(name: str, value: object, known: Collection[str]) -> str:
    """Return one of the texts ``known``.

    Raises:
        InvalidOption: it is none of them.
    """
    if not isinstance(value, str) or value not in known:
        raise InvalidOption(name, value, " or ".join(map(repr, known)))
    return value


PLAIN: Mapping[str, Callable[[str, object], Any]] = {
    "int": whole,
    "float": real,
    "bool": truth,
    "str": text,
}


def make_plain(config: Any) -> None:
    """Make each number, truth value and text in a dataclass plain, so that it can be saved.

    Raises:
        InvalidOption: a field has a value of another type.
    """
    for each in fields(config):
        if plain := PLAIN.get(str(each.type)):
            value = plain(each.name, getattr(config, each.name))
            object.__setattr__(config, each.name, value)  # it may be frozen


def _is_truth(value: object) -> bool:
    numpy = sys.modules.get("numpy")  # whoever has a value of NumPy's has imported it
    return isinstance(value, bool) or (numpy is not None and isinstance(value, numpy.bool_))


def _between(low: int | None, high: int | None) -> str:
    if low is None:
        return ""
    return f", {low:,} or more" if high is None else f", {low:,} to {high:,}"
