"""The adversarial step against independent references, and the classic recipe against the note."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganctl.config import TrainConfig
from ganctl.data import ImageData
from ganctl.models.networks import seeded_networks
from ganctl.runs.run_dir import RunDir
from ganctl.training.device import DTYPES
from ganctl.training.loop import Callback, Epoch, Training, epoch_batches, scale
from ganctl.training.losses import OBJECTIVES, Objective
from ganctl.training.state import TrainState, new_state, state_of
from ganctl.training.step import (
    NON_SATURATING,
    add_lipschitz_penalty,
    add_r1_penalty,
    adversarial_step,
)

from .helpers import CPU

STEPS = 10

# Biases that BatchNorm cancels, and the running means that contain them: their gradient is zero
# but for rounding, which Adam scales up. They can be compared in float64 only.
CANCELLED = [f"generator.layers.{i}.bias" for i in (2, 5, 8)] + [
    f"generator.layers.{i}.running_mean" for i in (3, 6, 9)
]


def grads(*networks: nn.Module) -> list[Tensor]:
    """Return copies of all gradients."""
    parameters = chain.from_iterable(network.parameters() for network in networks)
    return [parameter.grad.clone() for parameter in parameters if parameter.grad is not None]


def two_passes(
    generator: nn.Module,
    discriminator: nn.Module,
    real: Tensor,
    z: Tensor,
    labels: Tensor | None = None,
    objective: Objective = NON_SATURATING,
) -> list[Tensor]:
    """Return both networks' gradients by two independent backward passes."""
    d_parameters = list(discriminator.parameters())
    fake = generator(z, labels)
    g_loss = objective.generator(discriminator(fake, labels))
    g_grads = torch.autograd.grad(g_loss, list(generator.parameters()))
    real_logits, fake_logits = discriminator(real, labels), discriminator(fake.detach(), labels)
    d_loss = objective.discriminator(real_logits, fake_logits)
    return [*g_grads, *torch.autograd.grad(d_loss, d_parameters)]


@pytest.mark.parametrize(
    ("arch", "size", "channels", "classes", "name"),
    [
        ("mlp", 28, 1, 0, "non-saturating"),
        ("mlp", 28, 1, 3, "hinge"),
        ("mlp", 28, 1, 0, "least-squares"),
        ("mlp", 28, 1, 0, "wasserstein"),
        ("conv", 28, 1, 0, "hinge"),
        ("conv", 16, 3, 3, "non-saturating"),
        ("conv", 29, 3, 0, "non-saturating"),
        ("conv", 6, 1, 3, "wasserstein"),
    ],
)
def test_the_gradients_are_those_of_two_backward_passes(
    arch: str, size: int, channels: int, classes: int, name: str
) -> None:
    """Whether fake and real images pass the discriminator in one batch or in two."""
    config = TrainConfig(arch=arch, img_size=size, channels=channels, classes=classes)  # type: ignore[arg-type]
    state = new_state(config, CPU)
    reference = copy.deepcopy((state.generator, state.discriminator))
    torch.manual_seed(3)
    real, z = torch.rand(8, channels, size, size) * 2 - 1, torch.randn(8, 100)
    labels = torch.randint(0, classes, (8,)) if classes else None
    inputs: tuple[Any, ...] = (real, z, labels, OBJECTIVES[name])
    expected = two_passes(*reference, *inputs)
    buffers = list(reference[0].buffers())
    for joint in (True, False):
        state = new_state(config, CPU)
        state.discriminator.joint_batch = joint
        adversarial_step(state.generator, state.discriminator, *inputs)
        for ours, theirs in zip(grads(state.generator, state.discriminator), expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
        for ours, theirs in zip(state.generator.buffers(), buffers, strict=True):
            torch.testing.assert_close(ours, theirs)  # BatchNorm's statistics, updated once


class OtherGenerator(nn.Module):
    """A residual generator of layers that have no place in a `nn.Sequential` of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(5, 4 * 16)
        self.norm = nn.GroupNorm(2, 4)
        self.same = nn.Conv2d(4, 4, 3, padding=1)
        self.last = nn.Conv2d(4, 3, 1, bias=False)
        self.unused = nn.Parameter(torch.ones(2))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        x = self.first(z).view(-1, 4, 4, 4)
        x = x + nn.functional.gelu(self.same(self.norm(x)))
        return torch.tanh(self.last(nn.functional.interpolate(x, scale_factor=2)))


class OtherDiscriminator(nn.Module):
    """A discriminator with attention, dropout and a weight that is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        self.norm, self.dropout = nn.LayerNorm(8), nn.Dropout(0)
        self.twice, self.last = nn.Linear(8, 8), nn.Linear(8, 1)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        x = self.patches(images).flatten(2).transpose(1, 2)  # (B, 4, 8)
        x = self.norm(x + torch.softmax(x @ x.transpose(1, 2), 2) @ x)
        logits: Tensor = self.last(self.dropout(self.twice(self.twice(x))).mean(1))
        return logits


def test_any_two_modules_can_be_trained() -> None:
    torch.manual_seed(0)
    generator, discriminator = OtherGenerator(), OtherDiscriminator()
    real, z = torch.rand(6, 3, 8, 8) * 2 - 1, torch.randn(6, 5)
    used = [p for name, p in generator.named_parameters() if name != "unused"]
    fake = generator(z)
    g_loss = NON_SATURATING.generator(discriminator(fake))
    d_loss = NON_SATURATING.discriminator(discriminator(real), discriminator(fake.detach()))
    expected = torch.autograd.grad(g_loss, used)
    expected += torch.autograd.grad(d_loss, list(discriminator.parameters()))
    for _ in range(2):  # whose gradients are None at first
        adversarial_step(generator, discriminator, real, z)
        found = [p.grad for p in (*used, *discriminator.parameters())]
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
    assert not generator.unused.grad.any()  # type: ignore[union-attr]
    add_r1_penalty(discriminator, real, 1.0)
    assert all(bool(grad.isfinite().all()) for grad in grads(discriminator))


def test_the_metrics_are_what_they_are_called() -> None:
    state = new_state(TrainConfig(), CPU)
    real, z = torch.rand(8, 1, 28, 28), torch.randn(8, 100)
    found = adversarial_step(state.generator, state.discriminator, real, z)
    with torch.no_grad():
        fake = state.discriminator(state.generator(z)).sigmoid()
        truth = state.discriminator(real).sigmoid()
    g_loss = -fake.log().mean()
    d_loss = (-truth.log().mean() - (1 - fake).log().mean()) / 2
    torch.testing.assert_close(found, torch.stack([g_loss, d_loss, truth.mean(), fake.mean()]))


@pytest.mark.parametrize("arch", ["mlp", "conv"])
@pytest.mark.parametrize(("name", "error"), [("bf16", 0.15), ("fp16", 0.06)])
def test_16_bit_gradients_are_close_to_those_of_fp32_and_stored_in_fp32(
    name: str, error: float, arch: str
) -> None:
    states = [new_state(TrainConfig(arch=arch), CPU) for _ in range(2)]  # type: ignore[arg-type]
    torch.manual_seed(1)
    real, z = torch.rand(32, 1, 28, 28) * 2 - 1, torch.randn(32, 100)
    found = [
        adversarial_step(state.generator, state.discriminator, real, z, dtype=dtype)
        for state, dtype in zip(states, (DTYPES[name], torch.float32), strict=True)
    ]
    low, full = states
    torch.testing.assert_close(found[0], found[1], atol=0.01, rtol=0)
    for network in ("generator", "discriminator"):
        ours, theirs = low.vectors[network].grad, full.vectors[network].grad
        assert ours is not None and theirs is not None
        assert ours.dtype == low.vectors[network].dtype == torch.float32
        assert 0 < (ours - theirs).norm() / theirs.norm() < error
    for one, other in zip(low.generator.buffers(), full.generator.buffers(), strict=True):
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other, atol=0.01, rtol=0.05)


def test_small_gradients_survive_fp16() -> None:
    """Below 6e-8 fp16 has only 0: without a factor, the loss of a large batch loses them."""
    torch.manual_seed(1)
    shares = []
    for dtype in (torch.float32, torch.float16):
        state = new_state(TrainConfig(), CPU)
        real, z = torch.rand(64, 1, 28, 28) * 2 - 1, torch.randn(64, 100)
        state.vectors["discriminator"].data.mul_(0.5)
        adversarial_step(state.generator, state.discriminator, real, z, dtype=dtype)
        shares.append(float((grads(state.generator)[0] != 0).float().mean()))
    assert shares[1] > 0.99 * shares[0] > 0.9


def test_weights_learn_below_the_resolution_of_bf16() -> None:
    """An update of a thousandth of a weight would be lost in bf16, whose steps are 1/256."""
    state = new_state(TrainConfig(lr=1e-5), CPU)
    before = state.vectors["generator"].detach().clone()
    real, z = torch.rand(32, 1, 28, 28) * 2 - 1, torch.randn(32, 100)
    adversarial_step(state.generator, state.discriminator, real, z, dtype=torch.bfloat16)
    state.adam.step()
    assert (state.vectors["generator"] != before).float().mean() > 0.9


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


def note_loop(
    state: TrainState, batches: list[Tensor], latents: list[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    """Run the note's loop from the weights of ``state``; return its losses and final values."""
    generator, discriminator = note_generator(), note_discriminator()
    generator.to(batches[0].dtype), discriminator.to(batches[0].dtype)
    copy_weights(state.generator, generator)
    copy_weights(state.discriminator, discriminator)
    adversarial_loss = nn.BCELoss()
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=0.0002, betas=(0.5, 0.999))
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=0.0002, betas=(0.5, 0.999))
    losses = []
    for real_imgs, z in zip(batches, latents, strict=True):
        valid = torch.ones(len(real_imgs), 1, dtype=real_imgs.dtype)
        fake = torch.zeros(len(real_imgs), 1, dtype=real_imgs.dtype)

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


def assert_values(state: TrainState, expected: list[Tensor], skipped: list[str]) -> None:
    values = {f"generator.{k}": v for k, v in state.generator.state_dict().items()}
    values |= {f"discriminator.{k}": v for k, v in state.discriminator.state_dict().items()}
    for (name, value), other in zip(values.items(), expected, strict=True):
        if name not in skipped:
            torch.testing.assert_close(value, other, atol=1e-5, rtol=0, msg=name)


class Losses(Callback):
    """Keeps the last epoch's mean losses."""

    def on_epoch_end(self, training: Training, epoch: Epoch) -> None:
        self.found = [epoch.progress.g_loss, epoch.progress.d_loss]


def test_an_epoch_of_the_classic_recipe_is_that_of_the_note() -> None:
    config = TrainConfig(recipe="classic", precision="fp32", epochs=1)
    state = new_state(config, CPU)
    images = np.random.default_rng(0).integers(0, 256, (64 * STEPS, 1, 28, 28), np.uint8)
    real = scale(torch.from_numpy(images))
    batches = [real[indices] for indices in epoch_batches(config.seed, 0, len(real), 64)]
    rng = torch.Generator().manual_seed(config.seed)
    latents = [torch.randn(64, 100, generator=rng) for _ in batches]
    expected_losses, expected = note_loop(state, batches, latents)

    losses, data = Losses(), ImageData("random", images, None, (), "")
    assert Training(state, data, config, RunDir(Path("nowhere")), [losses]).run_epochs()
    assert losses.found == pytest.approx(expected_losses.mean(0).tolist(), abs=1e-5)
    assert_values(state, expected, skipped=CANCELLED)


def test_ten_steps_of_the_classic_recipe_are_those_of_the_note_in_float64() -> None:
    config = TrainConfig(recipe="classic")
    generator, discriminator = seeded_networks(config)
    state = state_of(generator.double(), discriminator.double(), config, CPU)
    torch.manual_seed(1)
    batches = list(torch.rand(STEPS, 64, 1, 28, 28, dtype=torch.float64) * 2 - 1)
    latents = list(torch.randn(STEPS, 64, 100, dtype=torch.float64))
    expected_losses, expected = note_loop(state, batches, latents)
    for real, z, losses in zip(batches, latents, expected_losses, strict=True):
        found = adversarial_step(state.generator, state.discriminator, real, z)
        torch.testing.assert_close(found[:2].double(), losses, atol=1e-5, rtol=0)
        state.adam.step()
    assert_values(state, expected, skipped=[])


def r1(discriminator: nn.Module, real: Tensor) -> Tensor:
    """Mean |∇x D(x)|² / 2, image by image."""
    total = torch.zeros((), dtype=real.dtype)
    for image in real:
        x = image[None].clone().requires_grad_()
        (grad,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
        total = total + (grad**2).sum() / 2
    return total / len(real)


def lipschitz(discriminator: nn.Module, between: Tensor) -> Tensor:
    """Mean (|∇x D(x)| - 1)², image by image."""
    total = torch.zeros((), dtype=between.dtype)
    for image in between:
        x = image[None].clone().requires_grad_()
        (grad,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
        total = total + ((grad**2).sum().sqrt() - 1) ** 2
    return total / len(between)


@pytest.mark.parametrize("arch", ["mlp", "conv"])
def test_the_penalties_are_those_of_the_papers(arch: str) -> None:
    torch.manual_seed(0)
    state = new_state(TrainConfig(arch=arch, img_size=8), CPU)  # type: ignore[arg-type]
    discriminator = state.discriminator.double()
    reference = copy.deepcopy(discriminator)
    real, fake = torch.rand(2, 5, 1, 8, 8, dtype=torch.float64) * 2 - 1
    mix = torch.rand(5, 1, dtype=torch.float64)
    between = mix[:, :, None, None] * real + (1 - mix[:, :, None, None]) * fake
    cases: list[tuple[Callable[[], None], Callable[[], Tensor]]] = [
        (lambda: add_r1_penalty(discriminator, real, 3.0), lambda: 3 * r1(reference, real)),
        (
            lambda: add_lipschitz_penalty(discriminator, real, fake, mix, 3.0),
            lambda: 3 * lipschitz(reference, between),
        ),
    ]
    for add, penalty in cases:
        for parameter, other in zip(
            discriminator.parameters(), reference.parameters(), strict=True
        ):
            parameter.grad, other.grad = torch.ones_like(parameter), torch.ones_like(other)
        add()
        penalty().backward()  # type: ignore[no-untyped-call]
        for ours, theirs in zip(grads(discriminator), grads(reference), strict=True):
            torch.testing.assert_close(ours, theirs)


def test_a_conditional_penalty_is_that_of_the_images_classes() -> None:
    state = new_state(TrainConfig(img_size=8, classes=3), CPU)
    discriminator, real = state.discriminator, torch.rand(5, 1, 8, 8)
    labels = torch.tensor([0, 2, 0, 0, 2])
    add_r1_penalty(discriminator, real, 1.0, labels)
    last = grads(discriminator)[-2]  # (3, 256), one row per class
    assert last[0].any() and not last[1].any() and last[2].any()
