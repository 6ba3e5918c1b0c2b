from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from ganctl.config import TrainConfig
from ganctl.latents import Stream, latents
from ganctl.models.networks import Generator
from ganctl.training.state import recompute_statistics, update_average


@pytest.mark.parametrize(
    ("updates", "share"), [(0, 0.1), (1, 2 / 11), (90, 0.91), (10**6, 0.99), (10**9, 0.99)]
)
def test_the_average_moves_as_documented(updates: int, share: float) -> None:
    average, live = torch.rand(6), torch.rand(6)
    expected = share * average + (1 - share) * live
    update_average(average, live, 0.99, updates)
    torch.testing.assert_close(average, expected)


def test_the_statistics_are_those_of_the_weights() -> None:
    """After it, eval mode normalises as a very large training batch of fresh latents would."""
    torch.manual_seed(0)
    generator = Generator(TrainConfig()).eval()
    recompute_statistics(generator)
    assert not generator.training
    fresh = torch.from_numpy(latents(99, 0, 8192, 100))
    with torch.no_grad():
        evaluated = generator(fresh)
        trained = copy.deepcopy(generator).train()(fresh)
    assert (evaluated - trained).abs().mean() < 0.05 * trained.std()


def test_the_statistics_of_the_first_layer_are_exact() -> None:
    torch.manual_seed(0)
    generator = Generator(TrainConfig()).eval()
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


def test_the_statistics_depend_on_the_weights_alone() -> None:
    torch.manual_seed(0)
    first = Generator(TrainConfig())
    second = copy.deepcopy(first)
    second(torch.randn(64, 100))
    for generator in (first, second):
        recompute_statistics(generator)
    for one, other in zip(first.buffers(), second.buffers(), strict=True):
        assert torch.equal(one, other)


def test_a_generator_without_batchnorm_stays_as_it_is() -> None:
    generator = Generator(TrainConfig())
    generator.layers = nn.Sequential(nn.Linear(100, 784), nn.Tanh())
    before = copy.deepcopy(generator.state_dict())
    recompute_statistics(generator)
    assert not generator.training
    for name, value in generator.state_dict().items():
        assert torch.equal(value, before[name])
