"""The adversarial step: the gradients of both networks from one batch, by autograd.

It works for any pair of `nn.Module`s: a generator that is called with (z, labels) and a
discriminator that is called with (images, labels) and returns logits (B, 1). Labels are None in an
unconditional run.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganctl.training.losses import OBJECTIVES, Objective

NON_SATURATING = OBJECTIVES["non-saturating"]
FP16_LOSS_SCALE = 1024.0  # constant factor (Micikevicius et al. 2018, section 3.2)


def adversarial_step(
    generator: nn.Module,
    discriminator: nn.Module,
    real: Tensor,
    z: Tensor,
    labels: Tensor | None = None,
    objective: Objective = NON_SATURATING,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Set the gradients of one simultaneous update of both networks.

    Both gradients belong to the weights before the update, as in two separate backward passes.

    Args:
        generator: (z, labels) -> images (B, C, H, W) in [-1, 1].
        discriminator: (images, labels) -> logits (B, 1). If its attribute ``joint_batch`` is true,
            fake and real images pass through it as one batch of 2B, which is faster for fully
            connected layers; no layer of it may then mix the rows of a batch.
        real: (B, C, H, W), in [-1, 1].
        z: (B, latent_dim).
        labels: (B,) int64, of the real images; the fake ones take the same classes.
        objective: the losses of both networks.
        dtype: bfloat16 or float16 run the forward passes under `torch.autocast`.

    Returns:
        (4,): the generator's loss, the discriminator's loss, mean D(x), mean D(G(z)).
    """
    scale = FP16_LOSS_SCALE if dtype == torch.float16 else 1.0
    low_precision = dtype != torch.float32
    with torch.autocast(real.device.type, dtype=dtype, enabled=low_precision):
        fake = generator(z, labels)  # (B, C, H, W)
        if getattr(discriminator, "joint_batch", False):
            both_labels = None if labels is None else labels.repeat(2)  # (2B,)
            logits = discriminator(torch.cat((fake, real.view_as(fake))), both_labels)  # (2B, 1)
            fake_logits, real_logits = logits.float().split(len(fake))  # (B, 1) each
        else:
            fake_logits = discriminator(fake, labels).float()  # (B, 1)
            real_logits = discriminator(real.view_as(fake), labels).float()  # (B, 1)
    g_loss = objective.generator(fake_logits)
    d_loss = objective.discriminator(real_logits, fake_logits)

    g_parameters, d_parameters = _trainable(generator), _trainable(discriminator)
    g_grads = torch.autograd.grad(
        g_loss * scale, g_parameters, retain_graph=True, materialize_grads=True
    )
    d_grads = torch.autograd.grad(d_loss * scale, d_parameters, materialize_grads=True)
    _store(g_parameters, g_grads, scale)
    _store(d_parameters, d_grads, scale)

    with torch.no_grad():
        d_real, d_fake = real_logits.sigmoid().mean(), fake_logits.sigmoid().mean()
        return torch.stack((g_loss, d_loss, d_real, d_fake))


def add_r1_penalty(
    discriminator: nn.Module, real: Tensor, weight: float, labels: Tensor | None = None
) -> None:
    """Add the gradient of R1, weight / 2 · mean |∇x D(x)|², to the discriminator's.

    It keeps the discriminator smooth around real images (Mescheder et al. 2018, eq. 9). Called
    every k-th step with k times the weight it has the same effect for a k-th of the cost (lazy
    regularisation: Karras et al. 2020, section 3.1).

    Args:
        discriminator: its gradients are already set.
        real: (B, C, H, W) in [-1, 1].
        weight: γ in the paper.
        labels: (B,), of the images; None if unconditional.
    """
    grads = _input_grads(discriminator, real, labels)
    _add_grads(discriminator, weight / 2 * grads.square().sum() / len(real))


def add_lipschitz_penalty(
    discriminator: nn.Module,
    real: Tensor,
    fake: Tensor,
    mix: Tensor,
    weight: float,
    labels: Tensor | None = None,
) -> None:
    """Add the gradient of weight · mean (|∇x D(x)| - 1)² to the discriminator's.

    x lies between a real image and a fake one. The Wasserstein objective requires a 1-Lipschitz D
    (Gulrajani et al. 2017, eq. 3, where the weight is 10).

    Args:
        discriminator: its gradients are already set.
        real: (B, C, H, W) in [-1, 1].
        fake: of the same shape and classes.
        mix: (B, 1), the share of the real image in x, uniform in [0, 1].
        weight: λ in the paper.
        labels: (B,), of the images; None if unconditional.
    """
    share = mix[..., None, None]  # (B, 1, 1, 1)
    between = share * real.view_as(fake) + (1 - share) * fake
    grads = _input_grads(discriminator, between, labels)
    _add_grads(discriminator, weight * (grads.norm(dim=1) - 1).square().mean())


def _input_grads(discriminator: nn.Module, images: Tensor, labels: Tensor | None) -> Tensor:
    """Return ∇x D(x) of images (B, …) as (B, C·H·W), differentiable itself."""
    images = images.detach().requires_grad_()
    logits = discriminator(images, labels).sum()
    (grads,) = torch.autograd.grad(logits, images, create_graph=True)
    return grads.flatten(1)


def _add_grads(discriminator: nn.Module, penalty: Tensor) -> None:
    parameters = _trainable(discriminator)
    grads = torch.autograd.grad(penalty, parameters, allow_unused=True)
    for parameter, grad in zip(parameters, grads, strict=True):
        if parameter.grad is not None and grad is not None:  # the last bias has no effect on ∇x D
            parameter.grad += grad


def _trainable(network: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def _store(parameters: list[nn.Parameter], grads: tuple[Tensor, ...], scale: float) -> None:
    """Write gradients into the parameters' ``grad``, in place: these may be views of one vector."""
    targets = []
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        targets.append(parameter.grad)
    torch._foreach_copy_(targets, grads)
    if scale != 1:
        torch._foreach_div_(targets, scale)
