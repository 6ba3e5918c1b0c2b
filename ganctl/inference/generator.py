"""Load an ONNX generator and run it with onnxruntime; everything it needs is in the file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import onnxruntime as ort

from ganctl.card import CARD_KEY, Card, card_from_json
from ganctl.drawing import Floats
from ganctl.errors import BadInput, GanctlError, explain

INPUT, OUTPUT = "latents", "images"

REMAKE = "write one: ganctl export gen.onnx"


@dataclass(frozen=True)
class OnnxGenerator:
    """A loaded generator: latents (B, latent_dim) → images (B, C, H, W) in [-1, 1]."""

    session: ort.InferenceSession
    latent_dim: int
    image_shape: tuple[int, int, int]  # (C, H, W)
    card: Card | None  # None: the file carries none

    def __call__(self, latents: Floats) -> Floats:
        """Draw one image for each row of ``latents``.

        Raises:
            BadInput: the model loads but fails to run.
        """
        try:
            images: Floats = self.session.run([OUTPUT], {INPUT: latents})[0]
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
    found = [(value.name, value.type, len(value.shape)) for value in (*inputs, *outputs)]
    expected = [(INPUT, "tensor(float)", 2), (OUTPUT, "tensor(float)", 4)]
    sizes = [*inputs[0].shape[1:], *outputs[0].shape[1:]] if found == expected else []
    if (
        not sizes
        or isinstance(inputs[0].shape[0], int)
        or not all(isinstance(size, int) and size > 0 for size in sizes)
    ):
        raise _no_generator(name)
    latent_dim, channels, height, width = sizes
    if channels not in (1, 3):
        raise _no_generator(name)
    card = card_from_json(metadata[CARD_KEY]) if CARD_KEY in metadata else None
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
        f"{name} is an ONNX file but no generator: it does not turn float '{INPUT}' (batch, dim) "
        f"into float '{OUTPUT}' (batch, 1 or 3 channels, height, width), for any batch",
        REMAKE,
    )


def _reason(error: Exception) -> str:
    """Return the part of onnxruntime's message that says something, on one line."""
    return " ".join(str(error).rsplit(" : ", 1)[-1].split())[:160]
