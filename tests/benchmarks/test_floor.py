from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.floor import Floor, generator_products, layer_products
from ganctl.config import TrainConfig
from ganctl.models.networks import seeded_networks
from ganctl.training.losses import non_saturating_discriminator, non_saturating_generator


def test_its_products_are_those_of_a_step_of_the_real_networks() -> None:
    generator, discriminator = seeded_networks(TrainConfig())
    z, real = torch.randn(64, 100), torch.randn(64, 1, 28, 28)
    with FlopCounterMode(display=False) as counter:
        fake = generator(z)
        logits = discriminator(torch.cat((fake.detach(), real)))
        d_loss = non_saturating_discriminator(logits[64:], logits[:64])
        torch.autograd.grad(d_loss, list(discriminator.parameters()))
    judged = discriminator(fake)  # its forward pass was counted above
    with FlopCounterMode(display=False) as backward:
        torch.autograd.grad(non_saturating_generator(judged), list(generator.parameters()))
    expected = counter.get_total_flops() + backward.get_total_flops()
    assert Floor(TrainConfig(), 64, torch.float32).flops == expected


def test_the_products_of_a_layer_are_its_own_and_its_gradients() -> None:
    layer = nn.Linear(5, 3, bias=False)
    products = layer_products(layer, 4, torch.float32)
    for a, b, out in products:
        torch.mm(a, b, out=out)
    (x, _, y), (dy_t, _, dw), (dy, _, dx) = products
    x.requires_grad_()
    expected = layer(x)
    torch.testing.assert_close(y, expected)
    expected.backward(dy)
    torch.testing.assert_close(dw, layer.weight.grad)
    torch.testing.assert_close(dx, x.grad)
    assert dy_t.data_ptr() == dy.data_ptr()


def test_nobody_asks_for_the_latents_gradient() -> None:
    layers = [nn.Linear(2, 3), nn.Linear(3, 4)]
    assert len(generator_products(layers, 8, torch.float32)) == 2 + 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_run_stands_for_whole_batches(dtype: torch.dtype) -> None:
    floor = Floor(TrainConfig(img_size=4), 8, dtype)
    (weights,) = floor.adam.param_groups[0]["params"]
    before = weights.clone()
    assert floor.run(3) == 24
    assert not torch.equal(weights, before)
    assert floor.products[0][2].dtype == dtype
