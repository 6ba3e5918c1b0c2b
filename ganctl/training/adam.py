"""Adam over long vectors, in torch's one fused kernel."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim.adam import adam


class Adam:
    """Adam (Kingma and Ba 2015, algorithm 1), as ``torch.optim.Adam(fused=True)`` moves weights.

    torch's class calls the same function, but making one imports torch's compiler, which takes as
    long as torch itself (torch 2.14).

    Args:
        vectors: the weights, whose ``grad`` is read at every step.
        lr: the step size.
        betas: the decays of the gradient's mean and of its square.

    Attributes:
        moments: of each vector, what torch names ``exp_avg``, ``exp_avg_sq`` and ``step``.
    """

    def __init__(self, vectors: Iterable[Tensor], lr: float, betas: tuple[float, float]) -> None:
        self.lr, self.betas = lr, betas
        self._vectors = list(vectors)
        self.moments = [
            {
                "step": torch.zeros((), device=vector.device),
                "exp_avg": torch.zeros_like(vector, requires_grad=False),
                "exp_avg_sq": torch.zeros_like(vector, requires_grad=False),
            }
            for vector in self._vectors
        ]

    @torch.no_grad()
    def step(self) -> None:
        """Move the weights against their gradients."""
        adam(
            self._vectors,
            [vector.grad for vector in self._vectors if vector.grad is not None],
            [moment["exp_avg"] for moment in self.moments],
            [moment["exp_avg_sq"] for moment in self.moments],
            [],
            [moment["step"] for moment in self.moments],
            fused=True,
            amsgrad=False,
            beta1=self.betas[0],
            beta2=self.betas[1],
            lr=self.lr,
            weight_decay=0,
            eps=1e-8,
            maximize=False,
        )
