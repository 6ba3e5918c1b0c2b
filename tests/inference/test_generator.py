from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper

from ganctl.checksums import BLANK
from ganctl.errors import BadInput, CheckFailed
from ganctl.inference.checksum import CHECKSUM_KEY, add_checksum
from ganctl.inference.generator import load_onnx, parse_onnx
from ganctl.inference.session import Limits, providers
from ganctl.model_card import CARD_KEY, Card

from . import generators


def sealed(model: onnx.ModelProto, card: Card | None = None, **texts: str) -> bytes:
    """Return ``model`` as ganctl would write it: with a card, and a digest of all of it."""
    cards = {CARD_KEY: card.to_json()} if card else {}
    copy = onnx.load_model_from_string(model.SerializeToString())
    helper.set_model_props(copy, cards | texts | {CHECKSUM_KEY: BLANK})
    return add_checksum(copy.SerializeToString())


PLAIN = generators.linear(latents="latents")


def test_everything_needed_is_read_from_the_file() -> None:
    generator = parse_onnx(PLAIN.SerializeToString(), "x")
    assert (generator.latent_dim, generator.image_shape, generator.card) == (5, (1, 4, 6), None)
    assert generator(np.zeros((2, 5), np.float32)).shape == (2, 1, 4, 6)
    assert not generator.sealed


def test_an_exported_file_brings_its_card(trained: Path) -> None:
    card = load_onnx(trained / "small.onnx").card
    assert card is not None
    assert (card.name, card.latent_dim, card.image_shape) == ("small", 100, (1, 28, 28))
    assert card.parity["max_grey_levels"] <= 1


def test_a_conditional_file_draws_what_it_is_asked_for(conditional: Path) -> None:
    generator = load_onnx(conditional / "asked.onnx", threads=1)
    assert len(generator.class_shares) == 10 and sum(generator.class_shares) == pytest.approx(1)
    z = np.ones((10, generator.latent_dim), np.float32)
    images = generator(z, np.arange(10))
    assert images.shape == (10, 1, 28, 28)
    assert all(not np.array_equal(images[0], image) for image in images[1:])
    assert np.array_equal(generator(z, np.arange(10)[::-1]), images[::-1])


@pytest.fixture(scope="module")
def card(trained: Path) -> Card:
    """That of a small export, as if of the generators that are made here."""
    card = load_onnx(trained / "small.onnx").card
    assert card is not None
    return dataclasses.replace(card, latent_dim=5, image_shape=(1, 4, 6))


NAMES = {"class_names": tuple("abcd"), "class_shares": (0.1, 0.2, 0.3, 0.4)}


def test_the_card_is_that_of_the_graph(card: Card) -> None:
    asked = generators.asked("int64", "latents", "labels")
    generator = parse_onnx(sealed(asked, dataclasses.replace(card, **NAMES)), "x")  # type: ignore[arg-type]
    assert (generator.class_names, generator.class_shares) == tuple(NAMES.values())
    assert (generator.sealed, generator.guesses) == (True, ())
    assert parse_onnx(sealed(PLAIN, card), "x").class_shares == ()
    with pytest.raises(BadInput, match="x takes classes, and its model card has none"):
        parse_onnx(sealed(asked, card), "x")
    with pytest.raises(BadInput, match="x takes no classes, and its model card has some"):
        parse_onnx(sealed(PLAIN, dataclasses.replace(card, **NAMES)), "x")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="its model card says"):
        parse_onnx(sealed(PLAIN, dataclasses.replace(card, latent_dim=6)), "x")


@pytest.mark.parametrize(
    "data", [b"", b"not onnx", b"<html></html>", b"PK\3\4", PLAIN.SerializeToString()[:-30]]
)
def test_what_is_no_onnx_file_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput, match="x is not an ONNX file"):
        parse_onnx(data, "x")


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_bring_anything_but_bad_input(data: bytes) -> None:
    with pytest.raises(BadInput):
        parse_onnx(data, "x")


def test_a_model_that_fails_to_run_is_named() -> None:
    model = generators.linear()
    shape = next(each for each in model.graph.initializer if each.name == "shape")
    shape.CopyFrom(onnx.numpy_helper.from_array(np.array([1, 1, 4, 6]), "shape"))
    with pytest.raises(BadInput, match="x fails to run: .*cannot be reshaped"):
        parse_onnx(model.SerializeToString(), "x", limits=Limits(any_op=True))


def test_a_class_that_it_does_not_have_is_refused() -> None:
    generator = parse_onnx(generators.asked("int64").SerializeToString(), "x")
    with pytest.raises(BadInput, match="x has only 4 classes"):
        generator(np.zeros((1, 5), np.float32), np.array([99]))


def test_a_card_that_is_broken_is_refused() -> None:
    with pytest.raises(BadInput, match="model card"):
        parse_onnx(sealed(PLAIN, None, **{CARD_KEY: "{"}), "x")


def test_more_than_a_batch_is_drawn_in_turns(trained: Path) -> None:
    z = np.random.default_rng(0).standard_normal((70, 100), np.float32)
    data = (trained / "small.onnx").read_bytes()
    whole = parse_onnx(data, "x", batch_size=70)(z)
    assert np.abs(parse_onnx(data, "x", batch_size=32)(z) - whole).max() < 1e-6


def test_a_file_without_a_self_test_cannot_be_verified() -> None:
    with pytest.raises(BadInput, match="x brings no self-test"):
        parse_onnx(PLAIN.SerializeToString(), "x").verify()


def test_an_exported_file_draws_what_it_drew(trained: Path, conditional: Path) -> None:
    for path in (trained / "small.onnx", conditional / "asked.onnx"):
        verdict = load_onnx(path).verify()
        assert (verdict.images, verdict.pixels_off) == (10, 0)


def test_a_self_test_of_another_generator_fails(trained: Path) -> None:
    """The seal is right, the weights are not those that were tested."""
    changed = onnx.load(trained / "small.onnx")
    texts = {entry.key: entry.value for entry in changed.metadata_props}
    bias = max(changed.graph.initializer, key=lambda tensor: "bias" in tensor.name)
    values = onnx.numpy_helper.to_array(bias) + np.float32(0.1)
    bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
    del texts[CHECKSUM_KEY]
    generator = parse_onnx(sealed(changed, None, **texts), "x")
    with pytest.raises(CheckFailed, match="x does not draw what it drew when it was made"):
        generator.verify()


def test_places_that_hold_no_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        load_onnx(tmp_path / "none.onnx")
    with pytest.raises(BadInput, match="not a file"):
        load_onnx(tmp_path)


def test_images_depend_on_neither_batch_nor_threads(trained: Path) -> None:
    z = np.random.default_rng(0).standard_normal((130, 100), np.float32)
    whole = load_onnx(trained / "small.onnx", threads=1)(z)
    two = load_onnx(trained / "small.onnx", threads=2)
    for size in (1, 2, 3, 64):
        parts = [two(z[first : first + size]) for first in range(0, 130, size)]
        assert np.abs(np.concatenate(parts) - whole).max() < 1e-6


def test_what_onnxruntime_has_is_offered_and_the_rest_refused() -> None:
    offered = providers()
    assert next(iter(offered)) == "cpu" and "azure" not in offered
    assert parse_onnx(PLAIN.SerializeToString(), "x", provider="cpu").session.get_providers() == [
        offered["cpu"]
    ]
    with pytest.raises(BadInput, match="no provider 'abacus', only cpu"):
        parse_onnx(PLAIN.SerializeToString(), "x", provider="abacus")


def test_a_provider_that_does_not_start_is_no_silent_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = ["XnnpackExecutionProvider", "CPUExecutionProvider"]  # the first is not in our wheels
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: listed)
    assert list(providers()) == ["cpu", "xnnpack"]
    with pytest.warns(UserWarning, match="Xnnpack"), pytest.raises(BadInput) as caught:
        parse_onnx(PLAIN.SerializeToString(), "x", provider="xnnpack")
    assert caught.value.message == "onnxruntime cannot start its provider 'xnnpack' here"
