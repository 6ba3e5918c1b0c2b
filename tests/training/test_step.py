"""The classic recipe against the study note's loop, written here independently and plainly."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganctl.config import ModelConfig, train_config
from ganctl.data import ImageData
from ganctl.models.networks import Discriminator, Generator, seeded_networks
from ganctl.runs.run_dir import RunDir
from ganctl.training.loop import Training
from ganctl.training.losses import non_saturating_discriminator, non_saturating_generator
from ganctl.training.state import TrainState, new_state, state_of
from ganctl.training.step import add_gradient_penalty, add_lipschitz_penalty, adversarial_step

STEPS = 10

CANCELLED = [f"generator.layers.{i}.bias" for i in (2, 5, 8)] + [
    f"generator.layers.{i}.running_mean" for i in (3, 6, 9)
]
"""Biases that the BatchNorm behind them takes out, and the running means that hold them: their
gradient is zero but for rounding, which Adam scales up, so float32 says nothing of them. float64
does."""


def note_generator() -> nn.Sequential:
    def block(in_feat: int, out_feat: int, normalize: bool = True) -> list[nn.Module]:
        layers: list[nn.Module] = [nn.Linear(in_feat, out_feat)]
        if normalize:
            layers.append(nn.BatchNorm1d(out_feat, 0.8))
        layers.append(nn.LeakyReLU(0.2, inplace=True))
        return layers

    return nn.Sequential(
        *block(100, 128, normalize=False),
        *block(128, 256),
        *block(256, 512),
        *block(512, 1024),
        nn.Linear(1024, 784),
        nn.Tanh(),
    )


def note_discriminator() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(784, 512),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Linear(512, 256),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Linear(256, 1),
        nn.Sigmoid(),
    )


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    values = source.state_dict().values()
    target.load_state_dict(dict(zip(target.state_dict(), values, strict=True)))


def note_loop(state: TrainState, batches: Tensor, latents: Tensor) -> tuple[Tensor, list[Tensor]]:
    """RunDir the note's loop from the same weights; return its losses and all that it ends with."""
    generator, discriminator = note_generator(), note_discriminator()
    generator.to(batches.dtype), discriminator.to(batches.dtype)
    copy_weights(state.generator, generator)
    copy_weights(state.discriminator, discriminator)
    adversarial_loss = nn.BCELoss()
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=0.0002, betas=(0.5, 0.999))
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=0.0002, betas=(0.5, 0.999))
    losses = []
    for real_imgs, z in zip(batches, latents, strict=True):
        valid = torch.ones(len(real_imgs), 1, dtype=batches.dtype)
        fake = torch.zeros(len(real_imgs), 1, dtype=batches.dtype)

        optimizer_g.zero_grad()
        gen_imgs = generator(z)
        g_loss = adversarial_loss(discriminator(gen_imgs), valid)
        g_loss.backward()
        optimizer_g.step()

        optimizer_d.zero_grad()
        real_loss = adversarial_loss(discriminator(real_imgs.flatten(1)), valid)
        fake_loss = adversarial_loss(discriminator(gen_imgs.detach()), fake)
        d_loss = (real_loss + fake_loss) / 2
        d_loss.backward()
        optimizer_d.step()
        losses.append(torch.stack((g_loss, d_loss)).detach())
    values = chain(generator.state_dict().values(), discriminator.state_dict().values())
    return torch.stack(losses), list(values)


def our_loop(state: TrainState, batches: Tensor, latents: Tensor) -> Tensor:
    """RunDir the classic recipe's own loop, step by step, over one epoch of ``batches``."""
    images = np.zeros((64 * STEPS, 1, 28, 28), np.uint8)
    data = ImageData("made up", images, None, (), "")
    config = train_config(recipe="classic", precision="fp32")
    training = Training(state, data, config, RunDir(Path("nowhere")))
    losses = []
    for real, z in zip(batches, latents, strict=True):
        before = state.epoch_totals.clone()
        training._step(real, z, None)
        losses.append((state.epoch_totals - before)[:2])
    return torch.stack(losses)


def autograd_step(
    generator: Generator,
    discriminator: Discriminator,
    real: Tensor,
    z: Tensor,
    labels: Tensor | None = None,
) -> list[Tensor]:
    """Return the gradients of both players as autograd reckons them."""
    fake = generator(z, labels)
    twice = None if labels is None else labels.repeat(2)
    logits = discriminator(torch.cat((fake, real)), twice)
    fake_logits, real_logits = logits[: len(fake)], logits[len(fake) :]
    g_loss, d_loss = (
        non_saturating_generator(fake_logits),
        non_saturating_discriminator(real_logits, fake_logits),
    )
    players = list(generator.parameters()), list(discriminator.parameters())
    g_gradients = torch.autograd.grad(g_loss, players[0], retain_graph=True)
    return [*g_gradients, *torch.autograd.grad(d_loss, players[1])]


@pytest.mark.parametrize("recipe", ["classic", "default"])
def test_the_gradients_are_autograds_to_the_last_bit(recipe: str) -> None:
    state = new_state(train_config(recipe=recipe), torch.device("cpu"))
    torch.manual_seed(3)
    real, z = torch.rand(16, 1, 28, 28) * 2 - 1, torch.randn(16, 100)
    buffers = {name: buffer.clone() for name, buffer in state.generator.named_buffers()}
    expected = autograd_step(state.generator, state.discriminator, real, z)
    moved = {name: buffer.clone() for name, buffer in state.generator.named_buffers()}
    state.generator.load_state_dict(buffers, strict=False)
    adversarial_step(state.generator, state.discriminator, real, z)
    players = chain(state.generator.parameters(), state.discriminator.parameters())
    for parameter, gradient in zip(players, expected, strict=True):
        assert parameter.grad is not None
        assert torch.equal(parameter.grad, gradient)
    for name, buffer in state.generator.named_buffers():
        assert torch.equal(buffer, moved[name]), name


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize(
    ("arch", "size", "channels"),
    [("mlp", 28, 1), ("conv", 28, 1), ("conv", 16, 3), ("conv", 29, 3), ("conv", 6, 1)],
)
def test_the_gradients_of_every_network_are_autograds(
    arch: str, size: int, channels: int, classes: int
) -> None:
    config = train_config(arch=arch, img_size=size, channels=channels)
    config = replace(config, model=replace(config.model, classes=classes))
    state = new_state(config, torch.device("cpu"))
    torch.manual_seed(3)
    real, z = torch.rand(8, channels, size, size) * 2 - 1, torch.randn(8, 100)
    labels = torch.randint(0, classes, (8,)) if classes else None
    expected = autograd_step(state.generator, state.discriminator, real, z, labels)
    adversarial_step(state.generator, state.discriminator, real, z, labels)
    players = chain(state.generator.parameters(), state.discriminator.parameters())
    for parameter, gradient in zip(players, expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_ten_steps_of_classic_are_those_of_the_note(dtype: torch.dtype) -> None:
    config = train_config(recipe="classic", precision="fp32")
    generator, discriminator = seeded_networks(config.model, config.seed)
    generator.to(dtype), discriminator.to(dtype)
    state = state_of(generator, discriminator, config, torch.device("cpu"))
    state.epoch_totals = state.epoch_totals.to(torch.float64)
    torch.manual_seed(1)
    batches = torch.rand(STEPS, 64, 1, 28, 28, dtype=dtype) * 2 - 1
    latents = torch.randn(STEPS, 64, 100, dtype=dtype)

    expected_losses, expected_weights = note_loop(state, batches, latents)
    losses = our_loop(state, batches, latents)

    torch.testing.assert_close(losses, expected_losses.double(), atol=1e-5, rtol=0)
    values = {f"generator.{k}": v for k, v in state.generator.state_dict().items()}
    values |= {f"discriminator.{k}": v for k, v in state.discriminator.state_dict().items()}
    for (name, value), expected in zip(values.items(), expected_weights, strict=True):
        if dtype == torch.float64 or name not in CANCELLED:
            torch.testing.assert_close(value, expected, atol=1e-5, rtol=0, msg=name)


def test_the_figures_are_what_they_are_called() -> None:
    state = new_state(train_config(), torch.device("cpu"))
    real, z = torch.rand(8, 1, 28, 28), torch.randn(8, 100)
    figures = adversarial_step(state.generator, state.discriminator, real, z)
    with torch.no_grad():
        fake = state.discriminator(state.generator(z)).sigmoid()
        truth = state.discriminator(real).sigmoid()
    expected = [
        -fake.log().mean(),
        (-truth.log().mean() - (1 - fake).log().mean()) / 2,
        truth.mean(),
        fake.mean(),
    ]
    torch.testing.assert_close(figures, torch.stack(expected))


def test_the_gradient_penalty_is_that_of_the_paper() -> None:
    """For a linear discriminator D(x) = w·x the penalty is weight / 2 · |w|², its gradient w."""
    discriminator = Discriminator(ModelConfig(img_size=4))
    linear = nn.Linear(16, 1)
    discriminator.layers = nn.Sequential(nn.Flatten(), linear)
    for parameter in discriminator.parameters():
        parameter.grad = torch.ones_like(parameter)
    add_gradient_penalty(discriminator, torch.rand(8, 1, 4, 4), weight=3.0)
    assert linear.weight.grad is not None and linear.bias.grad is not None
    torch.testing.assert_close(linear.weight.grad, 1 + 3 * linear.weight.detach())
    assert linear.bias.grad.item() == 1


def test_the_gradient_penalty_agrees_with_finite_differences() -> None:
    torch.manual_seed(0)
    state = new_state(train_config(img_size=4), torch.device("cpu"))
    discriminator = state.discriminator.double()
    weight = next(discriminator.parameters())
    real = torch.rand(8, 1, 4, 4, dtype=torch.float64)

    def penalty() -> float:
        x = real.clone().requires_grad_()
        slopes = torch.autograd.grad(discriminator(x).sum(), x)[0]
        return float(slopes.flatten(1).norm(dim=1).square().mean() * 0.5)

    for parameter in discriminator.parameters():
        parameter.grad = torch.zeros_like(parameter)
    add_gradient_penalty(discriminator, real, weight=1.0)
    assert weight.grad is not None
    weight.data[3, 5] += 1e-6
    above = penalty()
    weight.data[3, 5] -= 2e-6
    slope = (above - penalty()) / 2e-6
    assert weight.grad[3, 5].item() == pytest.approx(slope, rel=1e-5)


def test_the_lipschitz_penalty_is_that_of_the_paper() -> None:
    """For D(x) = w·x it is weight · (|w| - 1)², its gradient 2 · weight · (|w| - 1) · w / |w|."""
    discriminator = Discriminator(ModelConfig(img_size=4))
    linear = nn.Linear(16, 1)
    discriminator.layers = nn.Sequential(nn.Flatten(), linear)
    for parameter in discriminator.parameters():
        parameter.grad = torch.ones_like(parameter)
    images = torch.rand(2, 8, 1, 4, 4)
    add_lipschitz_penalty(discriminator, images[0], images[1], torch.rand(8, 1), weight=3.0)
    assert linear.weight.grad is not None and linear.bias.grad is not None
    weight = linear.weight.detach()
    norm = weight.norm()
    torch.testing.assert_close(linear.weight.grad, 1 + 6 * (norm - 1) * weight / norm)
    assert linear.bias.grad.item() == 1


def test_the_lipschitz_penalty_looks_between_real_and_fake() -> None:
    """D(x) = relu(x)'s slope tells on which side of 0 it was looked at."""
    discriminator = Discriminator(ModelConfig(img_size=4))
    linear = nn.Linear(1, 1, bias=False)
    discriminator.layers = nn.Sequential(nn.ReLU(), linear)
    linear.weight.data.fill_(3)
    real, fake = torch.full((2, 1), 1.0), torch.full((2, 1), -1.0)
    linear.weight.grad = torch.zeros(1, 1)
    add_lipschitz_penalty(discriminator, real, fake, torch.tensor([[0.9], [0.1]]), weight=1.0)
    # At 0.8 the slope is w = 3, of which (w - 1)² / 2 has the gradient w - 1; at -0.8 it is 0.
    torch.testing.assert_close(linear.weight.grad, torch.tensor([[2.0]]))
