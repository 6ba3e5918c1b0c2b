from __future__ import annotations

import copy

import torch
from torch import nn

from ganctl.training.flat import flatten, unflatten


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def test_the_values_stay_and_the_parameters_are_views() -> None:
    layers = network()
    before = [parameter.detach().clone() for parameter in layers.parameters()]
    vector = flatten(layers)
    assert vector.shape == (sum(parameter.numel() for parameter in before),)
    for parameter, value in zip(layers.parameters(), before, strict=True):
        assert torch.equal(parameter, value)
    with torch.no_grad():
        vector.zero_()
    assert all(not parameter.any() for parameter in layers.parameters())


def test_gradients_are_views_as_well() -> None:
    layers = network()
    vector = flatten(layers)
    for number, parameter in enumerate(layers.parameters()):
        assert parameter.grad is not None and not parameter.grad.any()
        parameter.grad.fill_(number)
    assert vector.grad is not None
    for number, piece in enumerate(unflatten(layers, vector.grad)):
        assert torch.equal(piece, torch.full_like(piece, number))


def test_an_optimiser_of_the_vector_does_what_one_of_the_parameters_does() -> None:
    plain, flat = network(), network()
    vector = flatten(flat)
    optimisers = torch.optim.Adam(plain.parameters()), torch.optim.Adam([vector])
    for _ in range(3):
        for layers in (plain, flat):
            for parameter in layers.parameters():
                gradient = torch.cos(parameter.detach())
                if parameter.grad is None:
                    parameter.grad = gradient
                else:
                    parameter.grad.copy_(gradient)
        for optimiser in optimisers:
            optimiser.step()
    for ours, theirs in zip(flat.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_a_copy_of_a_flat_network_leaves_it_alone() -> None:
    layers = network()
    flatten(layers)
    other = copy.deepcopy(layers)
    with torch.no_grad():
        next(other.parameters()).fill_(9)
    assert not (next(layers.parameters()) == 9).any()
