"""One run on several processes, started by torchrun, on torch's own process groups.

Every process holds both networks and all images. Batches and latents are those of a single process;
each process takes its slice of them, and gradients are averaged before the update, as
DistributedDataParallel does with one bucket. So all weights are equal, and a checkpoint serves any
number of processes.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from ganctl.errors import BadInput, OutOfResources

TIMEOUT = timedelta(minutes=10)  # for a process that is alive but does not answer


@dataclass(frozen=True)
class World:
    """This process among those of the run; a single one unless torchrun started it."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Tell whether this process shows, writes and saves."""
        return self.rank == 0

    def check(self, batch_size: int) -> None:
        """Refuse a total batch size that the processes cannot share.

        Raises:
            BadInput: it is not a multiple of their number, or too small for BatchNorm.
        """
        if self.size > 1 and (batch_size % self.size or batch_size < 2 * self.size):
            raise BadInput(
                f"{self.size} processes cannot share a batch of {batch_size}",
                f"--batch-size: a multiple of {self.size}, at least {2 * self.size}",
            )

    def share(self, batch: Tensor) -> Tensor:
        """Return this process's rows of a batch (B, …): equal slices; B mod size rows are unused.

        If a slice would have fewer than the two rows that BatchNorm needs, all take all rows.
        """
        rows = len(batch) // self.size
        return batch if rows < 2 else batch[self.rank * rows : (self.rank + 1) * rows]

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its mean over all processes.

        Raises:
            OutOfResources: another process is gone.
        """
        if self.size > 1:
            with _lost_connections():
                for tensor in tensors:
                    dist.all_reduce(tensor)
                    tensor.div_(self.size)

    def broadcast(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by that of the main process; errors as of `average`."""
        if self.size > 1:
            with _lost_connections():
                for tensor in tensors:
                    dist.broadcast(tensor, src=0)

    def broadcast_bytes(self, data: bytes) -> bytes:
        """Return the main process's ``data``; errors as of `average`."""
        if self.size == 1:
            return data
        count = torch.tensor(len(data))
        self.broadcast([count])
        shared = torch.empty(int(count), dtype=torch.uint8)
        if self.is_main:
            shared = torch.tensor(bytearray(data), dtype=torch.uint8)
        if len(shared):
            self.broadcast([shared])
        return shared.numpy().tobytes()

    def any(self, here: bool, device: torch.device) -> bool:
        """Return whether ``here`` is true in any process; errors as of `average`."""
        if self.size == 1:
            return here
        votes = torch.tensor(float(here), device=device)
        self.average([votes])
        return bool(votes > 0)

    @contextmanager
    def main_first(self) -> Iterator[None]:
        """Let the main process run the block before the others; errors as of `average`."""
        nothing = [torch.zeros(1)]
        if not self.is_main:
            self.average(nothing)  # which waits for the others
        yield
        if self.is_main:
            self.average(nothing)


ALONE = World()


def _variable(name: str, default: int = 0) -> int:
    return int(os.environ.get(name, default))


def restarts() -> int:
    """Return how often torchrun has restarted this run after a failure."""
    return _variable("TORCHELASTIC_RESTART_COUNT")


def job() -> str:
    """Return an identifier of this torchrun, the same over its restarts."""
    return f"{os.environ.get('TORCHELASTIC_RUN_ID', '')} {platform.node()} {os.getppid()}"


def may_restart() -> bool:
    """Tell whether torchrun would restart this run after a failure."""
    return _variable("TORCHELASTIC_MAX_RESTARTS") > 0


def local_rank() -> int:
    """Return the rank of this process on this machine."""
    return _variable("LOCAL_RANK")


def local_size() -> int:
    """Return how many processes of the run are on this machine."""
    return _variable("LOCAL_WORLD_SIZE", 1)


@contextmanager
def joined(device: torch.device) -> Iterator[World]:
    """Join the other processes, if torchrun started several, for the block.

    Args:
        device: where the networks train: nccl connects CUDA devices, gloo everything else.

    Raises:
        BadInput: the device cannot take part, or the environment is not torchrun's.
        OutOfResources: the others cannot be reached.
    """
    size = _variable("WORLD_SIZE", 1)
    if size == 1:
        yield ALONE
        return
    if device.type == "mps":
        raise BadInput("mps devices cannot share a run", "--device cpu")
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    with _lost_connections():
        try:
            store, rank, _ = next(rendezvous("env://", timeout=TIMEOUT))
        except ValueError as error:
            raise BadInput(
                f"WORLD_SIZE is {size}, but {error}", "start it with torchrun, or unset WORLD_SIZE"
            ) from error
        if local_size() == size:
            # torchrun keeps one store over all restarts, with the addresses of dead processes
            # (torch 2.14). Machines count restarts separately, so on several machines only
            # TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 helps.
            prefix = f"attempt {restarts()}"
            store = dist.PrefixStore(prefix, store)  # type: ignore[attr-defined]
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=TIMEOUT)
    try:
        yield World(rank, size)
    finally:
        dist.destroy_process_group()


@contextmanager
def _lost_connections() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # gloo and nccl have no class of their own for it
        raise OutOfResources(
            "another process of this run has ended or cannot be reached",
            "look for its own error (--debug shows this one's), then continue with --resume",
        ) from error
