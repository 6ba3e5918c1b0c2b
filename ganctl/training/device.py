"""Which device a run uses."""

from __future__ import annotations

import re

import torch

from ganctl.errors import BadInput


def resolve_device(name: str) -> torch.device:
    """Return the device that ``name`` means: auto, cpu, cuda, cuda:N or mps.

    ``auto`` is the first of CUDA, MPS and the CPU that is there.

    Raises:
        BadInput: the name is unknown or this machine has no such device.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    if not re.fullmatch(r"cpu|mps|cuda(:[0-9]{1,3})?", name):
        raise BadInput(f"there is no device '{name}'", "--device auto, cpu, cuda, cuda:N or mps")
    device = torch.device(name)
    there = {
        "cpu": True,
        "mps": mps,
        "cuda": cuda and (device.index or 0) < torch.cuda.device_count(),
    }
    if not there[device.type]:
        raise BadInput(f"this machine has no device '{name}' that torch can use", "--device cpu")
    return device
