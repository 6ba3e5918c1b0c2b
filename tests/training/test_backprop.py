from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from ganctl.training.backprop import forward, input_slope, set_gradients


def chain(train: bool) -> nn.Sequential:
    """Return one layer of each kind that is known, in an order no network of ours has."""
    torch.manual_seed(0)
    layers = nn.Sequential(
        nn.Flatten(),
        nn.Linear(12, 9),
        nn.Tanh(),
        nn.BatchNorm1d(9, momentum=0.3),
        nn.LeakyReLU(0.1),
        nn.Linear(9, 5),
        nn.BatchNorm1d(5, eps=0.8),
        nn.Linear(5, 2),
        nn.Tanh(),
    ).train(train)
    for parameter in layers.parameters():
        parameter.grad = torch.full_like(parameter, torch.nan)  # must be written over
    return layers


def inputs() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(7, 3, 4), torch.randn(7, 2)


@pytest.mark.parametrize("train", [True, False])
def test_output_gradients_and_statistics_are_autograds(train: bool) -> None:
    ours, theirs = chain(train), copy.deepcopy(chain(train))
    x, slope = inputs()
    output, tape = forward(ours, x)
    expected = theirs(x)
    assert torch.equal(output, expected)
    set_gradients(tape, slope)
    gradients = torch.autograd.grad(expected, list(theirs.parameters()), slope)
    for parameter, gradient in zip(ours.parameters(), gradients, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, gradient)
    for (name, buffer), expected_buffer in zip(ours.named_buffers(), theirs.buffers(), strict=True):
        assert torch.equal(buffer, expected_buffer), name


@pytest.mark.parametrize("rows", [1, 3, 7])
def test_the_inputs_slope_of_the_first_rows(rows: int) -> None:
    layers = nn.Sequential(nn.Linear(6, 5), nn.LeakyReLU(0.2), nn.Linear(5, 2), nn.Tanh())
    torch.manual_seed(2)
    x, slope = torch.randn(7, 6), torch.randn(rows, 2)
    _, tape = forward(layers, x)
    leaf = x[:rows].clone().requires_grad_()
    (expected,) = torch.autograd.grad(layers(leaf), leaf, slope)
    torch.testing.assert_close(input_slope(tape, slope), expected)
    assert all(parameter.grad is None for parameter in layers.parameters())


def test_the_input_is_left_as_it_was() -> None:
    layers = chain(True)
    x, slope = inputs()
    before = x.clone()
    _, tape = forward(layers, x)
    set_gradients(tape, slope)
    assert torch.equal(x, before)


def test_an_unknown_layer_is_named() -> None:
    with pytest.raises(TypeError, match="Dropout"):
        forward([nn.Dropout()], torch.rand(2, 2))
