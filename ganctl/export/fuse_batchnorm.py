"""BatchNorm in eval mode as a part of the weighted layer before it."""

from __future__ import annotations

import copy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from ganctl.models.networks import Generator


def fold_batchnorm(generator: Generator) -> Generator:
    """Return a copy whose weighted layers do the work of the BatchNorm layers behind them.

    The products are taken in float64 and rounded once: it keeps the copy's images closer to the
    generator's than the exporter's own folding does.
    """
    folded = copy.deepcopy(generator).double()
    layers: list[nn.Module] = []
    for layer in folded.layers:
        if isinstance(layer, nn.BatchNorm1d) and isinstance(layers[-1], nn.Linear):
            layers[-1] = fuse_linear_bn_eval(layers[-1], layer)
        elif isinstance(layer, nn.BatchNorm2d) and isinstance(layers[-1], nn.ConvTranspose2d):
            layers[-1] = fuse_conv_bn_eval(layers[-1], layer, transpose=True)
        else:
            layers.append(layer)
    folded.layers = nn.Sequential(*layers)
    return folded.float()
