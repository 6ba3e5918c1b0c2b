"""The study note's two networks, fully connected: z → image, and image → logit."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganctl.config import ModelConfig


class Generator(nn.Module):
    """z (B, latent_dim) ~ N(0, I) → images (B, C, H, W) in [-1, 1]."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.latent_dim = config.latent_dim
        self.image_shape = config.image_shape
        channels, height, width = config.image_shape

        def block(inputs: int, outputs: int) -> list[nn.Module]:
            norm = nn.BatchNorm1d(outputs, eps=config.bn_eps, momentum=config.bn_momentum)
            return [nn.Linear(inputs, outputs), norm, nn.LeakyReLU(0.2)]

        self.layers = nn.Sequential(
            nn.Linear(config.latent_dim, 128),
            nn.LeakyReLU(0.2),
            *block(128, 256),
            *block(256, 512),
            *block(512, 1024),
            nn.Linear(1024, channels * height * width),
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        """Draw one image for each row of ``z``."""
        images: Tensor = self.layers(z)
        return images.view(-1, *self.image_shape)


class Discriminator(nn.Module):
    """Images (B, C, H, W) in [-1, 1] → logits (B, 1): above 0 for "real"."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        channels, height, width = config.image_shape
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels * height * width, 512),
            nn.LeakyReLU(0.2),
            nn.Linear(512, 256),
            nn.LeakyReLU(0.2),
            nn.Linear(256, 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Judge each image."""
        logits: Tensor = self.layers(images)
        return logits


def seeded_networks(config: ModelConfig, seed: int) -> tuple[Generator, Discriminator]:
    """Return both networks with torch's default initialisation under ``seed``.

    The initial weights are drawn on the CPU, so they are the same on every device; torch's global
    generator is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Generator(config), Discriminator(config)
