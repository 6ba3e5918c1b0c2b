"""The generators that come with the repository: in its clone, and in no installed package."""

from __future__ import annotations

import os
from pathlib import Path

from ganctl.environment import DEFAULT_RUNS

PRETRAINED = DEFAULT_RUNS / "mnist-conv-conditional.safetensors"
"""What is drawn from where there is no run, if ganctl is started in its clone."""

NAMES = (PRETRAINED.stem, "mnist-mlp")
"""What they are called, without their ending."""


def place_of(name: str = PRETRAINED.stem) -> str:
    """Return a path to one of them: the file's where ganctl runs from its clone, else what it is.

    Args:
        name: of `NAMES`.
    """
    in_clone = DEFAULT_RUNS / f"{name}.safetensors"
    beside = Path(__file__).parents[1] / in_clone
    return str(beside) if os.path.isfile(beside) else f"CLONE/{in_clone}"


def introduce(found: Path) -> str:
    """Return how to tell the user which checkpoint was found for None."""
    if found == PRETRAINED:
        return f"{found}, which comes with ganctl: there is no run here yet"
    return str(found)
