"""Checkpoints with torch's tensors: one ``.safetensors`` file, never pickle, with a checksum.

`ganctl.checkpoint_file` reads headers and verifies checksums without torch.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from ganctl.checkpoint_file import (
    PREFIXES,
    add_checksum,
    file_metadata,
    not_a_checkpoint,
    parse_header,
    read_checkpoint,
)
from ganctl.config import TrainConfig
from ganctl.errors import BadInput
from ganctl.files import write_atomic
from ganctl.latents import Floats, GeneratorFunction, Labels
from ganctl.model_card import Card
from ganctl.models.networks import Generator
from ganctl.training.state import under


@dataclass(frozen=True)
class Checkpoint:
    """The contents of a checkpoint file."""

    config: TrainConfig
    card: Card
    step: int  # finished training steps
    tensors: dict[str, Tensor]
    threads: int = 0  # of the CPU that it was trained with; 0 if unknown

    def generator_only(self) -> Checkpoint:
        """Return what drawing needs: a file of a fifth of the size, without paths, to be shared.

        Training cannot be resumed from it.
        """
        prefix = PREFIXES["ema" if self.config.ema_decay else "live"] + "."
        tensors = {name: each for name, each in self.tensors.items() if name.startswith(prefix)}
        config = dataclasses.replace(self.config, data=self.card.data_name, data_dir="")
        return dataclasses.replace(self, config=config, tensors=tensors)


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write ``checkpoint`` atomically; errors as of `ganctl.files.write_atomic`."""
    write_atomic(path, encode(checkpoint))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read and verify a checkpoint; its tensors are on the CPU.

    Raises:
        BadInput: the file cannot be read, is no checkpoint, or has another format.
        CheckFailed: its checksum is wrong.
    """
    return decode(read_checkpoint(path), str(path))


def encode(checkpoint: Checkpoint) -> bytes:
    """Return the bytes of the file: equal checkpoints give equal bytes."""
    values = file_metadata(checkpoint.config, checkpoint.card, checkpoint.step, checkpoint.threads)
    return add_checksum(safetensors.torch.save(checkpoint.tensors, values))


def decode(data: bytes, name: str) -> Checkpoint:
    """Read what `encode` returned; ``name`` is for the errors, which are `load_checkpoint`'s."""
    header = parse_header(data, name)
    try:
        tensors = safetensors.torch.load(data)
    except (SafetensorError, KeyError) as error:  # a number type that torch does not have
        raise not_a_checkpoint(name) from error
    return Checkpoint(header.config, header.card, header.step, tensors, header.threads)


def load_generator(path: Path, weights: str = "ema") -> tuple[Generator, Card]:
    """Return a checkpoint's generator, on the CPU in eval mode, and its card.

    Args:
        path: of the checkpoint.
        weights: "ema" for the average, with its own BatchNorm statistics (the live weights if the
            recipe keeps no average), or "live" for the weights that are trained.

    Raises:
        BadInput: the file is no checkpoint, or has no generator that fits its configuration.
        CheckFailed: its checksum is wrong.
    """
    checkpoint = load_checkpoint(path)
    chosen = weights if checkpoint.config.ema_decay else "live"
    tensors = under(PREFIXES[chosen], checkpoint.tensors)
    if not tensors and under(PREFIXES["ema"], checkpoint.tensors):
        raise BadInput(
            f"{path} holds only the average of the weights",
            "leave --weights out, or name a checkpoint in a run's folder",
        )
    generator = Generator(checkpoint.config)
    misfit = BadInput(
        f"{path} has no generator that fits its configuration", "use another checkpoint"
    )
    try:
        generator.load_state_dict(tensors)
    except RuntimeError as error:
        raise misfit from error
    if len(checkpoint.card.class_shares) != generator.classes:
        raise misfit
    return generator.eval(), dataclasses.replace(checkpoint.card, weights=chosen)


def as_function(generator: Generator) -> GeneratorFunction:
    """Return ``generator`` as a function of NumPy arrays."""
    device = next(generator.parameters()).device

    @torch.inference_mode()
    def draw_batch(latents: Floats, labels: Labels | None) -> Floats:
        classes = None if labels is None else torch.from_numpy(labels).to(device)
        images: Floats = generator(torch.from_numpy(latents).to(device), classes).cpu().numpy()
        return images

    return draw_batch
