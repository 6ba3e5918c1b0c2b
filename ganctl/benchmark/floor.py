"""The floor: what a step cannot do without, its matrix products and one pass of Adam.

Nothing else of a step is here: no activation, BatchNorm, loss, data or Python. Products are made at
the step's real shapes and memory layouts, into memory that is there already.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ganctl.config import TrainConfig
from ganctl.models.networks import seeded_networks

Product = tuple[Tensor, Tensor, Tensor]
"""(a, b, out): ``out`` takes a · b."""


class Floor:
    """One step's products and its Adam pass, for a batch of ``batch_size``."""

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
        """Return the floating-point operations of a step's products, two a multiply-add."""
        return sum(2 * a.shape[0] * a.shape[1] * b.shape[1] for a, b, _ in self.products)

    def run(self, steps: int) -> int:
        """Do the work of ``steps`` steps and return the images that they stand for."""
        with torch.no_grad():
            for _ in range(steps):
                for a, b, out in self.products:
                    torch.mm(a, b, out=out)
                self.adam.step()
        return steps * self.batch_size


def linear_layers(network: nn.Module) -> list[nn.Linear]:
    """Return the layers of ``network`` that are products, in order."""
    return [layer for layer in network.modules() if isinstance(layer, nn.Linear)]


def generator_products(layers: Iterable[nn.Linear], rows: int, dtype: torch.dtype) -> list[Product]:
    """Return forward and both gradients of every layer; nobody asks for the latents' gradient."""
    made: list[Product] = []
    for number, layer in enumerate(layers):
        forward, weight, inputs = layer_products(layer, rows, dtype)
        made += [forward, weight, inputs] if number else [forward, weight]
    return made


def discriminator_products(
    layers: Iterable[nn.Linear], rows: int, dtype: torch.dtype
) -> list[Product]:
    """Return the products for fakes and real images, ``rows`` each, in one batch of twice as many.

    They go forward once. D's own gradient comes back through all layers but the first; the
    generator's comes back through all of them, for the fakes alone.
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
    """Return the products of ``rows`` rows: y = x · Wᵀ, dW = dyᵀ · x and dx = dy · W."""
    weight = layer.weight.detach().to(dtype)  # (O, I)
    outputs, inputs = weight.shape
    x = torch.randn(rows, inputs).to(dtype)
    dy = torch.randn(rows, outputs).to(dtype)
    y, dw, dx = torch.empty_like(dy), torch.empty_like(weight), torch.empty_like(x)
    return (x, weight.t(), y), (dy.t(), x, dw), (dy, weight, dx)
