"""The adversarial losses: pure functions of logits. Truths: valid = 1, fake = 0.

With D = sigmoid(logit), -log D = softplus(-logit) and -log(1 - D) = softplus(logit).
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus


def generator_loss(fake_logits: Tensor) -> Tensor:
    """Return the non-saturating loss, -mean log D(G(z)) (Goodfellow et al. 2014, section 3)."""
    return softplus(-fake_logits).mean()


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return the mean of -mean log D(x) and -mean log(1 - D(G(z))) (the same paper, eq. 1)."""
    return (softplus(-real_logits).mean() + softplus(fake_logits).mean()) / 2
