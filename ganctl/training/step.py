"""The adversarial step: both players' gradients from one batch."""

from __future__ import annotations

import torch
from torch import Tensor

from ganctl.models.networks import Discriminator, Generator, choose
from ganctl.training.backprop import forward, input_slope, set_gradients
from ganctl.training.losses import OBJECTIVES, Objective

NON_SATURATING = OBJECTIVES["non-saturating"]


def adversarial_step(
    generator: Generator,
    discriminator: Discriminator,
    real: Tensor,
    z: Tensor,
    labels: Tensor | None = None,
    objective: Objective = NON_SATURATING,
    loss_scale: float = 1.0,
) -> Tensor:
    """Set the gradients of one simultaneous update of both players.

    Neither player moves until both gradients are known, which is what the study note's loop does
    with two backward passes. So the fakes go through the discriminator once, and together with the
    real images: one product of 2B rows is faster than two of B, and no layer of it mixes rows.

    Args:
        generator: z, and labels where there are classes → images.
        discriminator: images, and labels → logits.
        real: (B, C, H, W) or (B, C·H·W), in [-1, 1].
        z: (B, latent_dim).
        labels: (B,), of the real images; the fakes are of the same classes. None: unconditional.
        objective: what the players minimise.
        loss_scale: the gradients are those of so many times the losses.

    Returns:
        (4,): the generator's loss, the discriminator's loss, mean D(x), mean D(G(z)).
    """
    fake, generator_tape = forward(generator.layers, generator.with_classes(z, labels))
    both = torch.cat((fake.flatten(1), real.flatten(1)))  # (2B, C·H·W)
    outputs, discriminator_tape = forward(discriminator.layers, both)  # (2B, classes or 1)
    classes = None if labels is None else labels.repeat(2)
    logits = choose(outputs, classes)  # (2B, 1)
    g_slope, d_slope, figures = judge(logits, len(fake), objective, loss_scale)
    set_gradients(discriminator_tape, unchoose(d_slope, classes, outputs))
    fake_slope = input_slope(discriminator_tape, unchoose(g_slope, labels, outputs))
    set_gradients(generator_tape, fake_slope.view_as(fake))
    return figures


def unchoose(slope: Tensor, labels: Tensor | None, outputs: Tensor) -> Tensor:
    """Return d loss / d outputs for d loss / d `choose` (outputs, labels): (B, classes or 1)."""
    if labels is None:
        return slope
    return outputs.new_zeros(len(slope), outputs.shape[1]).scatter_(1, labels[:, None], slope)


def judge(
    logits: Tensor, fakes: int, objective: Objective = NON_SATURATING, loss_scale: float = 1.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Return both losses' slopes at the logits, and the figures; reckoned in float32 at least.

    Args:
        logits: (F + R, 1): those of F fakes, then of R real images.
        fakes: F.
        objective: what the players minimise.
        loss_scale: what the slopes are multiplied by.

    Returns:
        The slope of the generator's loss at the fakes' logits (F, 1), of the discriminator's at
        all (F + R, 1), and `adversarial_step`'s figures (4,).
    """
    dtype = logits.dtype
    logits = logits.detach().to(torch.promote_types(dtype, torch.float32)).requires_grad_()
    fake_logits, real_logits = logits[:fakes], logits[fakes:]
    g_loss = objective.generator(fake_logits)
    d_loss = objective.discriminator(real_logits, fake_logits)
    (g_slope,) = torch.autograd.grad(g_loss * loss_scale, fake_logits, retain_graph=True)
    (d_slope,) = torch.autograd.grad(d_loss * loss_scale, logits)
    with torch.no_grad():
        beliefs = logits.sigmoid()
        figures = torch.stack((g_loss, d_loss, beliefs[fakes:].mean(), beliefs[:fakes].mean()))
    return g_slope.to(dtype), d_slope.to(dtype), figures


def add_gradient_penalty(
    discriminator: Discriminator, real: Tensor, weight: float, labels: Tensor | None = None
) -> None:
    """Add the gradient of R1, weight / 2 · mean |∇x D(x)|², to the discriminator's.

    It keeps the discriminator smooth around real images (Mescheder et al. 2018, eq. 9). Called
    every k-th step with k times the weight, it does the same for a k-th of the cost (lazy
    regularisation: Karras et al. 2020, section 3.1).

    Args:
        discriminator: images, and labels → logits; its gradients are set already.
        real: (B, C, H, W) in [-1, 1].
        weight: γ in the paper.
        labels: (B,), of the images; None: unconditional.
    """
    slopes = _slopes(discriminator, real, labels)
    _add_gradients(discriminator, weight / 2 * slopes.square().sum() / len(real))


def add_lipschitz_penalty(
    discriminator: Discriminator,
    real: Tensor,
    fake: Tensor,
    mix: Tensor,
    weight: float,
    labels: Tensor | None = None,
) -> None:
    """Add the gradient of weight · mean (|∇x D(x)| - 1)² to the discriminator's.

    x lies between a real image and a fake one. It is what makes the Wasserstein objective one: D
    must be 1-Lipschitz (Gulrajani et al. 2017, eq. 3, where the weight is 10).

    Args:
        discriminator: images, and labels → logits; its gradients are set already.
        real: (B, …) in [-1, 1].
        fake: of the same shape and classes.
        mix: (B, 1), the share of the real image in x, uniform in [0, 1].
        weight: λ in the paper.
        labels: (B,), of the images; None: unconditional.
    """
    between = mix * real.flatten(1) + (1 - mix) * fake.flatten(1)
    slopes = _slopes(discriminator, between, labels)
    _add_gradients(discriminator, weight * (slopes.norm(dim=1) - 1).square().mean())


def _slopes(discriminator: Discriminator, images: Tensor, labels: Tensor | None) -> Tensor:
    """Return ∇x D(x) of images (B, …) as (B, C·H·W), itself differentiable."""
    images = images.detach().requires_grad_()
    logits = discriminator(images, labels).sum()
    (slopes,) = torch.autograd.grad(logits, images, create_graph=True)
    return slopes.flatten(1)


def _add_gradients(discriminator: Discriminator, penalty: Tensor) -> None:
    parameters = list(discriminator.parameters())
    gradients = torch.autograd.grad(penalty, parameters, allow_unused=True)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if parameter.grad is not None and gradient is not None:  # D's last bias tilts nothing
            parameter.grad += gradient
