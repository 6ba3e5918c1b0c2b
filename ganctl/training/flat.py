"""A network's parameters in one vector, for whoever passes over all of them at every step."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def flatten(network: nn.Module) -> nn.Parameter:
    """Lay all parameters of ``network`` end to end and return the vector, gradient included.

    Every parameter becomes a view of the vector and its ``grad``, zero for now, a view of the
    vector's, so whatever changes one changes the other. The optimiser, the average and the
    exchange between processes then have one long tensor to pass over instead of many short ones.
    """
    parameters = list(network.parameters())
    vector = nn.Parameter(torch.cat([parameter.detach().flatten() for parameter in parameters]))
    vector.grad = torch.zeros_like(vector)
    values = unflatten(network, vector.detach())
    for parameter, value, grad in zip(
        parameters, values, unflatten(network, vector.grad), strict=True
    ):
        parameter.data, parameter.grad = value, grad
    return vector


def unflatten(network: nn.Module, vector: Tensor) -> list[Tensor]:
    """Return views of ``vector``, one for each of ``network``'s parameters, in their shapes."""
    parameters = list(network.parameters())
    pieces = torch.split(vector, [parameter.numel() for parameter in parameters])
    return [piece.view_as(like) for piece, like in zip(pieces, parameters, strict=True)]
