from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from ganctl.config import TrainConfig
from ganctl.models.networks import Discriminator, Generator, seeded_networks


def shapes(network: nn.Module) -> list[tuple[int, int]]:
    linear = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    return [(layer.in_features, layer.out_features) for layer in linear]


def test_the_generator_is_the_notes() -> None:
    generator = Generator(TrainConfig())
    widths = [100, 128, 256, 512, 1024, 784]
    assert shapes(generator) == list(zip(widths[:-1], widths[1:], strict=True))
    block = [nn.Linear, nn.BatchNorm1d, nn.LeakyReLU]
    kinds = [type(layer) for layer in generator.layers]
    assert kinds == [nn.Linear, nn.LeakyReLU, *block * 3, nn.Linear, nn.Tanh]


def test_the_discriminator_is_the_notes_without_its_sigmoid() -> None:
    discriminator = Discriminator(TrainConfig())
    assert shapes(discriminator) == [(784, 512), (512, 256), (256, 1)]
    slope = nn.LeakyReLU
    kinds = [type(layer) for layer in discriminator.layers]
    assert kinds == [nn.Flatten, nn.Linear, slope, nn.Linear, slope, nn.Linear]


def test_every_slope_is_that_of_the_note() -> None:
    layers = [*Generator(TrainConfig()).modules(), *Discriminator(TrainConfig()).modules()]
    assert {layer.negative_slope for layer in layers if isinstance(layer, nn.LeakyReLU)} == {0.2}


def test_batchnorm_takes_the_configured_eps_and_momentum() -> None:
    generator = Generator(TrainConfig(bn_eps=0.8, bn_momentum=0.1))
    norms = [layer for layer in generator.modules() if isinstance(layer, nn.BatchNorm1d)]
    assert [(norm.eps, norm.momentum) for norm in norms] == [(0.8, 0.1)] * 3


@pytest.mark.parametrize(("channels", "size", "latent_dim"), [(1, 28, 100), (3, 64, 16), (3, 5, 1)])
def test_any_image_shape_works(channels: int, size: int, latent_dim: int) -> None:
    config = TrainConfig(latent_dim=latent_dim, img_size=size, channels=channels)
    generator, discriminator = Generator(config), Discriminator(config)
    images = generator(torch.randn(4, latent_dim))
    assert images.shape == (4, channels, size, size)
    assert images.abs().max() <= 1
    assert discriminator(images).shape == (4, 1)


@pytest.mark.parametrize("arch", ["mlp", "conv"])
@pytest.mark.parametrize(
    ("size", "channels"), [(16, 1), (28, 3), (30, 3), (33, 1), (50, 3), (64, 3), (128, 1)]
)
def test_every_architecture_draws_and_judges_classes(arch: Any, size: int, channels: int) -> None:
    config = TrainConfig(arch=arch, img_size=size, channels=channels, classes=4)
    generator, discriminator = Generator(config).eval(), Discriminator(config)
    z, labels = torch.randn(4, 100), torch.tensor([0, 1, 2, 3])
    images = generator(z, labels)
    assert images.shape == (4, channels, size, size)
    assert images.abs().max() <= 1
    assert not torch.equal(images, generator(z, labels.flip(0)))
    logits = discriminator(images, labels)
    assert logits.shape == (4, 1)
    torch.testing.assert_close(logits, discriminator(images.clone(), labels))
    assert not torch.equal(logits, discriminator(images, labels.flip(0)))


def test_a_conv_generators_pictures_double() -> None:
    x = torch.randn(2, 100)
    sides = []
    for layer in Generator(TrainConfig(arch="conv")).eval().layers:
        x = layer(x)
        sides.append(x.shape[-1])
    assert [sides[1], sides[4], sides[7]] == [7, 14, 28]


def test_the_seed_alone_decides_the_first_weights() -> None:
    before = torch.get_rng_state()
    drawn = [seeded_networks(TrainConfig(seed=seed)) for seed in (3, 3, 4)]
    weights = [torch.cat([p.ravel() for n in pair for p in n.parameters()]) for pair in drawn]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(torch.get_rng_state(), before)
