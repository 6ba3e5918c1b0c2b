"""Where and how a run computes: device, CPU threads and precision."""

from __future__ import annotations

import os
import time

import torch

from ganctl.environment import DEVICES, cpu_count, is_device
from ganctl.errors import BadInput, WrongValue
from ganctl.text import counted

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
BF16_SPEEDUP = 2.0  # `auto` takes bf16 if its matrix products are this much faster than fp32's
BUSY = 0.25  # share of cores busy with other work from which a warning is useful


def resolve_device(name: str, local_rank: int = 0, processes: int = 1) -> torch.device:
    """Return the device that ``name`` means: auto, cpu, cuda, cuda:N or mps.

    ``auto`` is the first available of CUDA, MPS and the CPU.

    Args:
        name: see above.
        local_rank: of this process among those of the run on this machine, from 0.
        processes: their number; each takes its own CUDA device.

    Raises:
        WrongValue: there is no such device.
        BadInput: this machine has none, or too few for all processes. All of them raise it, since
            the others would wait for a single one.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        name = "cuda" if cuda else "mps" if mps else "cpu"
    if not is_device(name):
        raise WrongValue(f"there is no device '{name}'", f"devices: {DEVICES}")
    device, count = torch.device(name), torch.cuda.device_count() if cuda else 0
    available = {"cpu": True, "mps": mps, "cuda": (device.index or 0) < count}
    if not available[device.type]:
        raise BadInput(f"this machine has no device '{name}' that torch can use", "--device cpu")
    if device.type == "cuda" and processes > 1:
        fitting = count if device.index is None else 1
        if processes > fitting:
            raise BadInput(
                f"{processes} processes on this machine need {processes} CUDA devices, and there "
                f"{'is' if fitting == 1 else 'are'} {fitting}",
                f"start {fitting}, or --device cpu",
            )
        return torch.device("cuda", local_rank)
    return device


def use_threads(threads: int, processes: int, device: torch.device) -> str:
    """Let torch use ``threads`` CPU threads, and return a warning, or "".

    Args:
        threads: 0 for torch's own number, all cores unless OMP_NUM_THREADS is set; divided among
            the processes of the run on this machine, and never more than there are cores.
        processes: of the run on this machine.
        device: that they train on: busy cores only slow down a CPU run.
    """
    cores = cpu_count()
    fitting = max(1, cores // processes)
    if threads:
        torch.set_num_threads(min(threads, fitting))
    elif processes > 1:  # torchrun has set one for each
        torch.set_num_threads(fitting)
    used, busy = torch.get_num_threads() * processes, _busy_cores()
    if threads > fitting:
        return (
            f"{threads * processes} threads are more than {counted(cores, 'core')}: using "
            f"{fitting * processes}"
        )
    waits = torch.get_num_threads() > 1 and busy + used >= cores + 1
    if device.type == "cpu" and waits and busy >= BUSY * cores:
        return (
            f"{busy:.1f} of {cores} cores were busy in the last minute: beside other programs, "
            "several threads can be many times slower than one (--threads 1)"
        )
    return ""


def limit_threads(count: int) -> None:
    """Draw with at most ``count`` CPU threads, and at most one per core; 0 for all cores."""
    if count:
        torch.set_num_threads(min(count, cpu_count()))


def _busy_cores() -> float:
    """Return how many cores were busy in the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def resolve_precision(name: str, device: torch.device) -> str:
    """Return fp32, bf16 or fp16 for ``name``, which may be auto.

    ``auto`` is bf16 if this device multiplies matrices at least `BF16_SPEEDUP` times as fast, which
    takes about 10 ms to measure, else fp32.
    """
    if name != "auto":
        return name
    fp32, bf16 = (_product_seconds(DTYPES[name], device) for name in ("fp32", "bf16"))
    return "bf16" if fp32 >= BF16_SPEEDUP * bf16 else "fp32"


def _product_seconds(dtype: torch.dtype, device: torch.device) -> float:
    """Return the shortest of ten times of one product of a batch with a layer's weights."""
    batch, weights = (torch.ones(rows, 1024, dtype=dtype, device=device) for rows in (64, 1024))
    times = []
    for _ in range(10):
        began = time.perf_counter()
        float((batch @ weights.t())[0, 0])  # waits for the device
        times.append(time.perf_counter() - began)
    return min(times)
