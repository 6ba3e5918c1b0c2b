"""The fully connected pair: z, 128, 256, 512, 1024, C·H·W; and C·H·W, 512, 256, 1."""

from __future__ import annotations

from math import prod

from torch import nn

from ganctl.config import TrainConfig


def generator_layers(config: TrainConfig) -> list[nn.Module]:
    """Return the layers from z and one-hot class to flat images (B, C·H·W) in [-1, 1]."""

    def block(inputs: int, outputs: int) -> list[nn.Module]:
        norm = nn.BatchNorm1d(outputs, eps=config.bn_eps, momentum=config.bn_momentum)
        return [nn.Linear(inputs, outputs), norm, nn.LeakyReLU(0.2)]

    return [
        nn.Linear(config.latent_dim + config.classes, 128),
        nn.LeakyReLU(0.2),
        *block(128, 256),
        *block(256, 512),
        *block(512, 1024),
        nn.Linear(1024, prod(config.image_shape)),
        nn.Tanh(),
    ]


def discriminator_layers(config: TrainConfig) -> list[nn.Module]:
    """Return the layers from images (B, C, H, W) to one logit per class, or one logit."""
    return [
        nn.Flatten(),
        nn.Linear(prod(config.image_shape), 512),
        nn.LeakyReLU(0.2),
        nn.Linear(512, 256),
        nn.LeakyReLU(0.2),
        nn.Linear(256, config.classes or 1),
    ]
