from __future__ import annotations

import pytest
import torch
from torch import nn

from ganctl.config import TrainConfig, fields
from ganctl.models.networks import ARCHITECTURES
from ganctl.training.losses import OBJECTIVES


def test_non_saturating_is_the_notes_bceloss_on_a_sigmoid() -> None:
    torch.manual_seed(0)
    real, fake = torch.randn(64, 1) * 3, torch.randn(64, 1) * 3
    valid_target, fake_target = torch.ones(64, 1), torch.zeros(64, 1)
    bce = nn.BCELoss()
    note_g = bce(fake.sigmoid(), valid_target)
    note_d = (bce(real.sigmoid(), valid_target) + bce(fake.sigmoid(), fake_target)) / 2
    torch.testing.assert_close(OBJECTIVES["non-saturating"].generator(fake), note_g)
    torch.testing.assert_close(OBJECTIVES["non-saturating"].discriminator(real, fake), note_d)


def test_a_certain_discriminator_gives_a_finite_loss_and_gradient() -> None:
    """A sigmoid in float32 is exactly 0 or 1 here, and the logarithm of 0 has no gradient."""
    logits = torch.tensor([[-200.0]], requires_grad=True)
    loss = OBJECTIVES["non-saturating"].generator(logits)
    (grad,) = torch.autograd.grad(loss, logits)
    assert (loss.item(), grad.item()) == (200, -1)


REAL, FAKE = torch.tensor([[2.0], [0.5]]), torch.tensor([[-3.0], [0.0]])


@pytest.mark.parametrize(
    ("name", "generator", "discriminator"),
    [
        ("hinge", 1.5, ((0 + 0.5) / 2 + (0 + 1) / 2) / 2),
        ("least-squares", (16 + 1) / 4, ((1 + 0.25) / 2 + (9 + 0) / 2) / 2),
        ("wasserstein", 1.5, -1.5 - 1.25),
    ],
)
def test_the_others_by_hand(name: str, generator: float, discriminator: float) -> None:
    objective = OBJECTIVES[name]
    assert objective.generator(FAKE).item() == pytest.approx(generator)
    assert objective.discriminator(REAL, FAKE).item() == pytest.approx(discriminator)


def test_the_configuration_offers_all_of_them() -> None:
    assert tuple(OBJECTIVES) == fields(TrainConfig)["objective"].choices
    assert tuple(ARCHITECTURES) == fields(TrainConfig)["arch"].choices
