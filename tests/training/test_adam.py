from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from ganctl.training.adam import Adam, flatten, unflatten


def vectors(dtype: torch.dtype = torch.float32) -> list[nn.Parameter]:
    torch.manual_seed(0)
    return [nn.Parameter(torch.randn(size, dtype=dtype)) for size in (1000, 37)]


def grad(vector: Tensor, step: int) -> Tensor:
    return torch.sin(vector.detach() * (step + 1)) * 10.0**-step


@pytest.mark.parametrize("betas", [(0.5, 0.999), (0.0, 0.9)])
def test_it_updates_the_weights_as_torchs_own_does(betas: tuple[float, float]) -> None:
    ours, theirs = vectors(), vectors()
    adam = Adam(ours, 2e-3, betas)
    expected = torch.optim.Adam(theirs, lr=2e-3, betas=betas, fused=True)
    for step in range(5):
        for vector in (*ours, *theirs):
            vector.grad = grad(vector, step)
        adam.step()
        expected.step()
    for vector, other, moments in zip(ours, theirs, adam.moments, strict=True):
        assert torch.equal(vector, other)
        for key, value in expected.state[other].items():
            assert torch.equal(moments[key], value), key


def test_it_is_the_papers_algorithm() -> None:
    """Kingma and Ba 2015, algorithm 1, written out in float64."""
    (vector, _), lr, (b1, b2) = vectors(torch.float64), 0.01, (0.5, 0.999)
    adam = Adam([vector], lr, (b1, b2))
    theta, m, v = vector.detach().clone(), torch.zeros(1000), torch.zeros(1000)
    for t in range(1, 6):
        g = grad(theta, t)
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        theta = theta - lr * (m / (1 - b1**t)) / ((v / (1 - b2**t)).sqrt() + 1e-8)
        vector.grad = grad(vector, t)
        adam.step()
    torch.testing.assert_close(vector.detach(), theta)


def test_training_does_not_import_torchs_compiler() -> None:
    """It would take as long as torch itself."""
    program = (
        "import sys, torch, ganctl.training.session\n"
        "from ganctl.config import TrainConfig\n"
        "from ganctl.training.state import new_state\n"
        "from ganctl.training.step import adversarial_step\n"
        "state = new_state(TrainConfig(), torch.device('cpu'))\n"
        "real, z = torch.zeros(2, 1, 28, 28), torch.zeros(2, 100)\n"
        "for dtype in (torch.float32, torch.bfloat16):\n"
        "    adversarial_step(state.generator, state.discriminator, real, z, dtype=dtype)\n"
        "state.adam.step()\n"
        "assert 'torch._dynamo' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def test_parameters_and_gradients_become_views_of_one_vector() -> None:
    layers = network()
    before = [parameter.detach().clone() for parameter in layers.parameters()]
    vector = flatten(layers)
    assert vector.shape == (sum(value.numel() for value in before),)
    assert vector.grad is not None and not vector.grad.any()
    for parameter, value in zip(layers.parameters(), before, strict=True):
        assert torch.equal(parameter, value)
        assert parameter.grad is not None
        parameter.grad.copy_(value)
    for piece, value in zip(unflatten(layers, vector.grad), before, strict=True):
        assert torch.equal(piece, value)
    other = copy.deepcopy(layers)
    with torch.no_grad():
        vector.zero_()
    assert all(not parameter.any() for parameter in layers.parameters())
    assert next(other.parameters()).any()  # a copy is independent
