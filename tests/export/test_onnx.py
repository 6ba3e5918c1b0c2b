from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from numpy.typing import NDArray
from torch_fidelity import GenerativeModelONNX

from ganctl.config import TrainConfig
from ganctl.errors import CheckFailed
from ganctl.export.onnx import (
    Exported,
    export_onnx,
    export_rounded,
    export_stored,
    measure_parity,
)
from ganctl.export.parity import LIMITS
from ganctl.export.quantize import PRECISIONS
from ganctl.images import to_uint8
from ganctl.latents import latents
from ganctl.model_card import CARD_KEY, Card, card_from_json
from ganctl.models.networks import Generator, seeded_networks
from ganctl.training.checkpoint import as_function, load_generator


@pytest.fixture(scope="module")
def generator_and_card(trained: Path) -> tuple[Generator, Card]:
    return load_generator(trained / "checkpoints" / "small" / "last.safetensors")


def of(generator: Generator, card: Card, **changes: Any) -> Card:
    """Return ``card`` as if it were that of ``generator``."""
    shape: dict[str, Any] = {
        "latent_dim": generator.latent_dim,
        "image_shape": generator.image_shape,
    }
    return dataclasses.replace(card, **(shape | changes))


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
    generator, _ = seeded_networks(TrainConfig(arch="conv", img_size=size, channels=3, seed=1))
    generator.train()(torch.randn(64, 100))  # gives BatchNorm statistics that do something
    exported = export_onnx(generator.eval(), of(generator, generator_and_card[1]))
    assert exported.parity.max_difference <= 1e-5
    operators = {node.op_type for node in onnx.load_model_from_string(exported.data).graph.node}
    assert "ConvTranspose" in operators


@pytest.mark.parametrize("opset", [18, 20, 23])
@pytest.mark.parametrize("arch", ["mlp", "conv"])
def test_a_conditional_generator_passes_with_every_class(
    arch: Any, opset: int, generator_and_card: tuple[Generator, Card]
) -> None:
    generator, _ = seeded_networks(TrainConfig(arch=arch, classes=10, seed=1))
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
    generator, _ = seeded_networks(TrainConfig(classes=count, img_size=4, latent_dim=3, seed=1))
    names, shares = tuple(map(str, range(count))), (1 / count,) * count
    card = of(generator, generator_and_card[1], class_names=names, class_shares=shares)
    exported = export_onnx(generator.eval(), card)
    assert exported.parity.pixels == (1 + 2 + count) * 16
    wrong = copy.deepcopy(generator)
    with torch.no_grad():
        next(wrong.parameters())[:, 3 + count - 1] += 1  # what the last class adds
    with pytest.raises(CheckFailed, match="differ from torch's"):
        measure_parity(wrong, exported.data)


def test_a_card_of_another_shape_is_refused(generator_and_card: tuple[Generator, Card]) -> None:
    generator, card = generator_and_card
    for changes in ({"latent_dim": 99}, {"image_shape": (3, 28, 28)}):
        with pytest.raises(CheckFailed, match="its model card says"):
            export_onnx(generator, of(generator, card, **changes))


def test_a_card_of_other_classes_is_refused(generator_and_card: tuple[Generator, Card]) -> None:
    generator, _ = seeded_networks(TrainConfig(classes=3, seed=1))
    with pytest.raises(CheckFailed, match="the card has 0 classes, the generator 3"):
        export_onnx(generator.eval(), generator_and_card[1])


@pytest.mark.parametrize("opset", [18, 23])
def test_other_opsets_pass_the_same_check(
    opset: int, generator_and_card: tuple[Generator, Card]
) -> None:
    model = onnx.load_model_from_string(export_onnx(*generator_and_card, opset).data)
    assert model.opset_import[0].version == opset


def test_colour_images_pass_too() -> None:
    generator = Generator(TrainConfig(latent_dim=7, img_size=16, channels=3)).eval()
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


@pytest.fixture(scope="module", params=["trained", "conditional"])
def network(request: pytest.FixtureRequest) -> tuple[Generator, Card, Exported]:
    """The plain one and the convolutional one that knows the digits, each with its export."""
    name = {"trained": "small", "conditional": "asked"}[request.param]
    run = request.getfixturevalue(request.param) / "checkpoints" / name
    generator, card = load_generator(run / "last.safetensors")
    return generator, card, export_onnx(generator, card)


def inputs_of(generator: Generator, count: int) -> dict[str, NDArray[Any]]:
    labels = {"labels": np.arange(count) % generator.classes} if generator.classes else {}
    return {"latents": latents(9, 0, count, generator.latent_dim), **labels}


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("rounded", [False, True])
def test_every_variant_is_what_onnx_and_its_shape_inference_accept(
    precision: str, rounded: bool, network: tuple[Generator, Card, Exported]
) -> None:
    generator, _, exported = network
    exported = export_stored(exported, generator, precision)
    exported = export_rounded(exported, generator) if rounded else exported
    model = onnx.load_model_from_string(exported.data)
    onnx.checker.check_model(model, full_check=True)
    model.graph.ClearField("value_info")
    for dimension in model.graph.output[0].type.tensor_type.shape.dim[1:]:
        dimension.Clear()  # so that it is inferred, and not read
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    (output,) = inferred.graph.output
    channels, *sides = generator.image_shape
    dimensions = [each.dim_param or each.dim_value for each in output.type.tensor_type.shape.dim]
    assert dimensions == ["batch", 3 if rounded else channels, *sides]
    kind = onnx.TensorProto.UINT8 if rounded else onnx.TensorProto.FLOAT
    assert output.type.tensor_type.elem_type == kind
    assert exported.card.precision == precision
    assert exported.card.image_shape == generator.image_shape


@pytest.mark.parametrize(("precision", "share"), [("fp16", 0.52), ("int8", 0.30)])
def test_rounded_weights_make_a_smaller_file_that_draws_nearly_the_same(
    precision: str, share: float, network: tuple[Generator, Card, Exported]
) -> None:
    generator, _, exported = network
    stored = export_stored(exported, generator, precision)
    assert len(stored.data) < share * len(exported.data)
    limits, parity = LIMITS[precision], stored.parity
    assert 0 < parity.max_difference <= limits.difference
    assert parity.max_levels <= limits.levels and parity.mean_levels <= limits.mean_levels
    assert stored.card.parity == {
        "max_difference": pytest.approx(parity.max_difference, rel=0.05),
        "max_grey_levels": parity.max_levels,
        "mean_grey_levels": pytest.approx(parity.mean_levels, rel=0.05),
    }
    given = inputs_of(generator, 100)
    drawn, full = (
        ort.InferenceSession(each.data).run(["images"], given)[0].astype(np.float64)
        for each in (stored, exported)
    )
    assert 0 < np.abs(drawn - full).max() <= limits.difference
    assert export_stored(exported, generator, precision).data == stored.data


@pytest.mark.parametrize("precision", PRECISIONS)
def test_an_image_is_the_same_to_the_bit_in_every_batch(
    precision: str, network: tuple[Generator, Card, Exported]
) -> None:
    generator, _, exported = network
    session = ort.InferenceSession(export_stored(exported, generator, precision).data)
    given = inputs_of(generator, 514)
    (expected,) = session.run(["images"], given)
    for size in (1, 2, 64, 257):
        for first in range(0, 514 - 514 % size, size):
            part = slice(first, first + size)
            (drawn,) = session.run(["images"], {name: all[part] for name, all in given.items()})
            assert np.array_equal(drawn, expected[part]), (size, first)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_torch_fidelity_draws_what_infer_draws(
    precision: str, network: tuple[Generator, Card, Exported], tmp_path: Path
) -> None:
    generator, _, exported = network
    exported = export_stored(exported, generator, precision)
    path = tmp_path / "rounded.onnx"
    path.write_bytes(export_rounded(exported, generator).data)
    model = GenerativeModelONNX(str(path), generator.latent_dim, "normal", generator.classes)
    given = inputs_of(generator, 130)
    drawn = model(*(torch.from_numpy(each) for each in given.values()))
    assert drawn.dtype == torch.uint8 and drawn.shape == (130, 3, *generator.image_shape[1:])
    (images,) = ort.InferenceSession(exported.data).run(["images"], given)
    assert np.array_equal(drawn.numpy(), np.broadcast_to(to_uint8(images), drawn.shape))


def test_a_weight_that_float16_cannot_hold_is_refused_by_name(
    generator_and_card: tuple[Generator, Card], exported: Exported
) -> None:
    model = onnx.load_model_from_string(exported.data)
    (weight,) = (each for each in model.graph.initializer if each.name == "layers.8.weight")
    values = onnx.numpy_helper.to_array(weight).copy()
    values[0, 0] = 1e5
    weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
    huge = dataclasses.replace(exported, data=model.SerializeToString())
    with pytest.raises(
        CheckFailed, match=r"the weight layers\.8\.weight does not fit into float16"
    ):
        export_stored(huge, generator_and_card[0], "fp16")
