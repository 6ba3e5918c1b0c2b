"""A small convolutional pair in the line of DCGAN (Radford et al. 2016).

Kept of it: strided and transposed convolutions of 4×4, BatchNorm in the generator, no pooling. The
discriminator has no normalisation: the gradient penalty does that work.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganctl.config import ModelConfig

SMALLEST = 7
"""Pictures are halved, at least once, until they are no larger, and grown from there."""

WIDTH = 32
"""Channels of the largest hidden picture; they double at every halving, up to `WIDEST`."""

WIDEST = 128


class Picture(nn.Module):
    """Rows (B, C·H·W) or pictures → pictures (B, C, H, W) whose channels lie innermost.

    That is the order in which convolutions are fastest.
    """

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.shape = (channels, side, side)

    def forward(self, rows: Tensor) -> Tensor:
        """Return the rows as pictures."""
        channels, height, width = self.shape
        if channels == 1:  # both orders are one: say that it is this one
            return rows.reshape(-1, height, width, 1).permute(0, 3, 1, 2)
        return rows.reshape(-1, *self.shape).contiguous(memory_format=torch.channels_last)


def sides(size: int) -> list[int]:
    """Return the sides of the pictures from ``size`` down: each is half of the one before."""
    found = [size, -(-size // 2)]
    while found[-1] > SMALLEST:
        found.append(-(-found[-1] // 2))
    return found


def widths(count: int) -> list[int]:
    """Return the channels of ``count`` hidden pictures, the largest picture's first."""
    return [min(WIDTH * 2**index, WIDEST) for index in range(count)]


def generator_layers(config: ModelConfig) -> list[nn.Module]:
    """Return the layers from z, and the class where there are classes, to images in [-1, 1]."""
    grown = sides(config.img_size)[::-1]
    channels = widths(len(grown) - 1)[::-1]
    layers: list[nn.Module] = [
        nn.Linear(config.latent_dim + config.classes, channels[0] * grown[0] ** 2),
        Picture(channels[0], grown[0]),
    ]
    ahead = [*channels[1:], config.channels]
    for inputs, outputs, side in zip(channels, ahead, grown[1:], strict=True):
        norm = nn.BatchNorm2d(inputs, eps=config.bn_eps, momentum=config.bn_momentum)
        layers += [norm, nn.LeakyReLU(0.2), enlarge(inputs, outputs, side)]
    return [*layers, nn.Tanh()]


def enlarge(inputs: int, outputs: int, side: int) -> nn.Module:
    """Return the transposed convolution that doubles a picture to ``side``, be it odd or even."""
    odd = side % 2
    return nn.ConvTranspose2d(inputs, outputs, 4 + odd, stride=2, padding=1 + odd)


def halve(inputs: int, outputs: int, side: int) -> nn.Module:
    """Return the convolution that halves a picture of ``side``, rounding up."""
    odd = side % 2
    return nn.Conv2d(inputs, outputs, 4 + odd, stride=2, padding=1 + odd)


def discriminator_layers(config: ModelConfig) -> list[nn.Module]:
    """Return the layers from images (B, C, H, W), flat or not, to a logit a class, or one."""
    halved = sides(config.img_size)
    channels = [config.channels, *widths(len(halved) - 1)]
    layers: list[nn.Module] = [Picture(config.channels, config.img_size)]
    for inputs, outputs, side in zip(channels, channels[1:], halved, strict=False):
        layers += [halve(inputs, outputs, side), nn.LeakyReLU(0.2)]
    return [*layers, nn.Flatten(), nn.Linear(channels[-1] * halved[-1] ** 2, config.classes or 1)]
