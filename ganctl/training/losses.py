"""The adversarial objectives: pure functions of logits. Targets: valid = 1, fake = 0.

Each loss is a mean over the batch. With D = sigmoid(logit), -log D = softplus(-logit) and
-log(1 - D) = softplus(logit).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor
from torch.nn.functional import relu, softplus


class Objective(NamedTuple):
    """The losses of both networks."""

    generator: Callable[[Tensor], Tensor]  # fake logits (F, 1) -> scalar
    discriminator: Callable[[Tensor, Tensor], Tensor]  # real (R, 1), fake (F, 1) -> scalar


def non_saturating_generator(fake: Tensor) -> Tensor:
    """Return -mean log D(G(z)) (Goodfellow et al. 2014, section 3)."""
    return softplus(-fake).mean()


def non_saturating_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Return the mean of -mean log D(x) and -mean log(1 - D(G(z))) (the same paper, eq. 1)."""
    return (softplus(-real).mean() + softplus(fake).mean()) / 2


def mean_logit_generator(fake: Tensor) -> Tensor:
    """Return -mean D(G(z)), D being the logit.

    Hinge: Lim and Ye 2017, eq. 8; Miyato et al. 2018. Wasserstein: Arjovsky et al. 2017, eq. 3.
    """
    return -fake.mean()


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Return the mean of both sides' distance from the margins 1 and -1 (the same papers)."""
    return (relu(1 - real).mean() + relu(1 + fake).mean()) / 2


def least_squares_generator(fake: Tensor) -> Tensor:
    """Return mean (D(G(z)) - 1)² / 2 (Mao et al. 2017, eq. 9, with c = 1)."""
    return (fake - 1).square().mean() / 2


def least_squares_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Return mean (D(x) - 1)² / 2 + mean D(G(z))² / 2 (the same equation: a = 0, b = 1)."""
    return ((real - 1).square().mean() + fake.square().mean()) / 2


def wasserstein_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Return mean D(G(z)) - mean D(x): the distance, negated, if D is 1-Lipschitz (eq. 2)."""
    return fake.mean() - real.mean()


OBJECTIVES = {
    "non-saturating": Objective(non_saturating_generator, non_saturating_discriminator),
    "hinge": Objective(mean_logit_generator, hinge_discriminator),
    "least-squares": Objective(least_squares_generator, least_squares_discriminator),
    "wasserstein": Objective(mean_logit_generator, wasserstein_discriminator),
}
