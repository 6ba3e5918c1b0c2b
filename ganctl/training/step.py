"""The adversarial step: both players' gradients from one batch."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ganctl.training.losses import discriminator_loss, generator_loss


def adversarial_step(
    generator: nn.Module, discriminator: nn.Module, real: Tensor, z: Tensor
) -> Tensor:
    """Set the gradients of one simultaneous update of both players.

    Neither player moves until both gradients are known, which is what the study note's loop does
    with two backward passes. So the fakes go through the discriminator once, and together with the
    real images: one product of 2B rows is faster than two of B, and no layer of it mixes rows.

    Args:
        generator: z → images.
        discriminator: images → logits.
        real: (B, C, H, W) in [-1, 1].
        z: (B, latent_dim).

    Returns:
        (4,): the generator's loss, the discriminator's loss, mean D(x), mean D(G(z)).
    """
    fake = generator(z)  # (B, C, H, W)
    logits = discriminator(torch.cat((fake, real)))  # (2B, 1)
    fake_logits, real_logits = logits[: len(fake)], logits[len(fake) :]
    g_loss = generator_loss(fake_logits)
    d_loss = discriminator_loss(real_logits, fake_logits)
    set_gradients(g_loss, generator.parameters(), retain_graph=True)
    set_gradients(d_loss, discriminator.parameters())
    with torch.no_grad():
        d_real, d_fake = real_logits.sigmoid().mean(), fake_logits.sigmoid().mean()
        return torch.stack((g_loss, d_loss, d_real, d_fake))


def add_gradient_penalty(discriminator: nn.Module, real: Tensor, weight: float) -> None:
    """Add the gradient of R1, weight / 2 · mean |∇x D(x)|², to the discriminator's.

    It keeps the discriminator smooth around real images (Mescheder et al. 2018, eq. 9). Called
    every k-th step with k times the weight, it does the same for a k-th of the cost (lazy
    regularisation: Karras et al. 2020, section 3.1).

    Args:
        discriminator: images → logits; its gradients are set already.
        real: (B, C, H, W) in [-1, 1].
        weight: γ in the paper.
    """
    real = real.detach().requires_grad_()
    (slopes,) = torch.autograd.grad(discriminator(real).sum(), real, create_graph=True)
    penalty = weight / 2 * slopes.square().sum() / len(real)
    parameters = list(discriminator.parameters())
    gradients = torch.autograd.grad(penalty, parameters, allow_unused=True)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if parameter.grad is not None and gradient is not None:  # D's last bias tilts nothing
            parameter.grad += gradient


def set_gradients(loss: Tensor, parameters: Iterable[Tensor], retain_graph: bool = False) -> None:
    """Put d loss / d p into each parameter's ``grad``, leaving all others alone."""
    players = list(parameters)
    gradients = torch.autograd.grad(loss, players, retain_graph=retain_graph)
    for parameter, gradient in zip(players, gradients, strict=True):
        parameter.grad = gradient
