from __future__ import annotations

import torch
from torch import nn

from ganctl.training.losses import discriminator_loss, generator_loss


def test_they_are_the_notes_bceloss_on_a_sigmoid() -> None:
    torch.manual_seed(0)
    real, fake = torch.randn(64, 1) * 3, torch.randn(64, 1) * 3
    valid_truth, fake_truth = torch.ones(64, 1), torch.zeros(64, 1)
    bce = nn.BCELoss()
    note_g = bce(fake.sigmoid(), valid_truth)
    note_d = (bce(real.sigmoid(), valid_truth) + bce(fake.sigmoid(), fake_truth)) / 2
    torch.testing.assert_close(generator_loss(fake), note_g)
    torch.testing.assert_close(discriminator_loss(real, fake), note_d)


def test_a_sure_discriminator_gives_a_finite_loss_and_a_gradient() -> None:
    """A sigmoid in float32 is exactly 0 or 1 here, and the logarithm of 0 has no gradient."""
    logits = torch.tensor([[-200.0]], requires_grad=True)
    loss = generator_loss(logits)
    (slope,) = torch.autograd.grad(loss, logits)
    assert (loss.item(), slope.item()) == (200, -1)
