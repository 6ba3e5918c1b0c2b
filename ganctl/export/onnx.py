"""Export a generator to ONNX; the file is returned only if it draws the same images as torch."""

from __future__ import annotations

import copy
import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from ganctl import __version__
from ganctl.checksums import BLANK
from ganctl.errors import BadInput, CheckFailed
from ganctl.export.parity import Parity, batch_sizes, measure_parity
from ganctl.export.quantize import draw_uint8, store_weights
from ganctl.inference.checksum import CHECKSUM_KEY, add_checksum
from ganctl.inference.generator import INPUT, LABELS, OUTPUT, parse_onnx
from ganctl.inference.self_test import SELF_TEST_KEY, make_self_test
from ganctl.model_card import CARD_KEY, Card
from ganctl.models.networks import Generator

OPSET = 20  # the default; torch's exporter writes 18 to 23 without a conversion
REPORT = "this is a bug in ganctl: please report it"


@dataclass(frozen=True)
class Exported:
    """The bytes of a checked ONNX file."""

    data: bytes
    card: Card
    parity: Parity
    opset: int


def export_onnx(generator: Generator, card: Card, opset: int = OPSET) -> Exported:
    """Return the generator as a float32 ONNX file that has passed the parity check.

    The file has a dynamic batch. Inputs: ``latents`` float32 (batch, latent_dim) and, if there are
    classes, ``labels`` int64 (batch,). Output: ``images`` float32 (batch, C, H, W) in [-1, 1]. The
    metadata holds the card, a checksum and a self-test. The same generator and card give the same
    bytes.

    Args:
        generator: any module with ``latent_dim``, ``classes`` (0 if unconditional) and
            ``image_shape`` (C, H, W) that maps latents and labels to images; on the CPU, in eval
            mode.
        card: the generator's model card. The parity measurements are added to it.
        opset: the operator set, 18 to 23.

    Raises:
        CheckFailed: torch cannot export the network, onnxruntime draws other images than torch, or
            the card belongs to another generator.
    """
    if any(module.training for module in generator.modules()):
        raise CheckFailed(
            "the generator is in train mode, in which an image depends on its batch",
            "call its eval() first",
        )
    if len(card.class_shares) != generator.classes:
        raise CheckFailed(
            f"the card has {len(card.class_shares)} classes, the generator {generator.classes}",
            "use the generator's own card",
        )
    inputs = {INPUT: torch.zeros(2, generator.latent_dim)}
    if generator.classes:
        inputs[LABELS] = torch.zeros(2, dtype=torch.int64)
    model = to_onnx(fuse_batchnorm(generator), inputs, [OUTPUT], opset)
    card = dataclasses.replace(card, precision="fp32")
    return _check(model, card, generator)


def convert(
    exported: Exported, generator: Generator, precision: str = "fp32", uint8: bool = False
) -> Exported:
    """Return the file with smaller weights, with uint8 images, or both, after a parity check.

    Args:
        exported: the result of `export_onnx` for ``generator``.
        generator: draws the images to compare with.
        precision: of the stored weights: fp32, fp16 or int8.
        uint8: whether ``images`` becomes uint8 (batch, 3, H, W), as torch-fidelity expects.

    Raises:
        CheckFailed: a weight does not fit into float16, or the images differ too much.
    """
    model = onnx.load_model_from_string(exported.data)
    card = dataclasses.replace(exported.card, precision=precision)
    if precision != "fp32":
        store_weights(model, precision)
        exported = _check(model, card, generator)
    if uint8:
        draw_uint8(model)
        exported = _check(model, card, generator, exported.parity.max_difference)
    return exported


def to_onnx(
    network: nn.Module, inputs: Mapping[str, Tensor], outputs: Sequence[str], opset: int
) -> onnx.ModelProto:
    """Export a network in eval mode, with a dynamic batch and without external data.

    Args:
        network: called with the inputs in their order.
        inputs: an example of each input by name; the first dimension is the batch.
        outputs: the names of the outputs.
        opset: the operator set, 18 to 23.

    Raises:
        CheckFailed: torch's exporter does not support the network.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own deprecations
            program = torch.onnx.export(
                network,
                tuple(inputs.values()),
                dynamo=True,
                verbose=False,
                external_data=False,
                opset_version=opset,
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_shapes=({0: torch.export.Dim("batch")},) * len(inputs),
            )
    except torch.onnx.OnnxExporterError as error:
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        raise CheckFailed(
            f"torch cannot export this network: {reason}",
            "build it from layers that torch.onnx.export supports",
        ) from error
    assert program is not None  # it is None only with dynamo=False
    model = program.model_proto
    model.producer_name, model.producer_version = "ganctl", __version__
    graph = model.graph
    parts: list[Any] = [model, graph, *graph.input, *graph.output, *graph.value_info]
    for part in (*parts, *graph.node, *graph.initializer):
        part.ClearField("doc_string")  # both hold stack traces with paths of this machine
        part.ClearField("metadata_props")
    return model


def fuse_batchnorm(network: nn.Module) -> nn.Module:
    """Return a copy of a network in eval mode with fewer BatchNorm layers.

    In every ``nn.Sequential`` a BatchNorm layer becomes part of the linear or convolutional layer
    before it; the exporter handles the rest. The weights are computed in float64, so they are more
    accurate than those of the exporter's own fusion.
    """
    network = copy.deepcopy(network).double()
    for layers in [module for module in network.modules() if type(module) is nn.Sequential]:
        for index in reversed(range(len(layers) - 1)):
            fused = _fuse(layers[index], layers[index + 1])
            if fused is not None:
                layers[index] = fused
                del layers[index + 1]
    return network.float()


def _fuse(layer: nn.Module, norm: nn.Module) -> nn.Module | None:
    """Return one layer that does the work of both; None if there is none."""
    parameters = {name for name, _ in layer.named_parameters()}
    if not parameters <= {"weight", "bias"} or getattr(norm, "running_mean", None) is None:
        return None  # such as a spectral norm, which computes the weight from other parameters
    if isinstance(layer, nn.Linear) and isinstance(norm, nn.BatchNorm1d):
        return fuse_linear_bn_eval(layer, norm)
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)) and isinstance(norm, nn.BatchNorm2d):
        if layer.groups == 1:
            return fuse_conv_bn_eval(layer, norm, isinstance(layer, nn.ConvTranspose2d))
    return None


def _check(
    model: onnx.ModelProto, card: Card, generator: Generator, float_difference: float | None = None
) -> Exported:
    """Return the file with its card, self-test and checksum if it passes all checks."""
    try:
        largest = max(batch_sizes(generator.classes))
        loaded = parse_onnx(_serialize(model, card), "the new file", batch_size=largest)
        guesses = loaded.guesses or (f"its batch is {loaded.fixed_batch}",)
        if loaded.guesses or loaded.fixed_batch:
            raise CheckFailed(f"the new file is not as expected: {guesses[0]}", REPORT)
        parity = measure_parity(generator, loaded, card.precision, float_difference)
        card = dataclasses.replace(
            card,
            parity={
                "max_difference": float(f"{parity.max_difference:.1e}"),
                "max_grey_levels": parity.max_levels,
                "mean_grey_levels": float(f"{parity.mean_levels:.1e}"),
            },
        )
        data = _serialize(model, card, make_self_test(loaded, generator.classes))
        onnx.checker.check_model(model, full_check=True)
        final = parse_onnx(data, "the new file")
        final.verify()
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = " ".join(str(error).split())[:160]
        raise CheckFailed(f"onnx rejects the new file: {reason}", REPORT) from error
    except BadInput as error:
        raise CheckFailed(error.message, REPORT) from error
    if final.card != card:
        raise CheckFailed("the model card read from the new file is not the one written", REPORT)
    return Exported(data, card, parity, model.opset_import[0].version)


def _serialize(model: onnx.ModelProto, card: Card, self_test: str | None = None) -> bytes:
    """Return the file with its metadata and its checksum."""
    metadata = {CARD_KEY: card.to_json(), CHECKSUM_KEY: BLANK}
    if self_test is not None:
        metadata[SELF_TEST_KEY] = self_test
    onnx.helper.set_model_props(model, metadata)
    return add_checksum(model.SerializeToString(deterministic=True))
