"""What a measurement was made on: without it no figure means anything."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ganctl import __version__
from ganctl.machine import usable_cores

BUSY_LOAD = 0.5
"""The 1-minute load average, for each core, above which others are at work."""


@dataclass(frozen=True)
class Machine:
    """The machine and the software, as they were when the measurement began."""

    cpu: str  # the processor's name
    cores: int  # that this process may use
    load: float | None  # average of the last minute; None where the system has none
    busy: bool  # whether the load speaks of other work
    system: str  # operating system and architecture
    python: str
    versions: dict[str, str]  # of ganctl and the packages that are measured


def describe_machine(packages: Sequence[str]) -> Machine:
    """Return this machine, and the versions of ganctl and of those ``packages`` that are there."""
    cores = usable_cores()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return Machine(
        cpu=cpu_name(),
        cores=cores,
        load=load,
        busy=load is not None and load > BUSY_LOAD * cores,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        versions={"ganctl": __version__}
        | {name: version for name in packages if (version := installed_version(name))},
    )


def cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processor's name: Linux has it in ``cpuinfo``, others in `platform`."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


FLAGS = (
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "amx_tile",
    "amx_bf16",
    "amx_int8",
    "asimd",
)
"""What of a processor's instructions makes matrix products faster."""


def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> list[str]:
    """Return which of `FLAGS` the processor has; [] where the system does not say."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    told = (line.partition(":")[2] for line in lines if line.startswith(("flags", "Features")))
    there = next(told, "").split()
    return [flag for flag in FLAGS if flag in there]


def installed_version(package: str) -> str | None:
    """Return a package's version without importing it; None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
