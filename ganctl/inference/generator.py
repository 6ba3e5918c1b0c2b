"""Load an ONNX generator and run it with onnxruntime; everything it needs is in the file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import onnxruntime as ort

from ganctl.card import CARD_KEY, Card, card_from_json
from ganctl.errors import BadInput, GanctlError, explain
from ganctl.latents import Floats, Labels

INPUT, LABELS, OUTPUT = "latents", "labels", "images"

REMAKE = "write one: ganctl export gen.onnx"


@dataclass(frozen=True)
class OnnxGenerator:
    """A loaded generator: latents (B, latent_dim) → images (B, C, H, W) in [-1, 1].

    A conditional one takes labels (B,) besides; its card has the classes.
    """

    session: ort.InferenceSession
    latent_dim: int
    image_shape: tuple[int, int, int]  # (C, H, W)
    card: Card | None  # None: the file carries none

    @property
    def class_shares(self) -> tuple[float, ...]:
        """Return how often each class is drawn where none is asked for; (): unconditional."""
        return self.card.class_shares if self.card else ()

    def __call__(self, latents: Floats, labels: Labels | None = None) -> Floats:
        """Draw one image for each row of ``latents``.

        Args:
            latents: (B, latent_dim).
            labels: (B,), 0 … classes - 1, of a conditional generator; None of any other.

        Raises:
            BadInput: the model loads but fails to run.
        """
        inputs = {INPUT: latents} if labels is None else {INPUT: latents, LABELS: labels}
        try:
            images: Floats = self.session.run([OUTPUT], inputs)[0]
        except Exception as error:  # onnxruntime has no exception class of its own to name here
            raise BadInput(f"the model fails to run: {_reason(error)}", REMAKE) from error
        return images


def load_onnx(path: Path, threads: int = 0, provider: str = "cpu") -> OnnxGenerator:
    """Load the generator in the file ``path``.

    Args:
        path: an ONNX file that ``ganctl export`` wrote.
        threads: that onnxruntime may use on the CPU; 0 for all cores.
        provider: one of `providers`.

    Raises:
        BadInput: the file cannot be read, is no ONNX file, or is no generator; or onnxruntime
            does not have the provider, or cannot start it.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise BadInput(f"{path} is not a file", "name an ONNX file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read model {path}: {explain(error)}", REMAKE) from error
    return parse_onnx(data, str(path), threads, provider)


def parse_onnx(data: bytes, name: str, threads: int = 0, provider: str = "cpu") -> OnnxGenerator:
    """Load the generator in ``data``, the bytes of an ONNX file; ``name`` is for the errors.

    Raises:
        BadInput: as `load_onnx`.
    """
    offered = providers()
    if provider not in offered:
        raise BadInput(
            f"this onnxruntime has no provider '{provider}', only {', '.join(offered)}",
            "use --provider cpu, or install an onnxruntime that has it",
        )
    options = ort.SessionOptions()  # its defaults are the fastest that were measured
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # its errors come back as exceptions
    try:
        session = ort.InferenceSession(
            data,
            options,
            providers=[offered[provider]],
            provider_options=[{"use_tf32": "0"} if provider == "cuda" else {}],
            enable_fallback=0,  # it would print to stdout and go on without the provider
        )
        inputs, outputs = session.get_inputs(), session.get_outputs()
        metadata = session.get_modelmeta().custom_metadata_map
    except Exception as error:  # onnxruntime has no exception class of its own to name here
        raise BadInput(
            f"{name} is not an ONNX file that onnxruntime can run: {_reason(error)}",
            REMAKE,
        ) from error
    if session.get_providers()[0] != offered[provider]:
        raise BadInput(
            f"onnxruntime cannot start its provider '{provider}' here",
            "use --provider cpu, or install the driver and the libraries that it needs",
        )
    given = [(value.name, value.type, len(value.shape)) for value in inputs]
    drawn = [(value.name, value.type, len(value.shape)) for value in outputs]
    conditional = given[1:] == [(LABELS, "tensor(int64)", 1)]
    if (
        given[:1] != [(INPUT, "tensor(float)", 2)]
        or not (conditional or len(given) == 1)
        or drawn != [(OUTPUT, "tensor(float)", 4)]
        or any(isinstance(value.shape[0], int) for value in inputs)
    ):
        raise _no_generator(name)
    sizes = [*inputs[0].shape[1:], *outputs[0].shape[1:]]
    if not all(isinstance(size, int) and size > 0 for size in sizes):
        raise _no_generator(name)
    latent_dim, channels, height, width = sizes
    if channels not in (1, 3):
        raise _no_generator(name)
    card = card_from_json(metadata[CARD_KEY]) if CARD_KEY in metadata else None
    if conditional != bool(card and card.class_shares):
        raise BadInput(
            f"{name} takes labels, and no model card says of which classes"
            if conditional
            else f"{name} takes no labels, and its model card says that it does",
            REMAKE,
        )
    return OnnxGenerator(session, latent_dim, (channels, height, width), card)


def providers() -> dict[str, str]:
    """Return what can run a generator here: short name → onnxruntime's name, the CPU first."""
    names = sorted(ort.get_available_providers(), key="CPUExecutionProvider".__ne__)
    remote = "AzureExecutionProvider"  # sends to a service, and runs no generator
    return {
        name.removesuffix("ExecutionProvider").lower(): name for name in names if name != remote
    }


def _no_generator(name: str) -> GanctlError:
    return BadInput(
        f"{name} is an ONNX file but no generator: it does not turn float '{INPUT}' (batch, dim), "
        f"and int64 '{LABELS}' (batch) where there are classes, into float '{OUTPUT}' "
        "(batch, 1 or 3 channels, height, width), for any batch",
        REMAKE,
    )


def _reason(error: Exception) -> str:
    """Return the part of onnxruntime's message that says something, on one line."""
    return " ".join(str(error).rsplit(" : ", 1)[-1].split())[:160]
