"""Forward and backward pass of a chain of layers, written out for the few kinds we use.

The operations are autograd's own, in its order: the gradients are the same to the last bit (a test
compares them). What it saves is autograd's bookkeeping and fresh memory for every gradient, a fifth
of a training step of networks as small as these.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ganctl.models.conv import Picture

aten = torch.ops.aten

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)
BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
WEIGHTED = (nn.Linear, *CONVOLUTIONS, *NORMS)

Tape = list[tuple[nn.Module, tuple[Tensor, ...]]]
"""Each layer, in order, with what its backward pass needs to know."""


@torch.no_grad()
def forward(layers: Iterable[nn.Module], x: Tensor) -> tuple[Tensor, Tape]:
    """Pass ``x`` (B, …) through ``layers``, as calling them would.

    Returns:
        The output, and the tape for `set_gradients` and `input_slope`.

    Raises:
        TypeError: a layer is of a kind that is not written here.
    """
    tape: Tape = []
    for layer in layers:
        if isinstance(layer, (nn.Flatten, Picture)):
            tape.append((layer, (x,)))  # of the input only the shape counts
            x = layer(x)
        elif isinstance(layer, CONVOLUTIONS):
            tape.append((layer, (x,)))
            x = layer(x)
        elif isinstance(layer, nn.Linear):
            tape.append((layer, (x,)))
            x = torch.addmm(layer.bias, x, layer.weight.t())
        elif isinstance(layer, NORMS):
            x, saved = _batch_norm(layer, x)
            tape.append((layer, saved))
        elif isinstance(layer, nn.LeakyReLU):
            x = aten.leaky_relu_(x, layer.negative_slope)
            tape.append((layer, (x,)))  # of the input only the sign counts, which the output keeps
        elif isinstance(layer, nn.Tanh):
            x = x.tanh_()
            tape.append((layer, (x,)))
        else:
            raise TypeError(f"no backward pass is written for {type(layer).__name__}")
    return x, tape


def _batch_norm(layer: BatchNorm, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return ``x`` normalised and scaled, and what the backward pass needs."""
    output, mean, inverse_std = aten.native_batch_norm(
        x,
        layer.weight,
        layer.bias,
        layer.running_mean,
        layer.running_var,
        layer.training,
        layer.momentum,
        layer.eps,
    )
    if layer.training and layer.num_batches_tracked is not None:
        layer.num_batches_tracked.add_(1)
    return output, (x, mean, inverse_std)


@torch.no_grad()
def set_gradients(tape: Tape, slope: Tensor) -> None:
    """Write d loss / d p into the ``grad`` of every parameter on the tape, in place.

    Args:
        tape: of the forward pass.
        slope: d loss / d output, of the output's shape.
    """
    first = next(index for index, (layer, _) in enumerate(tape) if isinstance(layer, WEIGHTED))
    for layer, saved in reversed(tape[first + 1 :]):
        slope = _backward(layer, saved, slope)
    _backward(*tape[first], slope, onwards=False)  # nobody asks for the slope of what goes in


@torch.no_grad()
def input_slope(tape: Tape, slope: Tensor) -> Tensor:
    """Return d loss / d input for the first rows of the batch; no ``grad`` changes.

    Args:
        tape: of the forward pass; no layer of it mixes rows.
        slope: (R, …), d loss / d output of the batch's first R rows, the only ones that count.
    """
    for layer, saved in reversed(tape):
        slope = _through(layer, tuple(tensor[: len(slope)] for tensor in saved), slope)
    return slope


def _backward(
    layer: nn.Module, saved: tuple[Tensor, ...], slope: Tensor, onwards: bool = True
) -> Tensor:
    """Set the gradients of a layer's parameters and return d loss / d input, if it goes onwards."""
    if isinstance(layer, NORMS):
        return _through_batch_norm(layer, saved, slope)
    if isinstance(layer, CONVOLUTIONS):
        result, *gradients = _convolution_backward(layer, saved[0], slope, [onwards, True, True])
        torch._foreach_copy_(_gradients(layer), gradients)
        return result
    if isinstance(layer, nn.Linear):
        torch.mm(slope.t(), saved[0], out=layer.weight.grad)
        torch.sum(slope, 0, out=layer.bias.grad)
    return _through(layer, saved, slope) if onwards else slope


def _convolution_backward(
    layer: nn.Conv2d | nn.ConvTranspose2d, x: Tensor, slope: Tensor, wanted: list[bool]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return d loss / d input, weight and bias, as far as they are wanted."""
    transposed = isinstance(layer, nn.ConvTranspose2d)
    geometry = layer.stride, layer.padding, layer.dilation, transposed, layer.output_padding
    slopes: tuple[Tensor, Tensor, Tensor] = aten.convolution_backward(
        slope, x, layer.weight, [layer.out_channels], *geometry, layer.groups, wanted
    )
    return slopes


def _gradients(layer: nn.Module) -> list[Tensor]:
    return [parameter.grad for parameter in layer.parameters() if parameter.grad is not None]


def _through(layer: nn.Module, saved: tuple[Tensor, ...], slope: Tensor) -> Tensor:
    """Return d loss / d input of a layer that has no statistics."""
    if isinstance(layer, nn.Linear):
        return slope @ layer.weight
    if isinstance(layer, CONVOLUTIONS):
        return _convolution_backward(layer, saved[0], slope, [True, False, False])[0]
    (output,) = saved
    if isinstance(layer, (nn.Flatten, Picture)):
        return slope.reshape(output.shape)
    if isinstance(layer, nn.LeakyReLU):
        result: Tensor = aten.leaky_relu_backward(slope, output, layer.negative_slope, True)
    else:
        result = aten.tanh_backward(slope, output)
    return result


def _through_batch_norm(layer: BatchNorm, saved: tuple[Tensor, ...], slope: Tensor) -> Tensor:
    """Return d loss / d input of a BatchNorm, and set the gradients of its two parameters."""
    x, mean, inverse_std = saved
    statistics = layer.running_mean, layer.running_var, mean, inverse_std
    result: Tensor
    result, weight_grad, bias_grad = aten.native_batch_norm_backward(
        slope, x, layer.weight, *statistics, layer.training, layer.eps, [True, True, True]
    )
    torch._foreach_copy_(_gradients(layer), [weight_grad, bias_grad])
    return result
