"""The model card: what a generator is, where it came from and how well its export agrees.

A card comes from a file that anyone may have made, so each field is checked. The card's JSON is
described for other programs in ``docs/card.schema.json``.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ganctl.errors import BadInput
from ganctl.text import is_plain

CARD_KEY = "ganctl.model_card"  # in the ONNX file's ``metadata_props``
CARD_VERSION = 1

MAX_JSON = 4_000_000  # characters of a card: 65,536 class names of 30 characters fit
MAX_TEXT = 1000  # characters of a name or a note
MAX_SIZE = 65_536  # latent dimensions, classes, pixels a side
MAX_COUNT = 2**63 - 1  # images, epochs, steps
MAX_DEPTH = 32  # of nested JSON
MAX_INTEGER = 2**64  # in fields that are preserved unread


def is_text(value: Any) -> bool:
    """Tell whether it is one line of text that can be shown."""
    return isinstance(value, str) and len(value) <= MAX_TEXT and is_plain(value)


def is_number(value: Any) -> bool:
    """Tell whether it is a finite number. JSON may write 1.0 as 1."""
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def is_kept(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Tell whether a JSON value of any kind can be preserved: written again as it was read."""
    if isinstance(value, float):
        return math.isfinite(value)  # Python's reader accepts NaN, which is not JSON
    if isinstance(value, int):
        return abs(value) < MAX_INTEGER
    if isinstance(value, (list, dict)):
        inner = value.values() if isinstance(value, dict) else value
        return depth > 0 and all(is_kept(each, depth - 1) for each in inner)
    return True


def _is_whole(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _is_list(value: Any, fits: Callable[[Any], bool], size: int | None = None) -> bool:
    return isinstance(value, list) and size in (None, len(value)) and all(map(fits, value))


def _is_valid(name: str, value: Any) -> bool:
    """Tell whether a field may have a JSON value."""
    match name:
        case "latent_dim":
            return _is_whole(value, 1, MAX_SIZE)
        case "image_shape":
            return _is_list(value, lambda n: _is_whole(n, 1, MAX_SIZE), 3) and value[0] in (1, 3)
        case "class_names":
            return _is_list(value, is_text) and len(value) <= MAX_SIZE
        case "class_shares":
            is_list = _is_list(value, lambda share: is_number(share) and 0 <= share <= 1)
            return is_list and (not value or abs(math.fsum(value) - 1) < 1e-6)
        case "data_fingerprint":
            return is_text(value) and re.fullmatch("([0-9a-f]{64})?", value) is not None
        case "data_count" | "epochs" | "steps":
            return _is_whole(value, 0, MAX_COUNT)
        case "weights":
            return value in ("ema", "live")
        case "config":
            return isinstance(value, dict)
        case "value_range":
            return _is_list(value, is_number, 2) and bool(value[0] < value[1])
        case "quality" | "parity":
            return (
                isinstance(value, dict)
                and all(map(is_text, value))
                and all(map(is_number, value.values()))
            )
        case "card_version":
            return _is_whole(value, 1, MAX_COUNT)
    return is_text(value)


@dataclass(frozen=True)
class Card:
    """The metadata of a generator, in the checkpoint and in the ONNX file."""

    name: str  # of the run
    architecture: str  # "mlp"
    latent_dim: int  # dimensions of z ~ N(0, I)
    image_shape: tuple[int, int, int]  # (C, H, W)
    class_names: tuple[str, ...]  # of the data; () when it has none
    data_name: str
    data_fingerprint: str  # SHA-256 of the training images as the network saw them
    data_count: int  # training images
    data_note: str  # about the data, such as a fallback; or ""
    weights: str  # "ema" or "live"
    epochs: int  # finished
    steps: int  # finished
    config: dict[str, Any]  # TrainConfig as a dict
    ganctl_version: str
    class_shares: tuple[float, ...] = ()  # frequencies in the training data; (): unconditional
    latent_distribution: str = "standard normal"
    value_range: tuple[float, float] = (-1.0, 1.0)  # of the images' values
    quality: dict[str, float] = field(default_factory=dict)  # metrics by name
    parity: dict[str, float] = field(default_factory=dict)  # ONNX against torch
    precision: str = "fp32"  # of the weights as they are stored; the arithmetic is float32
    card_version: int = CARD_VERSION
    extra: Mapping[str, Any] = field(default_factory=dict)  # unknown fields, which are preserved

    def to_json(self) -> str:
        """Return the card as JSON with sorted keys, so that equal cards give equal bytes."""
        values = {name: getattr(self, name) for name in FIELDS}
        return json.dumps({**self.extra, **values}, sort_keys=True, allow_nan=False)


# The fields of the JSON, and those that every card has; older cards may lack the others.
FIELDS = {f.name: f for f in dataclasses.fields(Card) if f.name != "extra"}
REQUIRED = {
    name
    for name, f in FIELDS.items()
    if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
}


def card_from_json(text: str) -> Card:
    """Read what `Card.to_json` wrote, here or in a newer ganctl.

    Raises:
        BadInput: it is not a card, a field has an invalid value, or the version is another.
    """
    if len(text) > MAX_JSON:  # before parsing: a few bytes of JSON take a hundred in memory
        raise _unreadable(f"it has {len(text):,} characters, more than {MAX_JSON:,}")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unreadable("it is not JSON") from error
    if not isinstance(values, dict):
        raise _unreadable("it is not an object")
    version = values.get("card_version")
    if not _is_valid("card_version", version):
        raise _unreadable("its card_version is not valid")
    if version != CARD_VERSION:
        raise BadInput(
            f"the model card has version {version}, not {CARD_VERSION}",
            "use the ganctl that wrote it",
        )
    for name in sorted(REQUIRED - values.keys()):
        raise _unreadable(f"its {name} is missing")
    known: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for name, value in values.items():
        if not is_text(name):
            raise _unreadable("the name of a field is not one line of text")
        if name in FIELDS and not _is_valid(name, value):
            raise _unreadable(f"its {name} is not valid")
        if not is_kept(value):
            limit = f"or is nested more than {MAX_DEPTH} levels deep"
            raise _unreadable(f"its {name} holds a number that is too large, {limit}")
        if name in FIELDS:
            known[name] = tuple(value) if isinstance(value, list) else value
        else:
            extra[name] = value
    if known.get("class_shares") and len(known["class_shares"]) != len(known["class_names"]):
        raise _unreadable("its class_shares are not as many as its class_names")
    return Card(**known, extra=extra)


def _unreadable(reason: str) -> BadInput:
    return BadInput(f"the model card cannot be read: {reason}", "use a file that ganctl wrote")
