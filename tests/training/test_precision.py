from __future__ import annotations

from itertools import chain

import pytest
import torch
from torch import Tensor

from ganctl.config import train_config
from ganctl.training import precision
from ganctl.training.losses import non_saturating_discriminator, non_saturating_generator
from ganctl.training.precision import DTYPES, LowPrecision, resolve_precision
from ganctl.training.state import TrainState, new_state
from ganctl.training.step import adversarial_step

CPU = torch.device("cpu")


def batch() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.rand(32, 1, 28, 28) * 2 - 1, torch.randn(32, 100)


def gradients(state: TrainState) -> Tensor:
    players = chain(state.generator.parameters(), state.discriminator.parameters())
    return torch.cat([p.grad.flatten() for p in players if p.grad is not None]).clone()


def autocast_gradients(state: TrainState, dtype: torch.dtype) -> Tensor:
    """Return the gradients that torch's own automatic mixed precision gives."""
    real, z = batch()
    with torch.autocast("cpu", dtype):
        fake = state.generator(z)
        logits = state.discriminator(torch.cat((fake.float(), real))).float()
    g_loss = non_saturating_generator(logits[: len(z)]) * 1024
    d_loss = non_saturating_discriminator(logits[len(z) :], logits[: len(z)]) * 1024
    players = list(state.generator.parameters()), list(state.discriminator.parameters())
    g_gradients = torch.autograd.grad(g_loss, players[0], retain_graph=True)
    gradients = (*g_gradients, *torch.autograd.grad(d_loss, players[1]))
    return torch.cat([gradient.flatten() for gradient in gradients]) / 1024


@pytest.mark.parametrize("name", ["bf16", "fp16"])
def test_gradients_and_statistics_are_those_of_torchs_autocast(name: str) -> None:
    config = train_config()
    low, auto = new_state(config, CPU), new_state(config, CPU)
    players = LowPrecision(low.generator, low.discriminator, DTYPES[name])
    figures = players.adversarial_step(*batch())
    expected = autocast_gradients(auto, DTYPES[name])
    difference = (gradients(low) - expected).norm() / expected.norm()
    assert difference < 0.003
    for ours, theirs in zip(low.generator.buffers(), auto.generator.buffers(), strict=True):
        assert ours.dtype == theirs.dtype
        torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-3)
    plain = new_state(config, CPU)
    float32 = adversarial_step(plain.generator, plain.discriminator, *batch())
    torch.testing.assert_close(figures, float32, atol=0.01, rtol=0)
    assert not torch.equal(gradients(low), gradients(plain))


def test_the_copies_follow_the_weights() -> None:
    state = new_state(train_config(), CPU)
    players = LowPrecision(state.generator, state.discriminator, torch.bfloat16)
    real, z = batch()
    first = players.adversarial_step(real, z)
    with torch.no_grad():
        state.vectors["discriminator"].mul_(0)
    d_real, d_fake = players.adversarial_step(real, z)[2:].tolist()
    assert (d_real, d_fake) == (0.5, 0.5) != tuple(first[2:].tolist())


def test_weights_smaller_than_bf16_can_tell_apart_still_learn() -> None:
    """An update of a thousandth of a weight is lost in bf16, whose steps are 1/256."""
    state = new_state(train_config(lr=1e-5), CPU)
    players = LowPrecision(state.generator, state.discriminator, torch.bfloat16)
    before = state.vectors["generator"].detach().clone()
    players.adversarial_step(*batch())
    state.adam.step()
    assert (state.vectors["generator"] != before).float().mean() > 0.9


@pytest.mark.parametrize(("speedup", "chosen"), [(0.5, "fp32"), (1.9, "fp32"), (3.0, "bf16")])
def test_auto_is_bf16_where_it_is_clearly_faster(
    speedup: float, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = {torch.float32: speedup, torch.bfloat16: 1.0}
    monkeypatch.setattr(precision, "_seconds", lambda dtype, _: seconds[dtype])
    assert resolve_precision("auto", CPU) == chosen
    assert resolve_precision("fp16", CPU) == "fp16"


def test_auto_decides_on_this_machine() -> None:
    assert resolve_precision("auto", CPU) in ("fp32", "bf16")
