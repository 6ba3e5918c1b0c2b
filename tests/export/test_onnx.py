from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import Tensor, nn
from torch_fidelity import GenerativeModelONNX

from ganctl.config import TrainConfig
from ganctl.errors import CheckFailed
from ganctl.export.onnx import convert, export_onnx
from ganctl.export.parity import LIMITS, measure_parity
from ganctl.export.quantize import PRECISIONS
from ganctl.images import to_uint8
from ganctl.inference.generator import parse_onnx
from ganctl.model_card import CARD_KEY, Card, card_from_json
from ganctl.models.networks import Generator, seeded_networks
from ganctl.training.checkpoint import as_function

from .conftest import Case


def card_of(generator: Generator, card: Card) -> Card:
    """Return ``card`` with the shapes and classes of ``generator``."""
    count = generator.classes
    return dataclasses.replace(
        card,
        latent_dim=generator.latent_dim,
        image_shape=generator.image_shape,
        class_names=tuple(map(str, range(count))),
        class_shares=(1 / count,) * count if count else (),
    )


def used(generator: Any) -> Generator:
    """Give BatchNorm statistics that matter, and switch to eval mode."""
    z, classes = torch.randn(64, generator.latent_dim), generator.classes
    generator.train()(*([z, torch.arange(64) % classes] if classes else [z]))
    return cast(Generator, generator.eval())


def operators(data: bytes) -> set[str]:
    return {node.op_type for node in onnx.load_model_from_string(data).graph.node}


def test_file_is_as_documented(mlp: Case) -> None:
    model = onnx.load_model_from_string(mlp.exported.data)
    onnx.checker.check_model(model, full_check=True)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 20)]
    assert operators(mlp.exported.data) == {"Gemm", "LeakyRelu", "Tanh", "Reshape"}
    assert all(tensor.data_location == 0 for tensor in model.graph.initializer)  # not external
    session = ort.InferenceSession(mlp.exported.data)
    (z,), (images,) = session.get_inputs(), session.get_outputs()
    assert (z.name, z.type, z.shape) == ("latents", "tensor(float)", ["batch", 100])
    assert (images.name, images.type) == ("images", "tensor(float)")
    assert images.shape == ["batch", 1, 28, 28]
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert card_from_json(metadata[CARD_KEY]) == mlp.exported.card
    assert mlp.exported.card.parity["max_difference"] <= LIMITS["fp32"][0]


def test_labels_are_the_second_input_of_a_conditional_generator(conv: Case) -> None:
    z, labels = ort.InferenceSession(conv.exported.data).get_inputs()
    assert z.shape == ["batch", 100]
    assert (labels.name, labels.type, labels.shape) == ("labels", "tensor(int64)", ["batch"])


def test_file_contains_no_path_of_this_machine(case: Case) -> None:
    for path in (Path(torch.__file__).parent, Path(__file__).parents[2]):
        assert str(path).encode() not in case.exported.data
    assert b".py" not in case.exported.data and b"stack_trace" not in case.exported.data


def test_second_export_is_byte_identical(case: Case) -> None:
    assert export_onnx(case.generator, case.card).data == case.exported.data


def test_images_are_those_of_torch(case: Case) -> None:
    inputs = case.inputs(300)
    expected = as_function(case.generator)(inputs["latents"], inputs.get("labels"))
    (drawn,) = ort.InferenceSession(case.exported.data).run(["images"], inputs)
    assert np.abs(drawn - expected).max() <= 3e-5
    assert np.abs(to_uint8(drawn).astype(int) - to_uint8(expected)).max() <= 1
    assert case.exported.parity.pixels == (1 + 2 + 257) * 784


@pytest.mark.parametrize(
    ("opset", "options"),
    [
        (18, {"arch": "mlp", "classes": 10}),
        (23, {"arch": "conv", "classes": 3, "img_size": 16, "channels": 3}),
        (20, {"arch": "conv", "img_size": 29}),
        (23, {"arch": "mlp", "latent_dim": 7, "img_size": 16, "channels": 3}),
        (20, {"arch": "mlp", "classes": 400, "img_size": 4, "latent_dim": 3}),
    ],
)
def test_other_shapes_and_opsets(opset: int, options: dict[str, Any], mlp: Case) -> None:
    generator = used(seeded_networks(TrainConfig(**options))[0])
    exported = export_onnx(generator, card_of(generator, mlp.card), opset)
    assert exported.parity.max_difference <= 1e-5
    count = 1 + 2 + max(257, generator.classes)  # every class is compared
    assert exported.parity.pixels == count * np.prod(generator.image_shape)
    model = onnx.load_model_from_string(exported.data)
    onnx.checker.check_model(model, full_check=True)
    assert {(entry.domain, entry.version) for entry in model.opset_import} == {("", opset)}
    assert {node.domain for node in model.graph.node} == {""}


class Residual(nn.Module):
    """x + f(x), f with a convolution of every kind and BatchNorm with and without parameters."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(channels, 6, 3, padding=1, bias=False),
            nn.BatchNorm2d(6, affine=False),
            nn.ReLU(),
            nn.Conv2d(6, 6, 3, padding=1, groups=2),
            nn.BatchNorm2d(6),
            nn.Sequential(nn.ConvTranspose2d(6, channels, 2, stride=2), nn.BatchNorm2d(channels)),
        )
        self.skip = nn.Upsample(scale_factor=2)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.skip(x) + self.branch(x))


class Custom(nn.Module):
    """A generator that is not one of ganctl's; its BatchNorm layers are in various places."""

    latent_dim, classes, image_shape = 5, 0, (3, 8, 8)

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(5, 64), nn.BatchNorm1d(64), nn.Unflatten(1, (4, 4, 4)))
        self.normed = nn.utils.parametrizations.spectral_norm(nn.Conv2d(4, 4, 1))
        self.block = nn.Sequential(self.normed, nn.BatchNorm2d(4), Residual(4))
        self.alone = nn.BatchNorm2d(4)
        self.last = nn.Conv2d(4, 3, 1)

    def forward(self, z: Tensor) -> Tensor:
        return torch.tanh(cast(Tensor, self.last(self.alone(self.block(self.first(z))))))


def test_any_module_can_be_exported(mlp: Case) -> None:
    torch.manual_seed(0)
    generator = used(Custom())
    exported = export_onnx(generator, card_of(generator, mlp.card))
    assert exported.parity.max_difference <= 1e-5
    converted = convert(exported, generator, "int8", uint8=True)
    assert operators(converted.data) >= {"ConvTranspose", "Round"}
    assert any(isinstance(module, nn.BatchNorm1d) for module in generator.modules())  # unchanged


def test_a_network_that_torch_cannot_export_is_refused(mlp: Case) -> None:
    class Branching(Custom):
        def forward(self, z: Tensor) -> Tensor:
            return super().forward(z) if z.sum() > 0 else super().forward(-z)

    generator = used(Branching())
    with pytest.raises(CheckFailed, match="torch cannot export this network: "):
        export_onnx(generator, card_of(generator, mlp.card))


@pytest.mark.parametrize("changes", [{"latent_dim": 99}, {"image_shape": (3, 28, 28)}])
def test_a_card_of_another_shape_is_refused(changes: dict[str, Any], mlp: Case) -> None:
    with pytest.raises(CheckFailed, match="its model card says"):
        export_onnx(mlp.generator, dataclasses.replace(mlp.card, **changes))


def test_a_card_of_other_classes_is_refused(mlp: Case, conv: Case) -> None:
    with pytest.raises(CheckFailed, match="the card has 0 classes, the generator 10"):
        export_onnx(conv.generator, mlp.card)


def test_a_batchnorm_in_train_mode_is_refused(mlp: Case) -> None:
    generator = copy.deepcopy(mlp.generator)
    generator.layers[3].train()
    with pytest.raises(CheckFailed, match="train mode"):
        export_onnx(generator, mlp.card)


def test_a_single_other_weight_is_refused(mlp: Case) -> None:
    generator = copy.deepcopy(mlp.generator)
    with torch.no_grad():
        next(generator.parameters())[0, 0] += 0.01
    with pytest.raises(CheckFailed, match="differ from torch's"):
        measure_parity(generator, parse_onnx(mlp.exported.data, "file"))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("uint8", [False, True])
def test_every_variant_has_the_documented_output(precision: str, uint8: bool, case: Case) -> None:
    converted = convert(case.exported, case.generator, precision, uint8)
    assert converted.card.precision == precision
    assert converted.card.image_shape == case.generator.image_shape
    model = onnx.load_model_from_string(converted.data)
    onnx.checker.check_model(model, full_check=True)
    model.graph.ClearField("value_info")
    for dimension in model.graph.output[0].type.tensor_type.shape.dim[1:]:
        dimension.Clear()  # so that it is inferred
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    output = inferred.graph.output[0].type.tensor_type
    shape = [each.dim_param or each.dim_value for each in output.shape.dim]
    assert shape == ["batch", 3 if uint8 else 1, 28, 28]
    assert output.elem_type == (onnx.TensorProto.UINT8 if uint8 else onnx.TensorProto.FLOAT)


@pytest.mark.parametrize(("precision", "share"), [("fp16", 0.52), ("int8", 0.30)])
def test_smaller_weights_draw_nearly_the_same(precision: str, share: float, case: Case) -> None:
    stored = convert(case.exported, case.generator, precision)
    assert len(stored.data) < share * len(case.exported.data)
    limits, parity = LIMITS[precision], stored.parity
    assert 0 < parity.max_difference <= limits[0]
    assert parity.max_levels <= limits[1] and parity.mean_levels <= limits[2]
    assert stored.card.parity == {
        "max_difference": pytest.approx(parity.max_difference, rel=0.05),
        "max_grey_levels": parity.max_levels,
        "mean_grey_levels": pytest.approx(parity.mean_levels, rel=0.05),
    }
    assert convert(case.exported, case.generator, precision).data == stored.data


@pytest.mark.parametrize("precision", PRECISIONS)
def test_an_image_is_bit_identical_in_every_batch(precision: str, case: Case) -> None:
    session = ort.InferenceSession(convert(case.exported, case.generator, precision).data)
    inputs = case.inputs(514)
    (expected,) = session.run(["images"], inputs)
    for size in (1, 2, 64, 257):
        for first in range(0, 514 - 514 % size, size):
            part = slice(first, first + size)
            (drawn,) = session.run(["images"], {name: all[part] for name, all in inputs.items()})
            assert np.array_equal(drawn, expected[part]), (size, first)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_torch_fidelity_draws_the_same_images(precision: str, case: Case, tmp_path: Path) -> None:
    floats = convert(case.exported, case.generator, precision)
    path = tmp_path / "uint8.onnx"
    path.write_bytes(convert(case.exported, case.generator, precision, uint8=True).data)
    model = GenerativeModelONNX(str(path), 100, "normal", case.generator.classes)
    inputs = case.inputs(130)
    drawn = model(*map(torch.from_numpy, inputs.values()))
    assert drawn.dtype == torch.uint8 and drawn.shape == (130, 3, 28, 28)
    (images,) = ort.InferenceSession(floats.data).run(["images"], inputs)
    assert np.array_equal(drawn.numpy(), np.broadcast_to(to_uint8(images), drawn.shape))
