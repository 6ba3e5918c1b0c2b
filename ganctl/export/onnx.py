"""The generator as one ONNX file, written only after onnxruntime has drawn torch's images."""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from ganctl.digest import BLANK
from ganctl.errors import BadInput, CheckFailed
from ganctl.export.fidelity import CHANNELS, round_images
from ganctl.export.fuse_batchnorm import fold_batchnorm
from ganctl.export.parity import Parity, compare
from ganctl.export.quantize import store_weights
from ganctl.export.to_onnx import to_onnx
from ganctl.images import to_uint8
from ganctl.inference.generator import BATCH, INPUT, LABELS, OUTPUT, OnnxGenerator, parse_onnx
from ganctl.inference.seal import SEAL_KEY, seal
from ganctl.inference.self_test import SELF_TEST_KEY, make_self_test
from ganctl.inputs import in_turn, seeded
from ganctl.latents import Floats
from ganctl.model_card import CARD_KEY, Card
from ganctl.models.networks import Generator

PARITY_BATCHES = (1, 2, 257)
PARITY_SEED = 20_261_123  # latents that no default draws

NEW = "the new file"
REPORT = "report it: this should not happen"


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
    card = dataclasses.replace(card, precision="fp32")
    return _finish(model, card, measure_parity(generator, _encode(model, card)))


def export_stored(exported: Exported, generator: Generator, precision: str) -> Exported:
    """Return the file with its weights stored in another precision, after a check of its own.

    The network itself has been proven in float32, so what is seen here is the rounding alone.

    Args:
        exported: what `export_onnx` made of ``generator``.
        generator: draws the images to compare with.
        precision: one of `ganctl.export.quantize.PRECISIONS`.

    Raises:
        CheckFailed: a weight does not fit, or the images are beyond the precision's `LIMITS`.
    """
    model = store_weights(onnx.load_model_from_string(exported.data), precision)
    card = dataclasses.replace(exported.card, precision=precision)
    data = _encode(model, card)
    return _finish(model, card, measure_parity(generator, data, precision))


def export_rounded(exported: Exported, generator: Generator) -> Exported:
    """Return the file with ``images`` uint8 (batch, 3, H, W), as torch-fidelity reads them.

    Args:
        exported: what `export_onnx` or `export_stored` made of ``generator``.
        generator: draws the images to compare with.

    Raises:
        CheckFailed: the rounded images are beyond the `LIMITS` of the weights' precision.
    """
    model = round_images(onnx.load_model_from_string(exported.data))
    card, data = exported.card, _encode(model, exported.card)
    parity = measure_rounded(generator, data, exported.parity, card.precision)
    return _finish(model, card, parity)


def _finish(model: onnx.ModelProto, card: Card, parity: Parity) -> Exported:
    """Write the card with its parity figures, the self-test and the seal, and check the whole.

    Raises:
        CheckFailed: onnx refuses the model, its card does not read back, or its self-test fails.
    """
    card = dataclasses.replace(
        card,
        parity={
            "max_difference": float(f"{parity.max_difference:.1e}"),
            "max_grey_levels": parity.max_levels,
            "mean_grey_levels": float(f"{parity.mean_levels:.1e}"),
        },
    )
    self_test = make_self_test(_load(_encode(model, card)), len(card.class_shares))
    data = _encode(model, card, self_test)
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = " ".join(str(error).split())[:160]
        raise CheckFailed(f"onnx refuses the new file: {reason}", REPORT) from error
    proven = _load(data)
    proven.verify()
    if proven.card != card:
        raise CheckFailed("the new file's model card does not read back", REPORT)
    return Exported(data, card, parity, model.opset_import[0].version)


def _encode(model: onnx.ModelProto, card: Card, self_test: str | None = None) -> bytes:
    """Return the bytes of ``model`` with the card, the self-test and the seal."""
    texts = {CARD_KEY: card.to_json(), SEAL_KEY: BLANK}
    if self_test is not None:
        texts[SELF_TEST_KEY] = self_test
    onnx.helper.set_model_props(model, texts)
    return seal(model.SerializeToString(deterministic=True))


def measure_parity(generator: Generator, data: bytes, precision: str = "fp32") -> Parity:
    """Compare the images that torch and the ONNX file draw from fresh latents, each class in turn.

    torch draws in float64: its float32 is as far from the truth as onnxruntime's (about 1e-5 at
    the worst of a million pixels), and the sum of both would say less of the file.

    Args:
        generator: in float32.
        data: the file's bytes, which draw float32 images.
        precision: of the weights in them.

    Raises:
        CheckFailed: they differ by more than the precision's `LIMITS`, or the bytes are no
            generator at all.
    """
    expected, drawn = _draw_both(generator, data, generator.image_shape)
    difference = float(np.abs(expected - drawn).max())
    return compare(to_uint8(expected), to_uint8(drawn), difference, precision)


def measure_rounded(
    generator: Generator, data: bytes, unrounded: Parity, precision: str = "fp32"
) -> Parity:
    """Compare torch's images with those of a file that draws grey levels, as `measure_parity` does.

    Args:
        generator: in float32.
        data: the file's bytes, which draw uint8 (batch, 3, H, W).
        unrounded: of the file that does not round; it says how far the values are apart.
        precision: of the weights.

    Raises:
        CheckFailed: as `measure_parity`.
    """
    shape = (CHANNELS, *generator.image_shape[1:])
    expected, drawn = _draw_both(generator, data, shape)
    levels = np.broadcast_to(to_uint8(expected), drawn.shape)
    return compare(levels, to_uint8(drawn), unrounded.max_difference, precision)


def _draw_both(
    generator: Generator, data: bytes, shape: tuple[int, ...]
) -> tuple[NDArray[np.float64], Floats]:
    """Return torch's images (N, C, H, W) and the file's (N, *shape), drawn in several batches.

    Raises:
        CheckFailed: the file draws no such images, or one of the two draws NaN or infinity.
    """
    reference = copy.deepcopy(generator).double()
    inputs, sizes = seeded(PARITY_SEED, generator.latent_dim), list(PARITY_BATCHES)
    if generator.classes:
        inputs = in_turn(inputs, range(generator.classes))
        sizes[-1] = max(sizes[-1], generator.classes)
    exported = _load(data, max(sizes))
    firsts = np.cumsum([0, *sizes[:-1]]).tolist()
    parts = []
    for first, size in zip(firsts, sizes, strict=True):
        try:
            images = exported(*inputs(first, size))
        except BadInput as error:
            raise CheckFailed(f"{error.message}; nothing was written", REPORT) from error
        if images.shape != (size, *shape):
            raise CheckFailed(
                f"onnxruntime draws {images.shape}, not {(size, *shape)}; nothing was written",
                REPORT,
            )
        parts.append(images)
    drawn = np.concatenate(parts)
    z, labels = inputs(0, sum(sizes))
    classes = None if labels is None else torch.from_numpy(labels)
    with torch.inference_mode():
        expected = reference(torch.from_numpy(z).double(), classes).numpy()
    if not (np.isfinite(expected).all() and np.isfinite(drawn).all()):
        raise CheckFailed("the generator draws values that are not finite", "train it again")
    return expected, drawn


def _load(data: bytes, batch_size: int = BATCH) -> OnnxGenerator:
    """Load a new file.

    Raises:
        CheckFailed: it is no generator, or not one that says all of itself.
    """
    try:
        loaded = parse_onnx(data, NEW, batch_size=batch_size)
    except BadInput as error:
        raise CheckFailed(f"{error.message}; nothing was written", REPORT) from error
    if loaded.fixed_batch or loaded.guesses:
        said = loaded.guesses or (f"its batch is {loaded.fixed_batch}",)
        raise CheckFailed(f"{NEW} is not as it should be: {said[0]}; nothing was written", REPORT)
    return loaded
