"""Reduced precision: copies of both networks compute a step, while the float32 weights learn."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable
from typing import TypeVar

import torch
from torch import Tensor, nn

from ganctl.models.networks import Discriminator, Generator
from ganctl.training.backprop import CONVOLUTIONS, NORMS
from ganctl.training.losses import Objective
from ganctl.training.step import NON_SATURATING, adversarial_step

Network = TypeVar("Network", Generator, Discriminator)

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

LOSS_SCALE = 1024.0
"""Of fp16, whose smallest numbers are not small enough for gradients (Micikevicius et al. 2018,
section 3.2: a constant factor)."""

WORTHWHILE = 2.0
"""`auto` takes bf16 where its matrix products are so many times as fast as float32's: products are
half of a step, and the copies cost a tenth of it."""


class LowPrecision:
    """Both networks with their matrices in bf16 or fp16; BatchNorm and the learning in float32.

    Args:
        generator: the float32 one, whose parameters have a ``grad``.
        discriminator: likewise.
        dtype: of the matrix products and of what passes between layers.
    """

    def __init__(
        self, generator: Generator, discriminator: Discriminator, dtype: torch.dtype
    ) -> None:
        self._dtype = dtype
        self._scale = LOSS_SCALE if dtype == torch.float16 else 1.0
        self._generator = _copy(generator, dtype)
        self._discriminator = _copy(discriminator, dtype)
        masters = [*generator.parameters(), *discriminator.parameters()]
        copies = [*self._generator.parameters(), *self._discriminator.parameters()]
        self._gradients = _grads(masters)
        pairs = [(m, c) for m, c in zip(masters, copies, strict=True) if m is not c]
        self._masters = [master.detach() for master, _ in pairs]
        self._copies = [low.detach() for _, low in pairs]
        self._master_grads = _grads(master for master, _ in pairs)
        self._copy_grads = _grads(low for _, low in pairs)

    def adversarial_step(
        self,
        real: Tensor,
        z: Tensor,
        labels: Tensor | None = None,
        objective: Objective = NON_SATURATING,
    ) -> Tensor:
        """Set the float32 networks' gradients as `ganctl.training.step.adversarial_step` does."""
        torch._foreach_copy_(self._copies, self._masters)
        real, z = real.to(self._dtype), z.to(self._dtype)
        networks = self._generator, self._discriminator
        figures = adversarial_step(*networks, real, z, labels, objective, self._scale)
        torch._foreach_copy_(self._master_grads, self._copy_grads)
        if self._scale != 1:
            torch._foreach_div_(self._gradients, self._scale)
        return figures


def _grads(parameters: Iterable[Tensor]) -> list[Tensor]:
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def _copy(network: Network, dtype: torch.dtype) -> Network:
    """Return ``network`` with layers of its own in ``dtype``, but with the very same BatchNorms."""
    shared = {id(m): m for m in network.modules() if isinstance(m, NORMS)}
    low = copy.deepcopy(network, dict(shared))
    for module in low.modules():
        if isinstance(module, (nn.Linear, *CONVOLUTIONS)):
            module.to(dtype)
            for parameter in module.parameters():
                parameter.grad = torch.zeros_like(parameter)
    return low


def resolve_precision(name: str, device: torch.device) -> str:
    """Return fp32, bf16 or fp16 for ``name``, which may be auto.

    ``auto`` is bf16 where this device multiplies matrices so at least `WORTHWHILE` times as fast,
    which takes a hundredth of a second to find out, and fp32 elsewhere.
    """
    if name != "auto":
        return name
    fp32, bf16 = (_seconds(DTYPES[name], device) for name in ("fp32", "bf16"))
    return "bf16" if fp32 >= WORTHWHILE * bf16 else "fp32"


def _seconds(dtype: torch.dtype, device: torch.device) -> float:
    """Return the least time of one product of a training batch with a layer's weights."""
    batch, weights = (torch.ones(rows, 1024, dtype=dtype, device=device) for rows in (64, 1024))
    times = []
    for _ in range(10):
        began = time.perf_counter()
        float((batch @ weights.t())[0, 0])  # waits for the device
        times.append(time.perf_counter() - began)
    return min(times)
