"""The environment variables that ganctl reads; an option that is typed goes before its variable."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from ganctl.errors import BadInput, WrongValue
from ganctl.text import is_plain

RUNS_VARIABLE = "GANCTL_RUNS"
DATA_VARIABLE = "GANCTL_DATA"
DEVICE_VARIABLE = "GANCTL_DEVICE"
THREADS_VARIABLE = "GANCTL_THREADS"

VARIABLES = {
    RUNS_VARIABLE: "folder of the runs; else checkpoints",
    DATA_VARIABLE: "folder of downloaded data sets (--data-dir)",
    DEVICE_VARIABLE: "where to train (--device)",
    THREADS_VARIABLE: "CPU threads (--threads)",
}
"""Each, and what it is."""

DEFAULT_RUNS = Path("checkpoints")

RUNS = Path(os.environ.get(RUNS_VARIABLE) or DEFAULT_RUNS)
"""Where runs lie; by default under the folder that the command is started in."""

DEVICES = "auto, cpu, cuda, cuda:N or mps"


def is_device(name: str) -> bool:
    """Tell whether ``name`` is one of `DEVICES`, whatever this machine has."""
    return re.fullmatch(r"auto|cpu|mps|cuda(:[0-9]{1,3})?", name) is not None


def is_run_name(name: str) -> bool:
    """Return whether ``name`` is a plain folder name that a run may have."""
    plain = Path(name).name == name and is_plain(name) and not name.startswith("-")
    return plain and name not in ("", ".", "..")


def check_environment() -> None:
    """Refuse variables that nothing could be done with. The threads are checked as their option.

    Raises:
        BadInput: a variable names no folder.
        WrongValue: it names no device.
    """
    for name in (RUNS_VARIABLE, DATA_VARIABLE):
        value = os.environ.get(name)
        if value and os.path.lexists(value) and not os.path.isdir(value):
            raise BadInput(f"{name} is {value}, which is not a folder", f"unset {name}, or mend it")
    device = os.environ.get(DEVICE_VARIABLE)
    if device and not is_device(device):
        raise WrongValue(f"{DEVICE_VARIABLE} is {device}, which is no device", f"use {DEVICES}")


def neutral() -> Mapping[str, str]:
    """Return the environment of a process that takes all from its options, but for the data."""
    mine = (RUNS_VARIABLE, DEVICE_VARIABLE, THREADS_VARIABLE)
    return {name: value for name, value in os.environ.items() if name not in mine}


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
