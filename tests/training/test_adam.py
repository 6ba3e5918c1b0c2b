from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from ganctl.training.adam import Adam


def vectors(dtype: torch.dtype = torch.float32) -> list[nn.Parameter]:
    torch.manual_seed(0)
    return [nn.Parameter(torch.randn(size, dtype=dtype)) for size in (1000, 37)]


def gradient(vector: Tensor, step: int) -> Tensor:
    return torch.sin(vector.detach() * (step + 1)) * 10.0**-step


@pytest.mark.parametrize("betas", [(0.5, 0.999), (0.0, 0.9)])
def test_it_moves_the_weights_as_torchs_own(betas: tuple[float, float]) -> None:
    ours, theirs = vectors(), vectors()
    adam = Adam(ours, 2e-3, betas)
    expected = torch.optim.Adam(theirs, lr=2e-3, betas=betas, fused=True)
    for step in range(5):
        for vector in (*ours, *theirs):
            vector.grad = gradient(vector, step)
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
        g = gradient(theta, t)
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        theta = theta - lr * (m / (1 - b1**t)) / ((v / (1 - b2**t)).sqrt() + 1e-8)
        vector.grad = gradient(vector, t)
        adam.step()
    torch.testing.assert_close(vector.detach(), theta)


def test_training_does_not_import_torchs_compiler() -> None:
    """It would take as long as torch itself."""
    program = (
        "import sys, torch, ganctl.training.loop\n"
        "from ganctl.config import train_config\n"
        "from ganctl.training.state import new_state\n"
        "state = new_state(train_config(), torch.device('cpu'))\n"
        "state.adam.step()\n"
        "assert 'torch._dynamo' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
