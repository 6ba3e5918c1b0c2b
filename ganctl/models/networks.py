"""The two players of every architecture: z → image, and image → logit; with classes or without."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from ganctl.config import ModelConfig
from ganctl.models import conv, mlp

ARCHITECTURES = {
    "mlp": (mlp.generator_layers, mlp.discriminator_layers),
    "conv": (conv.generator_layers, conv.discriminator_layers),
}


class Generator(nn.Module):
    """z (B, latent_dim) ~ N(0, I) and, where there are classes, labels (B,) → images (B, C, H, W).

    Images are in [-1, 1]. The class stands behind z as a one-hot vector (Mirza and Osindero 2014).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.latent_dim = config.latent_dim
        self.classes = config.classes  # 0: unconditional
        self.image_shape = config.image_shape
        generator_layers, _ = ARCHITECTURES[config.arch]
        self.layers = nn.Sequential(*generator_layers(config))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Draw one image for each row of ``z``; labels (B,) int64, 0 … classes - 1."""
        images: Tensor = self.layers(self.with_classes(z, labels))
        return images.view(-1, *self.image_shape)

    def with_classes(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """Return what the first layer takes: (B, latent_dim + classes)."""
        if labels is None:
            return z
        return torch.cat((z, one_hot(labels, self.classes).to(z.dtype)), 1)


class Discriminator(nn.Module):
    """Images (B, C, H, W) in [-1, 1], and labels where there are classes → logits (B, 1).

    Above 0 means "real". With classes the last layer has an output a class, of which the label
    chooses one: the projection discriminator (Miyato and Koyama 2018, eq. 3) with φ's and y's
    terms in one.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.classes = config.classes
        _, discriminator_layers = ARCHITECTURES[config.arch]
        self.layers = nn.Sequential(*discriminator_layers(config))

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Judge each image."""
        return choose(self.layers(images), labels)


def choose(logits: Tensor, labels: Tensor | None) -> Tensor:
    """Return of each row (B, classes) the logit of its label, as (B, 1)."""
    return logits if labels is None else logits.gather(1, labels[:, None])


def seeded_networks(config: ModelConfig, seed: int) -> tuple[Generator, Discriminator]:
    """Return both networks with torch's default initialisation under ``seed``.

    The initial weights are drawn on the CPU, so they are the same on every device; torch's global
    generator is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Generator(config), Discriminator(config)
