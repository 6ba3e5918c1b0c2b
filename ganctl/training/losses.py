"""The adversarial losses: pure functions of logits. Truths: valid = 1, fake = 0."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


def generator_loss(fake_logits: Tensor) -> Tensor:
    """Return the non-saturating loss, -mean log D(G(z)) (Goodfellow et al. 2014, section 3)."""
    return binary_cross_entropy_with_logits(fake_logits, torch.ones_like(fake_logits))


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return the mean of -mean log D(x) and -mean log(1 - D(G(z))) (the same paper, eq. 1)."""
    real_loss = binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits))
    fake_loss = binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))
    return (real_loss + fake_loss) / 2
