"""What each field of a model card may hold; a card comes from a file that anyone may have made."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from ganctl.text import is_plain

MAX_TEXT = 1000  # characters of a name or a note
MAX_SIZE = 65_536  # latent dimensions, classes, pixels a side
MAX_COUNT = 2**63 - 1  # images, epochs, steps
MAX_DEPTH = 32  # of JSON in JSON
MAX_INTEGER = 2**64  # in fields that are kept without being understood

_DIGEST = re.compile(r"([0-9a-f]{64})?")


class Rule(NamedTuple):
    """What a field's value, as JSON gives it, must be."""

    fits: Callable[[Any], bool]
    what: str  # "its NAME is not …"


def is_text(value: Any) -> bool:
    """Tell whether it is one line of text that can be shown."""
    return isinstance(value, str) and len(value) <= MAX_TEXT and is_plain(value)


def is_number(value: Any) -> bool:
    """Tell whether it is a finite number; JSON writes 1.0 as 1 where it likes."""
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def _is_whole(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _is_shape(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 3
        and all(_is_whole(size, 1, MAX_SIZE) for size in value)
        and value[0] in (1, 3)
    )


def _is_range(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(map(is_number, value))
        and bool(value[0] < value[1])
    )


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= MAX_SIZE and all(map(is_text, value))


def _are_shares(value: Any) -> bool:
    return isinstance(value, list) and (
        not value
        or all(is_number(share) and 0 <= share <= 1 for share in value)
        and abs(math.fsum(value) - 1) < 1e-6
    )


def _are_figures(value: Any) -> bool:
    return isinstance(value, dict) and all(
        is_text(name) and is_number(figure) for name, figure in value.items()
    )


def _whole(low: int, high: int) -> Rule:
    return Rule(lambda value: _is_whole(value, low, high), f"a whole number, {low:,} to {high:,}")


_TEXT = Rule(is_text, f"one line of text of up to {MAX_TEXT:,} characters")
_COUNT = _whole(0, MAX_COUNT)
_FIGURES = Rule(_are_figures, "an object of finite numbers")

RULES = {
    "name": _TEXT,
    "architecture": _TEXT,
    "latent_dim": _whole(1, MAX_SIZE),
    "image_shape": Rule(_is_shape, f"channels (1 or 3), height and width of up to {MAX_SIZE:,}"),
    "class_names": Rule(_are_names, f"a list of up to {MAX_SIZE:,} lines of text"),
    "data_name": _TEXT,
    "data_fingerprint": Rule(
        lambda value: isinstance(value, str) and bool(_DIGEST.fullmatch(value)), "a SHA-256 in hex"
    ),
    "data_count": _COUNT,
    "data_note": _TEXT,
    "weights": Rule(lambda value: value in ("ema", "live"), "ema or live"),
    "epochs": _COUNT,
    "steps": _COUNT,
    "config": Rule(lambda value: isinstance(value, dict), "an object"),
    "ganctl_version": _TEXT,
    "class_shares": Rule(_are_shares, "a share a class, adding up to 1"),
    "latent_distribution": _TEXT,
    "value_range": Rule(_is_range, "two finite numbers, the lower first"),
    "quality": _FIGURES,
    "parity": _FIGURES,
    "precision": _TEXT,
}
"""By the field's name, all but the version's."""


def is_kept(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Tell whether a value of any kind can be kept and written again as it is."""
    if isinstance(value, float):
        return math.isfinite(value)  # JSON has no other, though Python reads it
    if isinstance(value, int):
        return abs(value) < MAX_INTEGER
    if isinstance(value, (list, dict)):
        inner = value.values() if isinstance(value, dict) else value
        return depth > 0 and all(is_kept(each, depth - 1) for each in inner)
    return True
