"""The shipped generators and their ONNX files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from ganctl.export.onnx import Exported, export_onnx
from ganctl.latents import latents
from ganctl.model_card import Card
from ganctl.models.networks import Generator
from ganctl.training.checkpoint import load_generator

CHECKPOINTS = Path(__file__).parents[2] / "checkpoints"


class Case(NamedTuple):
    """A trained generator and its float32 file."""

    generator: Generator
    card: Card
    exported: Exported

    def inputs(self, count: int) -> dict[str, NDArray[Any]]:
        """Return inputs for onnxruntime, each class in turn."""
        z = latents(9, 0, count, self.generator.latent_dim)
        classes = self.generator.classes
        return {"latents": z, **({"labels": np.arange(count) % classes} if classes else {})}


def _load(name: str) -> Case:
    generator, card = load_generator(CHECKPOINTS / f"{name}.safetensors")
    return Case(generator, card, export_onnx(generator, card))


@pytest.fixture(scope="session")
def mlp() -> Case:
    """The unconditional one."""
    return _load("mnist-mlp")


@pytest.fixture(scope="session")
def conv() -> Case:
    """The conditional one."""
    return _load("mnist-conv-conditional")


@pytest.fixture(params=["mlp", "conv"])
def case(request: pytest.FixtureRequest) -> Case:
    """Each of them."""
    case: Case = request.getfixturevalue(request.param)
    return case
