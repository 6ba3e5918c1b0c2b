"""The generator as one ONNX file, written only after onnxruntime has drawn torch's images."""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from ganctl.card import CARD_KEY, Card
from ganctl.errors import BadInput, CheckFailed
from ganctl.images import to_uint8
from ganctl.inference.generator import INPUT, LABELS, OUTPUT, parse_onnx
from ganctl.inference.seal import BLANK, SEAL_KEY, seal
from ganctl.inference.self_test import SELF_TEST_KEY, make_self_test
from ganctl.inputs import in_turn, seeded
from ganctl.training.networks import Generator
from ganctl.training.to_onnx import to_onnx

PARITY_BATCHES = (1, 2, 257)
PARITY_SEED = 20_261_123  # latents that no default draws
MAX_DIFFERENCE = 1e-5  # of image values in [-1, 1]
MAX_LEVELS = 1  # of grey levels 0 … 255

NEW = "the new file"
REPORT = "report it: this should not happen"


@dataclass(frozen=True)
class Parity:
    """How far onnxruntime's images are from torch's, at the worst of all pixels."""

    max_difference: float  # of values in [-1, 1]
    max_levels: int  # of grey levels
    pixels_off: int  # grey levels that are not equal
    pixels: int  # compared


@dataclass(frozen=True)
class Exported:
    """A proven ONNX file's bytes."""

    data: bytes
    card: Card
    parity: Parity
    opset: int


def export_onnx(generator: Generator, card: Card, opset: int = 20) -> Exported:
    """Return ``generator`` as the bytes of an ONNX file that has passed the parity check.

    One file with a dynamic batch: ``latents`` float32 (batch, latent_dim) and, where there are
    classes, ``labels`` int64 (batch,) → ``images`` float32 (batch, C, H, W) in [-1, 1], BatchNorm
    folded into the linear layers, the card in ``metadata_props``. The same generator and card give
    the same bytes.

    Args:
        generator: in eval mode, on the CPU.
        card: what the file says of itself; the parity figures are added.
        opset: of the operators, 18 to 23: what torch's exporter writes without conversion.

    Raises:
        CheckFailed: onnxruntime draws other images than torch, or the file is not as described.
    """
    if any(module.training for module in generator.modules()):
        raise CheckFailed(
            "the generator is in train mode: it would draw by the batch", "call its eval() first"
        )
    if len(card.class_shares) != generator.classes:
        raise CheckFailed(
            f"the card has {len(card.class_shares)} classes, the generator {generator.classes}",
            "use the generator's own card",
        )
    inputs = {INPUT: torch.zeros(2, generator.latent_dim)}
    if generator.classes:
        inputs[LABELS] = torch.zeros(2, dtype=torch.int64)
    model = to_onnx(fold_batchnorm(generator), inputs, [OUTPUT], opset)
    parity = measure_parity(generator, _encode(model, card))
    card = dataclasses.replace(
        card,
        parity={
            "max_difference": float(f"{parity.max_difference:.1e}"),
            "max_grey_levels": parity.max_levels,
        },
    )
    drawn = parse_onnx(_encode(model, card), NEW)
    self_test = make_self_test(drawn, card.latent_dim, generator.classes, card.image_shape)
    data = _encode(model, card, self_test)
    onnx.checker.check_model(data, full_check=True)
    proven = parse_onnx(data, NEW)
    proven.verify()
    if proven.card != card:
        raise CheckFailed("the new file's model card does not read back", REPORT)
    return Exported(data, card, parity, opset)


def _encode(model: onnx.ModelProto, card: Card, self_test: str | None = None) -> bytes:
    """Return the bytes of ``model`` with the card, the self-test and the seal."""
    texts = {CARD_KEY: card.to_json(), SEAL_KEY: BLANK}
    if self_test is not None:
        texts[SELF_TEST_KEY] = self_test
    onnx.helper.set_model_props(model, texts)
    return seal(model.SerializeToString(deterministic=True))


def measure_parity(generator: Generator, data: bytes) -> Parity:
    """Compare the images that torch and the ONNX file draw from fresh latents, each class in turn.

    torch draws in float64: its float32 is as far from the truth as onnxruntime's (about 1e-5 at
    the worst of a million pixels), and the sum of both would say less of the file.

    Raises:
        CheckFailed: they differ by more than `MAX_DIFFERENCE` or `MAX_LEVELS`, or the bytes
            ``data`` are no generator at all.
    """
    reference = copy.deepcopy(generator).double()
    try:
        exported = parse_onnx(data, NEW, batch_size=max(PARITY_BATCHES))
    except BadInput as error:
        raise CheckFailed(error.message, REPORT) from error
    inputs, sizes = seeded(PARITY_SEED, generator.latent_dim), list(PARITY_BATCHES)
    if generator.classes:
        inputs = in_turn(inputs, range(generator.classes))
        sizes[-1] = max(sizes[-1], generator.classes)
    firsts = np.cumsum([0, *sizes[:-1]]).tolist()
    drawn = np.concatenate(
        [exported(*inputs(first, size)) for first, size in zip(firsts, sizes, strict=True)]
    )
    z, labels = inputs(0, sum(sizes))
    classes = None if labels is None else torch.from_numpy(labels)
    with torch.inference_mode():
        expected = reference(torch.from_numpy(z).double(), classes).numpy()
    if drawn.shape != expected.shape:
        raise CheckFailed(f"onnxruntime draws {drawn.shape}, torch {expected.shape}", REPORT)
    if not (np.isfinite(expected).all() and np.isfinite(drawn).all()):
        raise CheckFailed("the generator draws values that are not finite", "train it again")
    apart = np.abs(to_uint8(expected).astype(np.int16) - to_uint8(drawn))
    parity = Parity(
        max_difference=float(np.abs(expected - drawn).max()),
        max_levels=int(apart.max()),
        pixels_off=int(np.count_nonzero(apart)),
        pixels=apart.size,
    )
    if parity.max_difference > MAX_DIFFERENCE or parity.max_levels > MAX_LEVELS:
        raise CheckFailed(
            f"onnxruntime's images differ from torch's by {parity.max_difference:.1e} and "
            f"{parity.max_levels} grey levels (allowed: {MAX_DIFFERENCE:.0e} and {MAX_LEVELS}); "
            "nothing was written",
            "export another checkpoint, or train again",
        )
    return parity


def fold_batchnorm(generator: Generator) -> Generator:
    """Return a copy whose weighted layers do the work of the BatchNorm layers behind them.

    The products are taken in float64 and rounded once: it keeps the copy's images closer to the
    generator's than the exporter's own folding does.
    """
    folded = copy.deepcopy(generator).double()
    layers: list[nn.Module] = []
    for layer in folded.layers:
        if isinstance(layer, nn.BatchNorm1d) and isinstance(layers[-1], nn.Linear):
            layers[-1] = fuse_linear_bn_eval(layers[-1], layer)
        elif isinstance(layer, nn.BatchNorm2d) and isinstance(layers[-1], nn.ConvTranspose2d):
            layers[-1] = fuse_conv_bn_eval(layers[-1], layer, transpose=True)
        else:
            layers.append(layer)
    folded.layers = nn.Sequential(*layers)
    return folded.float()
