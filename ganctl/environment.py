"""The surroundings of ganctl: environment variables, the runs' folder, pretrained files, CPUs."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from ganctl.errors import BadInput, WrongValue
from ganctl.text import is_plain

RUNS_VARIABLE = "GANCTL_RUNS"
DATA_VARIABLE = "GANCTL_DATA"
DEVICE_VARIABLE = "GANCTL_DEVICE"
THREADS_VARIABLE = "GANCTL_THREADS"

# The environment variables that ganctl reads, described. An option overrides its variable.
VARIABLES = {
    RUNS_VARIABLE: "folder of the runs; else checkpoints",
    DATA_VARIABLE: "folder of downloaded data sets (--data-dir)",
    DEVICE_VARIABLE: "where to train (--device)",
    THREADS_VARIABLE: "CPU threads (--threads)",
}

DEFAULT_RUNS = Path("checkpoints")
RUNS = Path(os.environ.get(RUNS_VARIABLE) or DEFAULT_RUNS)  # relative to the current folder

# The generators that come with ganctl's repository, but not with the installed package.
PRETRAINED_NAMES = ("mnist-conv-conditional", "mnist-mlp")
PRETRAINED = DEFAULT_RUNS / f"{PRETRAINED_NAMES[0]}.safetensors"  # the one used without any run

DEVICES = "auto, cpu, cuda, cuda:N or mps"


def is_device(name: str) -> bool:
    """Tell whether ``name`` is one of `DEVICES`, which this machine may lack."""
    return re.fullmatch(r"auto|cpu|mps|cuda(:[0-9]{1,3})?", name) is not None


def is_run_name(name: str) -> bool:
    """Return whether ``name`` is a plain folder name that a run may have."""
    plain = Path(name).name == name and is_plain(name) and not name.startswith("-")
    return plain and name not in ("", ".", "..")


def check_environment() -> None:
    """Check the environment variables, except the threads, which are checked as an option.

    Raises:
        BadInput: a variable does not name a folder.
        WrongValue: a variable does not name a device.
    """
    for name in (RUNS_VARIABLE, DATA_VARIABLE):
        value = os.environ.get(name)
        if value and os.path.lexists(value) and not os.path.isdir(value):
            raise BadInput(f"{name} is {value}, which is not a folder", f"unset {name}, or fix it")
    device = os.environ.get(DEVICE_VARIABLE)
    if device and not is_device(device):
        raise WrongValue(f"{DEVICE_VARIABLE} is {device}, which is no device", f"use {DEVICES}")


def pretrained_path(name: str = PRETRAINED_NAMES[0]) -> str:
    """Return the path of a pretrained generator for a hint: in the clone that this code is in."""
    in_clone = DEFAULT_RUNS / f"{name}.safetensors"
    path = Path(__file__).parents[1] / in_clone
    return str(path) if os.path.isfile(path) else f"CLONE/{in_clone}"


def introduce(checkpoint: Path) -> str:
    """Return how to tell the user which checkpoint is used if none was named."""
    if checkpoint == PRETRAINED:
        return f"{checkpoint}, which comes with ganctl: there is no run here yet"
    return str(checkpoint)


def cpu_count() -> int:
    """Return how many CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def peak_memory(status: Path = Path("/proc/self/status")) -> int:
    """Return the peak resident memory of this process in bytes.

    Linux counts it from the program's start (VmHWM). The portable ``ru_maxrss`` would include what
    the parent process held when it started this one.
    """
    if status.exists():
        lines = status.read_text(encoding="utf-8").splitlines()
        (kibibytes,) = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
        return int(kibibytes) * 1024
    import resource  # not on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
