from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from ganctl.card import CARD_KEY, Card, card_from_json
from ganctl.config import ModelConfig
from ganctl.errors import CheckFailed
from ganctl.images import to_uint8
from ganctl.latents import latents
from ganctl.training.export import Exported, export_onnx, measure_parity
from ganctl.training.generate import as_function, load_generator
from ganctl.training.networks import Generator, seeded_networks


@pytest.fixture(scope="module")
def generator_and_card(trained: Path) -> tuple[Generator, Card]:
    return load_generator(trained / "checkpoints" / "small" / "last.safetensors")


@pytest.fixture(scope="module")
def exported(generator_and_card: tuple[Generator, Card]) -> Exported:
    return export_onnx(*generator_and_card)


def test_the_file_is_as_the_design_says(exported: Exported) -> None:
    model = onnx.load_model_from_string(exported.data)
    onnx.checker.check_model(model, full_check=True)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 20)]
    assert {node.op_type for node in model.graph.node} == {"Gemm", "LeakyRelu", "Tanh", "Reshape"}
    assert all(tensor.data_location == 0 for tensor in model.graph.initializer)  # none external
    session = ort.InferenceSession(exported.data)
    (given,), (drawn,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape) == ("latents", "tensor(float)", ["batch", 100])
    assert (drawn.name, drawn.type, drawn.shape) == (
        "images",
        "tensor(float)",
        ["batch", 1, 28, 28],
    )
    properties = {entry.key: entry.value for entry in model.metadata_props}
    assert card_from_json(properties[CARD_KEY]) == exported.card


def test_no_path_of_this_machine_is_inside(exported: Exported, small_data: Path) -> None:
    for path in (Path(torch.__file__).parent, Path(__file__).parents[2], small_data.parent):
        assert str(path).encode() not in exported.data
    assert b".py" not in exported.data
    assert b"stack_trace" not in exported.data


def test_exported_twice_it_is_the_same_to_the_byte(
    exported: Exported, generator_and_card: tuple[Generator, Card]
) -> None:
    assert export_onnx(*generator_and_card).data == exported.data


def test_it_draws_what_torch_draws(
    exported: Exported, generator_and_card: tuple[Generator, Card]
) -> None:
    z = latents(123, 0, 500, 100)
    expected = as_function(generator_and_card[0])(z, None)
    drawn = ort.InferenceSession(exported.data).run(["images"], {"latents": z})[0]
    assert np.abs(drawn - expected).max() <= 1e-5
    assert np.abs(to_uint8(drawn).astype(int) - to_uint8(expected)).max() <= 1
    assert exported.parity.pixels == (1 + 2 + 257) * 784
    assert exported.parity.max_difference <= 1e-5


@pytest.mark.parametrize("size", [16, 29])
def test_a_conv_generator_passes_the_same_check(
    size: int, generator_and_card: tuple[Generator, Card]
) -> None:
    generator, _ = seeded_networks(ModelConfig(arch="conv", img_size=size, channels=3), seed=1)
    generator.train()(torch.randn(64, 100))  # gives BatchNorm statistics that do something
    exported = export_onnx(generator.eval(), generator_and_card[1])
    assert exported.parity.max_difference <= 1e-5
    operators = {node.op_type for node in onnx.load_model_from_string(exported.data).graph.node}
    assert "ConvTranspose" in operators


@pytest.mark.parametrize("opset", [18, 20, 23])
@pytest.mark.parametrize("arch", ["mlp", "conv"])
def test_a_conditional_generator_passes_with_every_class(
    arch: str, opset: int, generator_and_card: tuple[Generator, Card]
) -> None:
    generator, _ = seeded_networks(ModelConfig(arch=arch, classes=10), seed=1)
    generator.train()(torch.randn(64, 100), torch.arange(64) % 10)
    card = dataclasses.replace(generator_and_card[1], class_shares=(0.1,) * 10)
    exported = export_onnx(generator.eval(), card, opset)
    model = onnx.load_model_from_string(exported.data)
    onnx.checker.check_model(model, full_check=True)
    assert {(entry.domain, entry.version) for entry in model.opset_import} == {("", opset)}
    assert {node.domain for node in model.graph.node} == {""}
    session = ort.InferenceSession(exported.data)
    latent, labels = session.get_inputs()
    assert (labels.name, labels.type, labels.shape) == ("labels", "tensor(int64)", ["batch"])
    assert latent.shape == ["batch", 100]
    z, classes = latents(5, 0, 30, 100), np.arange(30) % 10
    (drawn,) = session.run(["images"], {"latents": z, "labels": classes})
    assert np.abs(drawn - as_function(generator)(z, classes)).max() <= 1e-5


def test_classes_beyond_the_largest_batch_are_compared_too(
    generator_and_card: tuple[Generator, Card],
) -> None:
    count = 400
    generator, _ = seeded_networks(ModelConfig(classes=count, img_size=4, latent_dim=3), seed=1)
    card = dataclasses.replace(
        generator_and_card[1],
        class_names=tuple(map(str, range(count))),
        class_shares=(1 / count,) * count,
    )
    exported = export_onnx(generator.eval(), card)
    assert exported.parity.pixels == (1 + 2 + count) * 16
    wrong = copy.deepcopy(generator)
    with torch.no_grad():
        next(wrong.parameters())[:, 3 + count - 1] += 1  # what the last class adds
    with pytest.raises(CheckFailed, match="differ from torch's"):
        measure_parity(wrong, exported.data)


def test_a_card_of_other_classes_is_refused(generator_and_card: tuple[Generator, Card]) -> None:
    generator, _ = seeded_networks(ModelConfig(classes=3), seed=1)
    with pytest.raises(CheckFailed, match="the card has 0 classes, the generator 3"):
        export_onnx(generator.eval(), generator_and_card[1])


@pytest.mark.parametrize("opset", [18, 23])
def test_other_opsets_pass_the_same_check(
    opset: int, generator_and_card: tuple[Generator, Card]
) -> None:
    model = onnx.load_model_from_string(export_onnx(*generator_and_card, opset).data)
    assert model.opset_import[0].version == opset


def test_colour_images_pass_too() -> None:
    generator = Generator(ModelConfig(latent_dim=7, img_size=16, channels=3)).eval()
    card = Card(
        name="colour",
        architecture="mlp",
        latent_dim=7,
        image_shape=(3, 16, 16),
        class_names=(),
        data_name="pictures",
        data_fingerprint="",
        data_count=2,
        data_note="",
        weights="live",
        epochs=0,
        steps=0,
        config={},
        ganctl_version="0",
    )
    assert ort.InferenceSession(export_onnx(generator, card).data).get_outputs()[0].shape == [
        "batch",
        3,
        16,
        16,
    ]


def test_a_batchnorm_left_in_train_mode_is_refused(
    generator_and_card: tuple[Generator, Card],
) -> None:
    generator, card = generator_and_card
    forgotten = copy.deepcopy(generator)
    forgotten.layers[3].train()
    with pytest.raises(CheckFailed, match="train mode"):
        export_onnx(forgotten, card)


def test_other_weights_are_refused(
    exported: Exported, generator_and_card: tuple[Generator, Card]
) -> None:
    perturbed = copy.deepcopy(generator_and_card[0])
    with torch.no_grad():
        next(perturbed.parameters())[0, 0] += 0.01
    with pytest.raises(CheckFailed, match="differ from torch's"):
        measure_parity(perturbed, exported.data)


def test_values_that_are_not_finite_are_refused(
    exported: Exported, generator_and_card: tuple[Generator, Card]
) -> None:
    broken = copy.deepcopy(generator_and_card[0])
    with torch.no_grad():
        next(broken.parameters())[0, 0] = float("nan")
    with pytest.raises(CheckFailed, match="not finite"):
        measure_parity(broken, exported.data)
