r"""The checkpoint: one ``.safetensors`` file, never pickle, that says what it is and proves it.

Tensors lie beside one metadata entry, ``ganctl``: JSON with the format version, the configuration,
the card, the step and a SHA-256. The digest is that of the whole file with its own 64 characters
read as zeros, so no byte can change unnoticed.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from ganctl.card import Card, card_from_json
from ganctl.config import TrainConfig, from_dict, to_dict
from ganctl.errors import BadInput, CheckFailed, explain
from ganctl.files import write_atomic

FORMAT = 1
_KEY = "ganctl"
_BLANK = "0" * 64
_DIGEST = re.compile(rb'\\"sha256\\": \\"([0-9a-f]{64})\\"')  # JSON within safetensors' JSON


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds."""

    config: TrainConfig
    card: Card
    step: int  # finished training steps
    tensors: dict[str, Tensor]


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write ``checkpoint`` atomically; errors as of `ganctl.files.atomic_file`."""
    write_atomic(path, encode(checkpoint))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read and verify a checkpoint; its tensors are on the CPU.

    Raises:
        BadInput: the file cannot be read, is no checkpoint, or has another format.
        CheckFailed: its bytes are not those that were written.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        hint = "train one: ganctl train"
        raise BadInput(f"cannot read checkpoint {path}: {explain(error)}", hint) from error
    return decode(data, str(path))


def encode(checkpoint: Checkpoint) -> bytes:
    """Return the bytes of the file: equal checkpoints give equal bytes."""
    metadata = {
        "format": FORMAT,
        "config": to_dict(checkpoint.config),
        "card": checkpoint.card.to_json(),
        "step": checkpoint.step,
        "sha256": _BLANK,
    }
    text = json.dumps(metadata, sort_keys=True)
    data = safetensors.torch.save(checkpoint.tensors, {_KEY: text})
    start, end = _digest_span(data, "a new checkpoint")
    return data[:start] + hashlib.sha256(data).hexdigest().encode() + data[end:]


def decode(data: bytes, name: str) -> Checkpoint:
    """Read what `encode` returned; ``name`` is for the errors, which are `load_checkpoint`'s."""
    metadata = _verified_metadata(data, name)
    if metadata.get("format") != FORMAT:
        raise BadInput(
            f"{name} has checkpoint format {metadata.get('format')}, not {FORMAT}",
            "use the ganctl that wrote it",
        )
    try:
        return Checkpoint(
            config=from_dict(TrainConfig, metadata["config"]),
            card=card_from_json(metadata["card"]),
            step=metadata["step"],
            tensors=safetensors.torch.load(data),
        )
    except (SafetensorError, KeyError, TypeError) as error:
        raise _no_checkpoint(name) from error


def _verified_metadata(data: bytes, name: str) -> dict[str, Any]:
    """Check the digest before anything else is believed."""
    start, end = _digest_span(data, name)
    digest = hashlib.sha256(data[:start])
    digest.update(_BLANK.encode())
    digest.update(memoryview(data)[end:])
    if digest.hexdigest().encode() != data[start:end]:
        raise CheckFailed(
            f"{name} is damaged: its SHA-256 is not the one written in it", "use another checkpoint"
        )
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    metadata: dict[str, Any] = json.loads(header["__metadata__"][_KEY])
    return metadata


def _digest_span(data: bytes, name: str) -> tuple[int, int]:
    """Return where the digest's characters lie in the file."""
    header_end = 8 + int.from_bytes(data[:8], "little")
    found = _DIGEST.search(data, 8, min(header_end, len(data)))
    if found is None:
        raise _no_checkpoint(name)
    return found.span(1)


def _no_checkpoint(name: str) -> BadInput:
    return BadInput(
        f"{name} is not a ganctl checkpoint", "name a .safetensors file that ganctl train wrote"
    )
