"""The study note's two networks, fully connected."""

from __future__ import annotations

from torch import nn

from ganctl.config import ModelConfig


def generator_layers(config: ModelConfig) -> list[nn.Module]:
    """Return the layers from z, and the class where there are classes, to (B, C·H·W) in [-1, 1]."""
    channels, height, width = config.image_shape

    def block(inputs: int, outputs: int) -> list[nn.Module]:
        norm = nn.BatchNorm1d(outputs, eps=config.bn_eps, momentum=config.bn_momentum)
        return [nn.Linear(inputs, outputs), norm, nn.LeakyReLU(0.2)]

    return [
        nn.Linear(config.latent_dim + config.classes, 128),
        nn.LeakyReLU(0.2),
        *block(128, 256),
        *block(256, 512),
        *block(512, 1024),
        nn.Linear(1024, channels * height * width),
        nn.Tanh(),
    ]


def discriminator_layers(config: ModelConfig) -> list[nn.Module]:
    """Return the layers from images (B, C, H, W), flat or not, to a logit a class, or one."""
    channels, height, width = config.image_shape
    return [
        nn.Flatten(),
        nn.Linear(channels * height * width, 512),
        nn.LeakyReLU(0.2),
        nn.Linear(512, 256),
        nn.LeakyReLU(0.2),
        nn.Linear(256, config.classes or 1),
    ]
