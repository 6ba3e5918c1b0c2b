"""Generator and discriminator of every architecture, conditional or not."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from ganctl.config import TrainConfig
from ganctl.models import conv, mlp

ARCHITECTURES = {"mlp": mlp, "conv": conv}


class Generator(nn.Module):
    """z (B, latent_dim) ~ N(0, I) and labels (B,) or None -> images (B, C, H, W) in [-1, 1].

    The class is appended to z as a one-hot vector (Mirza and Osindero 2014).
    """

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        self.latent_dim = config.latent_dim
        self.classes = config.classes  # 0 if unconditional
        self.image_shape = config.image_shape
        self.layers = nn.Sequential(*ARCHITECTURES[config.arch].generator_layers(config))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Draw one image for each row of ``z``; labels (B,) int64, 0 to classes - 1."""
        if labels is not None:
            z = torch.cat((z, one_hot(labels, self.classes).to(z.dtype)), 1)
        images: Tensor = self.layers(z)
        return images.view(-1, *self.image_shape)


class Discriminator(nn.Module):
    """Images (B, C, H, W) in [-1, 1] and labels (B,) or None -> logits (B, 1), above 0 for real.

    With classes the last layer has one output per class, and the label selects it: the projection
    discriminator (Miyato and Koyama 2018, eq. 3) with both terms in one layer.
    """

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        self.joint_batch = config.arch == "mlp"  # measured: see `ganctl.training.step`
        self.layers = nn.Sequential(*ARCHITECTURES[config.arch].discriminator_layers(config))

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the logit of each image."""
        logits: Tensor = self.layers(images)
        return logits if labels is None else logits.gather(1, labels[:, None])


def seeded_networks(config: TrainConfig) -> tuple[Generator, Discriminator]:
    """Return both networks with torch's default initialisation under the configuration's seed.

    The weights are drawn on the CPU, so they are the same on every device; torch's global random
    state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return Generator(config), Discriminator(config)
