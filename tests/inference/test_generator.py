from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from ganctl.card import CARD_KEY, Card
from ganctl.errors import BadInput
from ganctl.inference.generator import load_onnx, parse_onnx, providers


def model(
    op: str = "Reshape",
    input_name: str = "latents",
    output_name: str = "images",
    latent_dim: int | str = 4,
    channels: int = 1,
    batch: int | str = "n",
    labels: tuple[str, int] | None = None,
    card: Card | None = None,
) -> bytes:
    """Return a model that reshapes latents (N, 4) to images (N, 1, 2, 2), or varies in one way.

    Labels, of that name and type, are taken and left aside.
    """
    shape = helper.make_tensor("shape", TensorProto.INT64, [4], [-1, 1, 2, 2])
    inputs = [input_name, "shape"] if op == "Reshape" else [input_name]
    node = helper.make_node(op, inputs, [output_name])
    image: list[str | int | None] = ["n", channels, 2, 2] if op == "Reshape" else ["n", latent_dim]
    given = [helper.make_tensor_value_info(input_name, TensorProto.FLOAT, [batch, latent_dim])]
    if labels:
        given.append(helper.make_tensor_value_info(*labels, ["n"]))
    graph = helper.make_graph(
        [node],
        "g",
        given,
        [helper.make_tensor_value_info(output_name, TensorProto.FLOAT, image)],
        [shape] if op == "Reshape" else [],
    )
    opset = [helper.make_opsetid("", 20)]
    made = helper.make_model(graph, opset_imports=opset, ir_version=10)
    if card:
        helper.set_model_props(made, {CARD_KEY: card.to_json()})
    data: bytes = made.SerializeToString()
    return data


def test_everything_needed_is_read_from_the_file() -> None:
    generator = parse_onnx(model(), "x")
    assert (generator.latent_dim, generator.image_shape, generator.card) == (4, (1, 2, 2), None)
    z = np.arange(8, dtype=np.float32).reshape(2, 4)
    assert np.array_equal(generator(z), z.reshape(2, 1, 2, 2))


def test_an_exported_file_brings_its_card(trained: Path) -> None:
    card = load_onnx(trained / "small.onnx").card
    assert card is not None
    assert (card.name, card.latent_dim, card.image_shape) == ("small", 100, (1, 28, 28))
    assert card.parity["max_grey_levels"] <= 1


@pytest.mark.parametrize(
    "data",
    [
        model("Tanh"),
        model(input_name="z"),
        model(output_name="pictures"),
        model(latent_dim="dim"),
        model(batch=1),
        model(labels=("labels", TensorProto.INT32)),
        model(labels=("classes", TensorProto.INT64)),
    ],
)
def test_a_model_that_is_no_generator_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput, match="x is an ONNX file but no generator"):
        parse_onnx(data, "x")


def test_a_conditional_file_draws_what_it_is_asked_for(conditional: Path) -> None:
    generator = load_onnx(conditional / "asked.onnx", threads=1)
    assert len(generator.class_shares) == 10 and sum(generator.class_shares) == pytest.approx(1)
    z = np.ones((10, generator.latent_dim), np.float32)
    images = generator(z, np.arange(10))
    assert images.shape == (10, 1, 28, 28)
    assert all(not np.array_equal(images[0], image) for image in images[1:])
    assert np.array_equal(generator(z, np.arange(10)[::-1]), images[::-1])


LABELS = ("labels", TensorProto.INT64)


def test_labels_and_the_cards_classes_go_together(trained: Path) -> None:
    card = load_onnx(trained / "small.onnx").card
    assert card is not None
    classes = dataclasses.replace(card, class_names=("a", "b"), class_shares=(0.25, 0.75))
    assert parse_onnx(model(labels=LABELS, card=classes), "x").class_shares == (0.25, 0.75)
    assert parse_onnx(model(card=card), "x").class_shares == ()
    for without in (model(labels=LABELS), model(labels=LABELS, card=card)):
        with pytest.raises(BadInput, match="x takes labels, and no model card says"):
            parse_onnx(without, "x")
    with pytest.raises(BadInput, match="x takes no labels"):
        parse_onnx(model(card=classes), "x")


@pytest.mark.parametrize("data", [b"", b"not onnx", b"<html></html>", b"PK\3\4", model()[:-30]])
def test_what_is_no_onnx_file_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput, match="x is not an ONNX file"):
        parse_onnx(data, "x")


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_bring_anything_but_bad_input(data: bytes) -> None:
    with pytest.raises(BadInput):
        parse_onnx(data, "x")


def test_a_model_that_fails_to_run_is_named() -> None:
    generator = parse_onnx(model(latent_dim=3), "x")  # 3 values do not make a 2 × 2 image
    with pytest.raises(BadInput, match="the model fails to run"):
        generator(np.zeros((1, 3), np.float32))


def test_a_card_that_is_broken_is_refused() -> None:
    broken = onnx.load_model_from_string(model())
    helper.set_model_props(broken, {"ganctl.card": "{"})
    with pytest.raises(BadInput, match="model card"):
        parse_onnx(broken.SerializeToString(), "x")


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
    assert parse_onnx(model(), "x", provider="cpu").session.get_providers() == [offered["cpu"]]
    with pytest.raises(BadInput, match="no provider 'abacus', only cpu"):
        parse_onnx(model(), "x", provider="abacus")


def test_a_provider_that_does_not_start_is_no_silent_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = ["XnnpackExecutionProvider", "CPUExecutionProvider"]  # the first is not in our wheels
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: listed)
    assert list(providers()) == ["cpu", "xnnpack"]
    with pytest.warns(UserWarning, match="Xnnpack"), pytest.raises(BadInput) as caught:
        parse_onnx(model(), "x", provider="xnnpack")
    assert caught.value.message == "onnxruntime cannot start its provider 'xnnpack' here"
