"""Run by torchrun in each of two processes: writes what it finds as JSON.

Usage: distributed_worker.py FOLDER DATA
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ganctl.config import RunOptions, TrainConfig
from ganctl.training import loop
from ganctl.training.distributed import World
from ganctl.training.loop import Callback, Training
from ganctl.training.losses import non_saturating_discriminator, non_saturating_generator
from ganctl.training.session import open_session
from ganctl.training.state import TrainState, new_state
from ganctl.training.step import add_r1_penalty, adversarial_step

CPU = torch.device("cpu")


def grads(state: TrainState) -> list[Tensor]:
    return [vector.grad for vector in state.vectors.values() if vector.grad is not None]


def shared_step(world: World, state: TrainState, real: Tensor, z: Tensor) -> Tensor:
    single_step(state, world.share(real), world.share(z))
    world.average(grads(state))
    return torch.cat(grads(state))


def single_step(state: TrainState, real: Tensor, z: Tensor) -> Tensor:
    adversarial_step(state.generator, state.discriminator, real, z)
    add_r1_penalty(state.discriminator, real, 1.6)
    return torch.cat(grads(state))


def ddp_step(world: World, real: Tensor, z: Tensor) -> Tensor:
    """Return both networks' gradients as torch's own DistributedDataParallel computes them."""
    state = state_without_average()
    generator: nn.Module = DistributedDataParallel(state.generator, broadcast_buffers=False)
    discriminator: nn.Module = DistributedDataParallel(state.discriminator)
    fake, real = generator(world.share(z)), world.share(real)
    logits = discriminator(torch.cat((fake, real)))
    g_loss = non_saturating_generator(logits[: len(fake)])
    d_loss = non_saturating_discriminator(logits[len(fake) :], logits[: len(fake)])
    torch.autograd.backward(g_loss, inputs=list(state.generator.parameters()), retain_graph=True)
    torch.autograd.backward(d_loss, inputs=list(state.discriminator.parameters()))
    parameters = [*state.generator.parameters(), *state.discriminator.parameters()]
    return torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])


def state_without_average() -> TrainState:
    return new_state(TrainConfig(recipe="classic", precision="fp32"), CPU)


def relative(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())


def equals_main(world: World, state: TrainState) -> bool:
    """Tell whether this process has the main one's weights."""
    weights = torch.cat([vector.detach() for vector in state.vectors.values()])
    mains = weights.clone()
    world.broadcast([mains])
    return torch.equal(weights, mains)


def gradients(world: World) -> dict[str, Any]:
    """Compare gradients of two processes with those of one, and with DistributedDataParallel's."""
    torch.manual_seed(5)
    real, z = torch.rand(16, 1, 28, 28) * 2 - 1, torch.randn(16, 100)

    def frozen() -> TrainState:
        """Return a state whose BatchNorm ignores the batch, so that its rows are independent."""
        state = state_without_average()
        state.generator.eval()
        return state

    shared, single = shared_step(world, frozen(), real, z), single_step(frozen(), real, z)
    ours = state_without_average()
    adversarial_step(ours.generator, ours.discriminator, world.share(real), world.share(z))
    world.average(grads(ours))
    averaged = torch.cat(grads(ours))
    tensor = torch.full((3,), float(world.rank))
    world.broadcast([tensor])
    for _ in range(3):
        shared_step(world, ours, real, z)
        ours.adam.step()
    sent = world.broadcast_bytes(b"main" if world.is_main else b"another")
    return {
        "equal": equals_main(world, ours),
        "shared": relative(shared, single),
        "own": relative(single_step(frozen(), world.share(real), world.share(z)), single),
        "ddp": relative(averaged, ddp_step(world, real, z)),
        "any": [world.any(world.rank == 1, CPU), world.any(False, CPU)],
        "broadcast": tensor.tolist(),
        "bytes": [sent.decode(), world.broadcast_bytes(b"").decode()],
        "backend": dist.get_backend(),
    }


class Refusing(Callback):
    """A callback of the second process, which has none."""

    def on_start(self, training: Training) -> None:
        raise AssertionError("called beside the main process")


def diverging_run(data: str) -> None:
    """Train a run whose second process gets NaN into BatchNorm statistics of its own."""
    given = {"data": data, "precision": "fp32", "epochs": 3, "eval_every": 0}
    every = {"checkpoint_every": 1, "sample_every": 1, "max_rollbacks": 1}
    options = RunOptions(name="run", device="cpu")
    with open_session(given | every, options) as session:
        state, world = session.state, session.world

        def poisoned(generator: nn.Module, *arguments: Any) -> Tensor:
            metrics = adversarial_step(generator, *arguments)
            if (world.rank, state.step, state.rollbacks) == (1, 5, 0):
                state.generator.layers[3].running_mean.fill_(torch.nan)  # type: ignore[operator]
            return metrics

        found = gradients(world)  # a process joins the others only once
        loop.adversarial_step = poisoned  # type: ignore[assignment,attr-defined]
        finished = session.train([] if world.is_main else [Refusing()])
        found |= {
            "ends": [finished, state.step, state.rollbacks],
            "equal after all": equals_main(world, state),
        }
        Path(sys.argv[1], f"{world.rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    diverging_run(sys.argv[2])
