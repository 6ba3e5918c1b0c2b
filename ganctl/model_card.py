"""The model card: what a generator is, where it came from and how well its export agrees.

``docs/card.schema.json`` describes its JSON for other programs.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ganctl.card_rules import MAX_COUNT, MAX_DEPTH, RULES, is_kept, is_text
from ganctl.errors import BadInput

CARD_KEY = "ganctl.model_card"
"""The card's key in the ONNX file's ``metadata_props``."""

CARD_VERSION = 1

MAX_JSON = 4_000_000
"""Characters of a card: 65,536 classes with names of 30 characters fit in."""


@dataclass(frozen=True)
class Card:
    """What travels with a generator, in the checkpoint and in the ONNX file."""

    name: str  # of the run
    architecture: str  # "mlp"
    latent_dim: int  # z ~ N(0, I) of so many dimensions
    image_shape: tuple[int, int, int]  # (C, H, W)
    class_names: tuple[str, ...]  # of the data; () when it has none
    data_name: str
    data_fingerprint: str  # SHA-256 of the training images as the network saw them
    data_count: int  # training images
    data_note: str  # what the user must know of the data, such as a fallback; or ""
    weights: str  # "ema" or "live"
    epochs: int  # finished
    steps: int
    config: dict[str, Any]  # TrainConfig as a dict
    ganctl_version: str
    class_shares: tuple[float, ...] = ()  # of the training data; (): unconditional
    latent_distribution: str = "standard normal"
    value_range: tuple[float, float] = (-1.0, 1.0)  # of the images' values
    quality: dict[str, float] = field(default_factory=dict)  # measured figures by their name
    parity: dict[str, float] = field(default_factory=dict)  # ONNX against torch
    precision: str = "fp32"  # of the weights as they are stored; the arithmetic is float32
    card_version: int = CARD_VERSION
    extra: Mapping[str, Any] = field(default_factory=dict)  # what a newer ganctl wrote besides

    def to_json(self) -> str:
        """Return the card as JSON with sorted keys: equal cards give equal bytes.

        What is in ``extra`` stands beside the fields, and never in the place of one.
        """
        values = {name: getattr(self, name) for name in FIELDS}
        return json.dumps({**self.extra, **values}, sort_keys=True, allow_nan=False)


FIELDS = {f.name: f for f in dataclasses.fields(Card) if f.name != "extra"}
"""The fields that the JSON has by their own names."""

REQUIRED = {
    name
    for name, f in FIELDS.items()
    if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
}
"""Those that every card has; older ones lack some of the others."""

_LISTS = ("image_shape", "class_names", "class_shares", "value_range")


def card_from_json(text: str) -> Card:
    """Read what `Card.to_json` wrote, here or in a newer ganctl.

    Raises:
        BadInput: it is not a card, a field holds what it cannot hold, or the version is another.
    """
    if len(text) > MAX_JSON:  # a few bytes of JSON make a hundred in memory
        raise _unreadable(f"it has {len(text):,} characters, more than {MAX_JSON:,}")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unreadable("it is not JSON") from error
    if not isinstance(values, dict):
        raise _unreadable("it is not an object")
    _check_version(values)
    for name in sorted(REQUIRED - values.keys()):
        raise _unreadable(f"its {name} is missing")
    for name, value in values.items():
        if name in RULES and not RULES[name].fits(value):
            raise _unreadable(f"its {name} is not {RULES[name].what}")
        if not is_text(name):
            raise _unreadable("the name of a field is not one line of text")
        if not is_kept(value):
            limit = f"or is nested more than {MAX_DEPTH} levels deep"
            raise _unreadable(f"its {name} holds a number that is too large, {limit}")
    if values.get("class_shares") and len(values["class_shares"]) != len(values["class_names"]):
        raise _unreadable("its class_shares are not as many as its class_names")
    known: dict[str, Any] = {
        name: tuple(value) if name in _LISTS else value
        for name, value in values.items()
        if name in FIELDS
    }
    extra = {name: value for name, value in values.items() if name not in FIELDS}
    return Card(**known, extra=extra)


def _check_version(values: Mapping[str, Any]) -> None:
    version = values.get("card_version")
    if type(version) is not int or not 1 <= version <= MAX_COUNT:
        raise _unreadable("its card_version is not a whole number from 1 on")
    if version != CARD_VERSION:
        raise BadInput(
            f"the model card has version {version}, not {CARD_VERSION}",
            "use the ganctl that wrote it",
        )


def _unreadable(reason: str) -> BadInput:
    return BadInput(f"the model card cannot be read: {reason}", "use a file that ganctl wrote")
