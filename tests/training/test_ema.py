from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from ganctl.config import ModelConfig
from ganctl.latents import Stream, latents
from ganctl.models.networks import Generator
from ganctl.training.ema import recompute_statistics, update_average


@pytest.mark.parametrize(
    ("updates", "kept"), [(0, 0.1), (1, 2 / 11), (90, 0.91), (10**6, 0.99), (10**9, 0.99)]
)
def test_the_average_follows_by_the_stated_rule(updates: int, kept: float) -> None:
    average, live = torch.rand(6), torch.rand(6)
    expected = kept * average + (1 - kept) * live
    update_average(average, live, 0.99, updates)
    torch.testing.assert_close(average, expected)


def test_the_statistics_are_those_of_the_weights() -> None:
    """After it, eval mode normalises as a very large training batch of fresh latents would."""
    torch.manual_seed(0)
    generator = Generator(ModelConfig()).eval()
    recompute_statistics(generator)
    assert not generator.training
    fresh = torch.from_numpy(latents(99, 0, 8192, 100))
    with torch.no_grad():
        evaluated = generator(fresh)
        trained = copy.deepcopy(generator).train()(fresh)
    assert (evaluated - trained).abs().mean() < 0.05 * trained.std()


def test_the_statistics_of_the_first_layer_are_exact() -> None:
    torch.manual_seed(0)
    generator = Generator(ModelConfig()).eval()
    recompute_statistics(generator)
    z = torch.from_numpy(latents(0, 0, 4096, 100, Stream.STATISTICS))
    with torch.no_grad():
        values = generator.layers[:3](z)
    norm = generator.layers[3]
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.running_mean is not None and norm.running_var is not None
    torch.testing.assert_close(norm.running_mean, values.mean(0))
    within = torch.stack([batch.var(0) for batch in values.split(256)]).mean(0)
    torch.testing.assert_close(norm.running_var, within)


def test_the_statistics_depend_on_nothing_else() -> None:
    torch.manual_seed(0)
    first = Generator(ModelConfig())
    second = copy.deepcopy(first)
    second(torch.randn(64, 100))
    for generator in (first, second):
        recompute_statistics(generator)
    for one, other in zip(first.buffers(), second.buffers(), strict=True):
        assert torch.equal(one, other)
