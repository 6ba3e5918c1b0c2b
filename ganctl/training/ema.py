"""The generator's running average: steadier weights to sample from than the live ones."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.optim.swa_utils import update_bn

from ganctl.latents import Stream, latents
from ganctl.models.networks import Generator

STATISTICS_BATCHES = 16
STATISTICS_BATCH = 256


@torch.no_grad()
def update_average(average: Tensor, live: Tensor, decay: float, updates: int) -> None:
    """Move the weights ``average`` towards ``live``: average ← d · average + (1 - d) · live.

    d = min(decay, (1 + updates) / (10 + updates)), so that a young average forgets its random
    start (TensorFlow's ExponentialMovingAverage with ``num_updates``); ``updates`` counts those
    before. BatchNorm's statistics are left alone: see `recompute_statistics`.
    """
    decay = min(decay, (1 + updates) / (10 + updates))
    average.lerp_(live, 1 - decay)


def recompute_statistics(generator: Generator, batches: int = STATISTICS_BATCHES) -> None:
    """Replace BatchNorm's running mean and variance by those of these very weights.

    The live network's statistics belong to other weights, and an average of statistics is not the
    statistics of an average. 4,096 fixed latents (256 a batch), each class in its turn, are passed
    through: the result is a pure function of the weights.
    """
    device = next(generator.parameters()).device
    labels = None
    if generator.classes:
        labels = torch.arange(STATISTICS_BATCH, device=device) % generator.classes

    def batch(index: int) -> Tensor:
        first = index * STATISTICS_BATCH
        z = latents(0, first, STATISTICS_BATCH, generator.latent_dim, Stream.STATISTICS)
        return generator.with_classes(torch.from_numpy(z).to(device), labels)

    update_bn((batch(index) for index in range(batches)), generator.layers)
