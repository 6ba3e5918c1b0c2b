"""An epoch's batches: which images each step takes, and how they come to the networks."""

from __future__ import annotations

import torch
from torch import Tensor

from ganctl.latents import Stream, random_generator


def epoch_steps(count: int, batch_size: int) -> int:
    """Return the steps in an epoch of ``count`` images.

    The last, partial batch is kept, unless it is a single image: batch statistics need two.
    """
    return count // batch_size + (count % batch_size > 1)


def epoch_batches(
    seed: int, epoch: int, count: int, batch_size: int, rollbacks: int = 0
) -> tuple[Tensor, ...]:
    """Return each step's image indices: a new order every epoch, a pure function of the seed.

    Of as many ``rollbacks`` there have been it is one, too.
    """
    order = random_generator(seed, Stream.ORDER, epoch + 2**32 * rollbacks).permutation(count)
    return torch.split(torch.from_numpy(order), batch_size)[: epoch_steps(count, batch_size)]


def place(images: Tensor, device: torch.device) -> Tensor:
    """Return ``images`` on ``device``, or as they are where they would fill half of its memory."""
    if device.type == "cuda" and images.nbytes > torch.cuda.mem_get_info(device)[0] / 2:
        return images
    return images.to(device)


def scale(images: Tensor) -> Tensor:
    """Return grey levels 0 … 255 as float32 in [-1, 1], bit for bit as the note's transforms do.

    ToTensor divides by 255; Normalize subtracts 0.5 and divides by 0.5.
    """
    return images.float().div_(255).sub_(0.5).div_(0.5)
