"""The generator's running average: steadier weights to draw with than the live ones."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from ganctl.latents import Stream, latents
from ganctl.models.networks import Generator

STATISTICS_BATCHES = 16
STATISTICS_BATCH = 256


@torch.no_grad()
def update_average(average: Tensor, live: Tensor, decay: float, updates: int) -> None:
    """Move the weights ``average`` towards ``live``: average ← d · average + (1 - d) · live.

    d = min(decay, (1 + updates) / (10 + updates)), so that a young average forgets its random
    start (TensorFlow's ExponentialMovingAverage with ``num_updates``); ``updates`` counts earlier
    updates. BatchNorm's statistics are not averaged: see `recompute_statistics`.
    """
    decay = min(decay, (1 + updates) / (10 + updates))
    average.lerp_(live, 1 - decay)


@torch.no_grad()
def recompute_statistics(generator: Generator, batches: int = STATISTICS_BATCHES) -> None:
    """Replace BatchNorm's running statistics by those of the generator's present weights.

    The live network's statistics belong to other weights, and an average of statistics is not the
    statistics of an average. 4,096 fixed latents (256 per batch), over all classes in turn, pass
    through: the result is a pure function of the weights.
    """
    norms = [module for module in generator.modules() if isinstance(module, _BatchNorm)]
    device = next(generator.parameters()).device
    labels = None
    if generator.classes:
        labels = torch.arange(STATISTICS_BATCH, device=device) % generator.classes
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative average over the batches
    generator.train()
    for index in range(batches if norms else 0):
        first = index * STATISTICS_BATCH
        z = latents(0, first, STATISTICS_BATCH, generator.latent_dim, Stream.STATISTICS)
        generator(torch.from_numpy(z).to(device), labels)
    generator.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
