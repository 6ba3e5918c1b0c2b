"""What an ONNX generator is, without drawing from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ganctl.card import Card
from ganctl.inference.generator import load_onnx


@dataclass(frozen=True)
class OnnxDescription:
    """What the file itself says; the card says where it came from."""

    latent_dim: int
    image_shape: tuple[int, int, int]  # (C, H, W)
    card: Card | None  # None: the file carries none


def describe_onnx(path: Path) -> OnnxDescription:
    """Return what the ONNX file ``path`` is.

    Raises:
        BadInput: as `ganctl.inference.generator.load_onnx`.
    """
    generator = load_onnx(path, threads=1)
    return OnnxDescription(generator.latent_dim, generator.image_shape, generator.card)
