"""Which device a run uses."""

from __future__ import annotations

import os

import torch

from ganctl.environment import DEVICES, is_device
from ganctl.errors import BadInput, WrongValue
from ganctl.machine import usable_cores
from ganctl.text import counted


def resolve_device(name: str, number: int = 0, processes: int = 1) -> torch.device:
    """Return the device that ``name`` means: auto, cpu, cuda, cuda:N or mps.

    ``auto`` is the first of CUDA, MPS and the CPU that is there.

    Args:
        name: see above.
        number: of this process among those of the run on this machine, from 0.
        processes: how many those are; each takes a CUDA device of its own.

    Raises:
        WrongValue: there is no such device.
        BadInput: this machine has none, or too few for all processes. All of them find that out:
            were it one alone, the others would wait for it.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        name = "cuda" if cuda else "mps" if mps else "cpu"
    if not is_device(name):
        raise WrongValue(f"there is no device '{name}'", f"devices: {DEVICES}")
    device, count = torch.device(name), torch.cuda.device_count() if cuda else 0
    there = {"cpu": True, "mps": mps, "cuda": (device.index or 0) < count}
    if not there[device.type]:
        raise BadInput(f"this machine has no device '{name}' that torch can use", "--device cpu")
    if device.type == "cuda" and processes > 1:
        fitting = count if device.index is None else 1
        if processes > fitting:
            raise BadInput(
                f"{processes} processes on this machine, but {counted(fitting, 'CUDA device')} "
                "for them: each needs one of its own",
                f"start {fitting}, or --device cpu",
            )
        return torch.device("cuda", number)
    return device


BUSY = 0.25
"""Share of the cores that, busy with other work, is worth a word."""


def use_threads(asked: int, processes: int, device: torch.device) -> list[str]:
    """Let torch use so many CPU threads, and return what the user should know of it.

    Args:
        asked: 0 for torch's own number, all cores unless OMP_NUM_THREADS says otherwise; shared
            among the processes of the run on this machine, and never more than there are cores.
        processes: of the run on this machine.
        device: that they train on: only on a CPU do busy cores hold them up.

    Returns:
        A line for each doubt about whether the machine has room for them.
    """
    cores = usable_cores()
    fitting = max(1, cores // processes)
    if asked:
        torch.set_num_threads(min(asked, fitting))
    elif processes > 1:  # torchrun has set one for each
        torch.set_num_threads(fitting)
    threads, busy = torch.get_num_threads() * processes, _busy_cores()
    if asked > fitting:
        return [
            f"{asked * processes} threads would wait for each other on {counted(cores, 'core')}: "
            f"using {fitting * processes}"
        ]
    waits = torch.get_num_threads() > 1 and busy + threads >= cores + 1
    if device.type == "cpu" and waits and busy >= BUSY * cores:
        return [
            f"{busy:.1f} of {cores} cores were busy in the last minute: if other programs go on, "
            "threads that wait for each other can be many times slower than one "
            f"(--threads 1)"
        ]
    return []


def _busy_cores() -> float:
    """Return how many cores were busy in the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
