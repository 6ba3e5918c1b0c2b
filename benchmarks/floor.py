"""The floor: the matrix products and the Adam pass of a training step, and nothing else.

Activations, BatchNorm, losses, data and Python are left out. The products have the shapes and the
memory layouts of the real step, and write to memory that is allocated before.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ganctl.config import TrainConfig
from ganctl.models.networks import seeded_networks

Product = tuple[Tensor, Tensor, Tensor]  # (a, b, out): out = a · b


class Floor:
    """The products and the Adam pass of a step with a batch of ``batch_size`` images."""

    def __init__(self, config: TrainConfig, batch_size: int, dtype: torch.dtype) -> None:
        generator, discriminator = seeded_networks(config)
        self.batch_size = batch_size
        self.products = [
            *generator_products(linear_layers(generator), batch_size, dtype),
            *discriminator_products(linear_layers(discriminator), batch_size, dtype),
        ]
        networks = (*generator.parameters(), *discriminator.parameters())
        parameters = torch.cat([parameter.detach().flatten() for parameter in networks])
        parameters.requires_grad_().grad = torch.randn_like(parameters)
        self.adam = torch.optim.Adam([parameters], lr=2e-4, betas=(0.5, 0.999), fused=True)

    @property
    def flops(self) -> int:
        """Return the floating-point operations of all products; a multiply-add counts as two."""
        return sum(2 * a.shape[0] * a.shape[1] * b.shape[1] for a, b, _ in self.products)

    def run(self, steps: int) -> int:
        """Do the work of ``steps`` steps and return how many images they would have trained on."""
        with torch.no_grad():
            for _ in range(steps):
                for a, b, out in self.products:
                    torch.mm(a, b, out=out)
                self.adam.step()
        return steps * self.batch_size


def linear_layers(network: nn.Module) -> list[nn.Linear]:
    """Return the linear layers of ``network`` in order."""
    return [layer for layer in network.modules() if isinstance(layer, nn.Linear)]


def generator_products(layers: Iterable[nn.Linear], rows: int, dtype: torch.dtype) -> list[Product]:
    """Return the forward pass and both gradients of each layer; the latents need no gradient."""
    made: list[Product] = []
    for number, layer in enumerate(layers):
        forward, weight, inputs = layer_products(layer, rows, dtype)
        made += [forward, weight, inputs] if number else [forward, weight]
    return made


def discriminator_products(
    layers: Iterable[nn.Linear], rows: int, dtype: torch.dtype
) -> list[Product]:
    """Return the products of one batch with ``rows`` fake and ``rows`` real images.

    There is one forward pass. The gradient of D goes back through all layers but the first, that of
    G through all of them, for the fakes only.
    """
    made: list[Product] = []
    for number, layer in enumerate(layers):
        forward, weight, inputs = layer_products(layer, 2 * rows, dtype)
        made += [forward, weight, inputs] if number else [forward, weight]
        made.append((inputs[0][:rows], inputs[1], inputs[2][:rows]))
    return made


def layer_products(
    layer: nn.Linear, rows: int, dtype: torch.dtype
) -> tuple[Product, Product, Product]:
    """Return y = x · Wᵀ, dW = dyᵀ · x and dx = dy · W for ``rows`` rows."""
    weight = layer.weight.detach().to(dtype)  # (O, I)
    outputs, inputs = weight.shape
    x = torch.randn(rows, inputs).to(dtype)
    dy = torch.randn(rows, outputs).to(dtype)
    y, dw, dx = torch.empty_like(dy), torch.empty_like(weight), torch.empty_like(x)
    return (x, weight.t(), y), (dy.t(), x, dw), (dy, weight, dx)
