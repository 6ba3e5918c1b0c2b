"""Adam over all parameters of a network as one vector, in torch's fused kernel."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim.adam import adam


class Adam:
    """Adam (Kingma and Ba 2015, algorithm 1), with the results of ``torch.optim.Adam(fused=True)``.

    torch's class calls the same function, but creating one imports torch's compiler, which takes
    as long as importing torch (torch 2.14).

    Args:
        vectors: the weights, whose ``grad`` is read at every step.
        lr: the step size.
        betas: the decays of the mean gradient and of its square.

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
        """Update the weights from their gradients."""
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


def flatten(network: nn.Module) -> nn.Parameter:
    """Lay all parameters of ``network`` end to end and return the vector, with its gradient.

    Every parameter becomes a view of the vector, and its ``grad``, zero at first, a view of the
    vector's. The optimiser, the average and the exchange between processes then pass over one long
    tensor instead of many short ones.
    """
    parameters = list(network.parameters())
    vector = nn.Parameter(torch.cat([parameter.detach().flatten() for parameter in parameters]))
    vector.grad = torch.zeros_like(vector)
    values, grads = unflatten(network, vector.detach()), unflatten(network, vector.grad)
    for parameter, value, grad in zip(parameters, values, grads, strict=True):
        parameter.data, parameter.grad = value, grad
    return vector


def unflatten(network: nn.Module, vector: Tensor) -> list[Tensor]:
    """Return views of ``vector``, one per parameter of ``network``, in their shapes."""
    parameters = list(network.parameters())
    pieces = torch.split(vector, [parameter.numel() for parameter in parameters])
    return [piece.view_as(like) for piece, like in zip(pieces, parameters, strict=True)]
