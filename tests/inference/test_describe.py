from __future__ import annotations

from pathlib import Path

import pytest

from ganctl.errors import BadInput
from ganctl.inference.describe import describe_onnx
from ganctl.inference.generator import load_onnx

from .test_generator import model


def test_an_exported_file_says_what_it_is(conditional: Path) -> None:
    found = describe_onnx(conditional / "asked.onnx")
    assert (found.latent_dim, found.image_shape) == (100, (1, 28, 28))
    assert found.card is not None and found.card == load_onnx(conditional / "asked.onnx").card


def test_a_file_without_a_card_has_its_shapes(tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(model())
    found = describe_onnx(path)
    assert (found.latent_dim, found.image_shape, found.card) == (4, (1, 2, 2), None)


def test_what_is_no_generator_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(model("Tanh"))
    with pytest.raises(BadInput, match="no generator"):
        describe_onnx(path)
