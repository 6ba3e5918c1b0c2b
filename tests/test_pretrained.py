"""The generators that come with the repository, in ``checkpoints/``."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from ganctl import pretrained
from ganctl.drawing import draw
from ganctl.evaluation.classifier import Classifier
from ganctl.inputs import seeded
from ganctl.pretrained import NAMES, PRETRAINED, place_of
from ganctl.training.checkpoint import as_function, load_generator

from .conftest import Ganctl

FOLDER = Path(__file__).parents[1] / "checkpoints"
COUNT = 500


@pytest.mark.parametrize(
    ("name", "conditional"), [("mnist-mlp", False), ("mnist-conv-conditional", True)]
)
def test_it_is_small_says_what_it_is_and_draws_digits(name: str, conditional: bool) -> None:
    path = FOLDER / f"{name}.safetensors"
    assert path.stat().st_size < 7_000_000
    generator, card = load_generator(path)
    assert (card.name, card.data_name, card.data_count, card.weights) == (
        name,
        "mnist",
        60_000,
        "ema",
    )
    assert card.quality["frechet_distance"] > 0
    inputs = seeded(1, generator.latent_dim, card.class_shares)
    batches = draw(as_function(generator), inputs, start=0, count=COUNT, batch_size=50)
    probabilities = Classifier(1)(np.concatenate(list(batches))).probabilities
    assert probabilities.max(axis=1).mean() > 0.93
    assert len(set(probabilities.argmax(axis=1))) == 10
    _, labels = inputs(0, COUNT)
    assert (labels is not None) is conditional
    if labels is not None:
        assert (probabilities.argmax(axis=1) == labels).mean() >= 0.98


def test_all_are_known_by_name_and_found_from_anywhere(
    ganctl: Ganctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {path.stem for path in FOLDER.glob("*.safetensors")} == {*NAMES}
    monkeypatch.chdir(tmp_path)
    outcome = ganctl("sample")
    assert outcome.code == 3 and "there is no run in checkpoints/" in outcome.err
    assert f"name the one in ganctl's clone: {FOLDER / PRETRAINED.name}\n" in outcome.err
    outcome = ganctl("export", "--checkpoint", "mnist-mlp")
    assert outcome.code == 3
    assert f"hint: it is in ganctl's clone: {FOLDER}/mnist-mlp.safetensors\n" in outcome.err
    monkeypatch.setattr(
        pretrained, "__file__", str(tmp_path / "site-packages/ganctl/pretrained.py")
    )
    assert place_of() == f"CLONE/{PRETRAINED}"


def test_without_a_run_it_is_drawn_from_and_exported(
    ganctl: Ganctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    PRETRAINED.parent.mkdir()
    shutil.copy(FOLDER / PRETRAINED.name, PRETRAINED)
    for command in (["sample", "--digit", 7, "out.png"], ["export", "gen.onnx"]):
        outcome = ganctl(*command)
        assert outcome.code == 0 and Path(str(command[-1])).exists()
        assert f"{PRETRAINED}, which comes with ganctl" in outcome.err
    assert ganctl("infer", "gen.onnx", "--digits", "42", "number.png").code == 0
