"""A generator for drawing: out of a network, or out of a checkpoint."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from ganctl.checkpoint_file import PREFIXES
from ganctl.drawing import GeneratorFunction
from ganctl.errors import BadInput
from ganctl.latents import Floats, Labels
from ganctl.machine import usable_cores
from ganctl.model_card import Card
from ganctl.models.networks import Generator
from ganctl.training.checkpoint import Checkpoint, load_checkpoint
from ganctl.training.state import under


def as_function(generator: Generator) -> GeneratorFunction:
    """Return ``generator`` as a function of NumPy arrays."""
    device = next(generator.parameters()).device

    @torch.inference_mode()
    def draw_batch(latents: Floats, labels: Labels | None) -> Floats:
        classes = None if labels is None else torch.from_numpy(labels).to(device)
        images: Floats = generator(torch.from_numpy(latents).to(device), classes).cpu().numpy()
        return images

    return draw_batch


def draw_on_threads(count: int) -> None:
    """Let the CPU draw on so many threads, at most one a core; 0 for all cores."""
    if count:
        torch.set_num_threads(min(count, usable_cores()))


def load_generator(path: Path, weights: str = "ema") -> tuple[Generator, Card]:
    """Return a checkpoint's generator, on the CPU in eval mode, and its card.

    Args:
        path: of the checkpoint.
        weights: "ema", the average with BatchNorm statistics of its own (the live weights where
            the recipe keeps no average), or "live", the weights that train.

    Raises:
        BadInput: the file is no checkpoint, or has no generator that fits its configuration.
        CheckFailed: the file is damaged.
    """
    checkpoint = load_checkpoint(path)
    chosen = weights if checkpoint.config.ema_decay else "live"
    tensors = under(PREFIXES[chosen], checkpoint.tensors)
    if not tensors and under(PREFIXES["ema"], checkpoint.tensors):
        raise BadInput(
            f"{path} holds the average of the weights alone",
            "leave --weights out, or name a checkpoint that training left",
        )
    generator = Generator(checkpoint.config.model)
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


def generator_alone(checkpoint: Checkpoint) -> Checkpoint:
    """Return what drawing needs of ``checkpoint``: a file of a fifth of the size, to be passed on.

    The configuration keeps no path of this machine. Training cannot go on from it.
    """
    prefix = PREFIXES["ema" if checkpoint.config.ema_decay else "live"] + "."
    tensors = {
        name: tensor for name, tensor in checkpoint.tensors.items() if name.startswith(prefix)
    }
    config = dataclasses.replace(checkpoint.config, data=checkpoint.card.data_name, data_dir="")
    return dataclasses.replace(checkpoint, config=config, tensors=tensors)
