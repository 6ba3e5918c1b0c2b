"""The checkpoint: one ``.safetensors`` file, never pickle, that says what it is and proves it.

`ganctl.checkpoint_file` knows its header and its digest; here it meets torch's tensors.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from ganctl.checkpoint_file import metadata, no_checkpoint, read_checkpoint, read_header, seal
from ganctl.config import TrainConfig
from ganctl.files import write_atomic
from ganctl.model_card import Card


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds."""

    config: TrainConfig
    card: Card
    step: int  # finished training steps
    tensors: dict[str, Tensor]
    threads: int = 0  # of the CPU that it was trained with; 0: unknown


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write ``checkpoint`` atomically; errors as of `ganctl.files.atomic_file`."""
    write_atomic(path, encode(checkpoint))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read and verify a checkpoint; its tensors are on the CPU.

    Raises:
        BadInput: the file cannot be read, is no checkpoint, or has another format.
        CheckFailed: its bytes are not those that were written.
    """
    return decode(read_checkpoint(path), str(path))


def encode(checkpoint: Checkpoint) -> bytes:
    """Return the bytes of the file: equal checkpoints give equal bytes."""
    said = metadata(checkpoint.config, checkpoint.card, checkpoint.step, checkpoint.threads)
    return seal(safetensors.torch.save(checkpoint.tensors, said))


def decode(data: bytes, name: str) -> Checkpoint:
    """Read what `encode` returned; ``name`` is for the errors, which are `load_checkpoint`'s."""
    header = read_header(data, name)
    try:
        tensors = safetensors.torch.load(data)
    except (SafetensorError, KeyError) as error:  # a kind of number that torch does not have
        raise no_checkpoint(name) from error
    return Checkpoint(header.config, header.card, header.step, tensors, header.threads)
