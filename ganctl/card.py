"""The model card: what a generator is, where it came from and how well its export agrees."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from typing import Any

from ganctl.errors import BadInput

CARD_KEY = "ganctl.card"
"""The card's key in the ONNX file's ``metadata_props``."""

CARD_VERSION = 1


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

    def to_json(self) -> str:
        """Return the card as JSON with sorted keys: equal cards give equal bytes."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)


def card_from_json(text: str) -> Card:
    """Read what `Card.to_json` wrote.

    Raises:
        BadInput: it is not a card, or a newer ganctl wrote it.
    """
    try:
        values = json.loads(text)
        if values["card_version"] != CARD_VERSION:
            raise BadInput(
                f"the model card has version {values['card_version']}, not {CARD_VERSION}",
                "use the ganctl that wrote it",
            )
        values.setdefault("class_shares", [])  # older than conditional generators
        for name in ("image_shape", "class_names", "class_shares", "value_range"):
            values[name] = tuple(values[name])
        card = Card(**values)
        _check_classes(card.class_names, card.class_shares)
        return card
    except (ValueError, TypeError, KeyError) as error:
        raise BadInput(
            f"the model card cannot be read: {error}", "use a file that ganctl wrote"
        ) from error


def _check_classes(names: tuple[str, ...], shares: tuple[float, ...]) -> None:
    """Refuse shares that no class could be drawn by.

    Raises:
        ValueError, TypeError: they are not as many as the names, or no shares of a whole.
    """
    if shares and not (
        len(shares) == len(names)
        and all(share >= 0 for share in shares)
        and abs(math.fsum(shares) - 1) < 1e-6
    ):
        raise ValueError("its class_shares are not a share a class, adding up to 1")
