"""Run by torchrun in each of two processes: measures, and leaves what it saw as JSON.

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

from ganctl.config import train_config
from ganctl.training.distributed import World, joined
from ganctl.training.losses import non_saturating_discriminator, non_saturating_generator
from ganctl.training.start import start_run
from ganctl.training.state import TrainState, new_state
from ganctl.training.step import add_gradient_penalty, adversarial_step

CPU = torch.device("cpu")


def gradients(state: TrainState) -> list[Tensor]:
    return [vector.grad for vector in state.vectors.values() if vector.grad is not None]


def shared_step(world: World, state: TrainState, real: Tensor, z: Tensor) -> Tensor:
    adversarial_step(state.generator, state.discriminator, world.share(real), world.share(z))
    add_gradient_penalty(state.discriminator, world.share(real), 1.6)
    world.average(gradients(state))
    return torch.cat(gradients(state))


def single_step(state: TrainState, real: Tensor, z: Tensor) -> Tensor:
    adversarial_step(state.generator, state.discriminator, real, z)
    add_gradient_penalty(state.discriminator, real, 1.6)
    return torch.cat(gradients(state))


def ddp_step(world: World, real: Tensor, z: Tensor) -> Tensor:
    """Return the discriminator's gradient as torch's own DistributedDataParallel reckons it."""
    state = state_without_average()
    generator: nn.Module = DistributedDataParallel(state.generator, broadcast_buffers=False)
    discriminator: nn.Module = DistributedDataParallel(state.discriminator)
    fake, real = generator(world.share(z)), world.share(real)
    logits = discriminator(torch.cat((fake, real)))
    g_loss = non_saturating_generator(logits[: len(fake)])
    d_loss = non_saturating_discriminator(logits[len(fake) :], logits[: len(fake)])
    torch.autograd.backward(g_loss, inputs=list(state.generator.parameters()), retain_graph=True)
    torch.autograd.backward(d_loss, inputs=list(state.discriminator.parameters()))
    players = [*state.generator.parameters(), *state.discriminator.parameters()]
    return torch.cat([p.grad.flatten() for p in players if p.grad is not None])


def state_without_average() -> TrainState:
    return new_state(train_config(recipe="classic", precision="fp32"), CPU)


def relative(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())


def measure(world: World) -> dict[str, Any]:
    torch.manual_seed(5)
    real, z = torch.rand(16, 1, 28, 28) * 2 - 1, torch.randn(16, 100)

    def frozen() -> TrainState:
        """A state whose BatchNorm does not look at the batch, so that no row sees another."""
        state = state_without_average()
        state.generator.eval()
        return state

    shared, single = shared_step(world, frozen(), real, z), single_step(frozen(), real, z)
    ours = state_without_average()
    adversarial_step(ours.generator, ours.discriminator, world.share(real), world.share(z))
    world.average(gradients(ours))
    averaged = torch.cat(gradients(ours))
    tensor = torch.full((3,), float(world.rank))
    world.take_from_leader([tensor])
    for _ in range(3):
        shared_step(world, ours, real, z)
        ours.adam.step()
    weights = torch.cat([vector.detach() for vector in ours.vectors.values()])
    leaders = weights.clone()
    world.take_from_leader([leaders])
    return {
        "equal": torch.equal(weights, leaders),
        "joint": relative(shared, single),
        "alone": relative(single_step(frozen(), world.share(real), world.share(z)), single),
        "ddp": relative(averaged, ddp_step(world, real, z)),
        "any": [world.any(world.rank == 1, CPU), world.any(False, CPU)],
        "leaders": tensor.tolist(),
        "backend": dist.get_backend(),
    }


class Untouched:
    """The record of a process that has nothing to write."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} of the record, in a process beside the leading one")


def train_with_a_sick_follower(world: World, data: str) -> dict[str, Any]:
    """Let BatchNorm's statistics, which are not shared, lose their numbers in one process."""
    config = train_config(
        data=data,
        precision="fp32",
        epochs=3,
        checkpoint_every=1,
        sample_every=1,
        max_rollbacks=1,
    )
    training = start_run(config, "sick", CPU, True, lambda _: None, world)
    state, step = training.state, training._step
    if not world.leads:
        training._record = Untouched()  # type: ignore[assignment]

    def sickening(real: Tensor, z: Tensor, labels: Tensor | None) -> None:
        step(real, z, labels)
        if (world.rank, state.step, state.rollbacks) == (1, 6, 0):
            state.generator.layers[3].running_mean.fill_(torch.nan)  # type: ignore[operator]

    training._step = sickening  # type: ignore[method-assign]
    finished = training.train(lambda _: None, lambda: False)
    weights = torch.cat([vector.detach() for vector in state.vectors.values()])
    leaders = weights.clone()
    world.take_from_leader([leaders])
    told = world.bytes_from_leader(b"leader" if world.leads else b"another")
    return {
        "ends": [finished, state.step, state.rollbacks],
        "equal after all": torch.equal(weights, leaders),
        "bytes": [told.decode(), world.bytes_from_leader(b"").decode()],
    }


if __name__ == "__main__":
    with joined(CPU) as joined_world:
        seen = measure(joined_world) | train_with_a_sick_follower(joined_world, sys.argv[2])
        Path(sys.argv[1], f"{joined_world.rank}.json").write_text(json.dumps(seen))
