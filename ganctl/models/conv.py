"""A small convolutional pair after DCGAN (Radford et al. 2016).

Strided and transposed 4×4 convolutions, BatchNorm in the generator, no pooling. The discriminator
has no normalisation: the gradient penalty takes its place.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganctl.config import TrainConfig

SMALLEST = 7  # images are halved, at least once, until their side is at most this
WIDTH, WIDEST = 32, 128  # channels of the largest hidden image; doubled at every halving, up to 128


class AsImages(nn.Module):
    """Rows (B, C·H·W) or images -> images (B, C, H, W) in channels_last, the fastest order."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.shape = (channels, side, side)

    def forward(self, rows: Tensor) -> Tensor:
        """Return the rows as images."""
        channels, height, width = self.shape
        if channels == 1:  # both orders are the same: mark it as channels_last
            return rows.reshape(-1, height, width, 1).permute(0, 3, 1, 2)
        return rows.reshape(-1, *self.shape).contiguous(memory_format=torch.channels_last)


def generator_layers(config: TrainConfig) -> list[nn.Module]:
    """Return the layers from z and one-hot class to images in [-1, 1]."""
    sides = _sides(config.img_size)[::-1]
    channels = _widths(len(sides) - 1)[::-1]
    layers: list[nn.Module] = [
        nn.Linear(config.latent_dim + config.classes, channels[0] * sides[0] ** 2),
        AsImages(channels[0], sides[0]),
    ]
    following = [*channels[1:], config.channels]
    for inputs, outputs, side in zip(channels, following, sides[1:], strict=True):
        odd = side % 2
        layers += [
            nn.BatchNorm2d(inputs, eps=config.bn_eps, momentum=config.bn_momentum),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(inputs, outputs, 4 + odd, stride=2, padding=1 + odd),
        ]
    return [*layers, nn.Tanh()]


def discriminator_layers(config: TrainConfig) -> list[nn.Module]:
    """Return the layers from images (B, C, H, W) to one logit per class, or one logit."""
    sides = _sides(config.img_size)
    channels = [config.channels, *_widths(len(sides) - 1)]
    layers: list[nn.Module] = [AsImages(config.channels, config.img_size)]
    for inputs, outputs, side in zip(channels, channels[1:], sides, strict=False):
        odd = side % 2
        layers += [
            nn.Conv2d(inputs, outputs, 4 + odd, stride=2, padding=1 + odd),
            nn.LeakyReLU(0.2),
        ]
    return [*layers, nn.Flatten(), nn.Linear(channels[-1] * sides[-1] ** 2, config.classes or 1)]


def _sides(size: int) -> list[int]:
    """Return the sides of the images from ``size`` down, each half of the one before."""
    found = [size, -(-size // 2)]
    while found[-1] > SMALLEST:
        found.append(-(-found[-1] // 2))
    return found


def _widths(count: int) -> list[int]:
    return [min(WIDTH * 2**index, WIDEST) for index in range(count)]
