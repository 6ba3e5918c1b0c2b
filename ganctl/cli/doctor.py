"""``ganctl doctor``: inspect the installation and the machine, and measure its speed."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ganctl import __version__
from ganctl.cli import screen
from ganctl.cli.options import Json, Threads
from ganctl.cli.progress import status_line
from ganctl.environment import DEVICE_VARIABLE, RUNS, THREADS_VARIABLE, VARIABLES, cpu_count
from ganctl.errors import TRAIN_PACKAGES, MissingDependency
from ganctl.text import duration, nearest

if TYPE_CHECKING:
    from ganctl.cli.card_table import Sections

BASE_PACKAGES = ("numpy", "pillow", "onnxruntime", "protobuf", "typer", "rich")
INSTALL = 'pip install "ganctl[train]"'

MNIST_IMAGES, EPOCHS = 60_000, 15  # the training whose time is printed: the README's short one
SECONDS = 3.0  # of measuring the classifier
BUSY_LOAD = 0.5  # load average per core above which other programs are busy
LITTLE_ROOM = 10**9  # bytes on the disk of the runs

# The CPU instructions that make matrix products faster.
CPU_FLAGS = "avx2 avx512f avx512_vnni avx512_bf16 amx_tile amx_bf16 amx_int8 asimd".split()


@dataclass(frozen=True)
class Machine:
    """The machine and the software of a measurement."""

    cpu: str  # name of the processor
    cores: int  # that this process may use
    load: float | None  # average of the last minute; None if the system does not report it
    busy: bool  # whether other programs are busy, judging by the load
    system: str  # operating system and architecture
    python: str
    versions: dict[str, str]  # of ganctl and other installed packages


@dataclass(frozen=True)
class Torch:
    """What torch finds."""

    cuda: str | None  # CUDA version of the build; None: a CPU build
    device: str  # that --device auto selects
    gpu: str | None  # its name
    gpu_memory: int | None  # bytes
    threads: int


@dataclass(frozen=True)
class Checkup:
    """What was found. A speed is None if it could not be measured."""

    machine: Machine
    missing: list[str]  # packages
    providers: list[str]  # of onnxruntime, named as for ``infer --provider``
    torch: Torch | None
    cpu_flags: list[str]
    variables: dict[str, str]  # environment variables of ganctl that are set
    data_dir: str
    data: dict[str, bool]  # whether each data set is downloaded
    runs: str  # folder
    runs_free: int  # bytes on its disk
    train_speed: float | None  # images/s of the default recipe on the embedded digits
    judge_speed: float | None  # images/s of the classifier in onnxruntime
    problems: list[str]  # what does not work

    @property
    def minutes(self) -> float | None:
        """Return how long `EPOCHS` epochs of MNIST take with the default recipe."""
        return self.train_speed and EPOCHS * MNIST_IMAGES / self.train_speed / 60


def doctor(threads: Threads = 0, as_json: Json = False) -> None:
    """Say what is installed and found here, how fast it is, and what to change.

    It takes about ten seconds, most of them to measure. Exit code 4: something does not work.

    Example: [bold]ganctl doctor[/]
    """
    from ganctl.cli.tables import show_sections

    with status_line() as say:
        found = check_up(threads, say)
    if as_json:
        plain = dataclasses.asdict(found)
        plain |= {"advice": list(advice(found)), "minutes": found.minutes}
        screen.result(*json.dumps(plain, indent=2).splitlines())
    else:
        show_sections(_sections(found))
    if found.problems:
        raise MissingDependency("; ".join(found.problems), f"try to install it again: {INSTALL}")


def check_up(threads: int, say: Callable[[str], None]) -> Checkup:
    """Inspect and measure everything. What does not work is returned and raises nothing.

    Args:
        threads: CPU threads to measure with; 0 for all cores.
        say: called with what is being done.
    """
    from ganctl.data.registry import DOWNLOADABLE, default_data_dir, is_downloaded

    machine = describe_machine([*BASE_PACKAGES, *TRAIN_PACKAGES, "tensorboard"])
    missing = [name for name in (*BASE_PACKAGES, *TRAIN_PACKAGES) if name not in machine.versions]
    problems = [f"{name} is missing" for name in missing if name in BASE_PACKAGES]
    torch = train_speed = judge_speed = None
    providers: list[str] = []
    if "torch" in machine.versions:
        say("loading torch")
        try:
            torch = inspect_torch(threads)
            say("training a few steps")
            train_speed = measure_training(torch.device)
        except Exception as error:  # a broken installation raises anything
            if isinstance(error, ModuleNotFoundError) and error.name in TRAIN_PACKAGES:
                missing = sorted({*missing, error.name})
            else:
                problems.append(f"training does not work: {_first_line(error)}")
    say("measuring onnxruntime")
    try:
        from ganctl.inference.session import providers as available

        providers = list(available())
        judge_speed = measure_classifier(min(threads, machine.cores))
    except Exception as error:
        problems.append(f"onnxruntime does not work: {_first_line(error)}")
    data_dir, runs = default_data_dir(), RUNS.absolute()
    disk = next(folder for folder in (runs, *runs.parents) if folder.is_dir())
    return Checkup(
        machine=machine,
        missing=missing,
        providers=providers,
        torch=torch,
        cpu_flags=cpu_flags(),
        variables={name: os.environ[name] for name in VARIABLES if os.environ.get(name)},
        data_dir=str(data_dir),
        data={name: is_downloaded(name, data_dir) for name in DOWNLOADABLE},
        runs=str(RUNS),
        runs_free=shutil.disk_usage(disk).free,
        train_speed=train_speed,
        judge_speed=judge_speed,
        problems=problems,
    )


def describe_machine(packages: Sequence[str]) -> Machine:
    """Return this machine, and the versions of ganctl and the installed ``packages``."""
    cores = cpu_count()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    versions = {"ganctl": __version__}
    for name in packages:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            pass
    return Machine(
        cpu=cpu_name(),
        cores=cores,
        load=load,
        busy=load is not None and load > BUSY_LOAD * cores,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        versions=versions,
    )


def cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the name of the processor."""
    return _cpu_field(cpuinfo, "model name") or platform.processor() or platform.machine()


def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> list[str]:
    """Return which of `CPU_FLAGS` the processor has; [] if the system does not report them."""
    found = _cpu_field(cpuinfo, "flags", "Features").split()
    return [flag for flag in CPU_FLAGS if flag in found]


def _cpu_field(cpuinfo: Path, *names: str) -> str:
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(names)), "")


def inspect_torch(threads: int) -> Torch:
    """Return what torch finds, after setting its number of threads."""
    import torch

    from ganctl.training.device import resolve_device, use_threads

    device = resolve_device(os.environ.get(DEVICE_VARIABLE) or "auto")
    use_threads(threads, 1, device)
    gpu = torch.cuda.get_device_properties(device) if device.type == "cuda" else None
    return Torch(
        cuda=torch.version.cuda,
        device=str(device),
        gpu=gpu.name if gpu else None,
        gpu_memory=gpu.total_memory if gpu else None,
        threads=torch.get_num_threads(),
    )


def measure_training(device: str) -> float:
    """Return the images per second of the default recipe on the embedded digits."""
    from ganctl.config import RunOptions
    from ganctl.training.estimate import estimate

    return estimate({"data": "digits"}, RunOptions(device=device)).images_per_second


def measure_classifier(threads: int) -> float:
    """Return the images per second of the classifier of ``evaluate`` in onnxruntime."""
    from ganctl.data.digits import load_digits
    from ganctl.evaluation.classifier import Classifier

    classifier, images = Classifier(threads), load_digits().images[:500, None]
    classifier(images)  # the first call is slower
    began, seen = time.perf_counter(), 0
    while not seen or time.perf_counter() - began < SECONDS:
        classifier(images)
        seen += len(images)
    return seen / (time.perf_counter() - began)


def advice(found: Checkup) -> Iterator[str]:
    """Yield what to change, one line each."""
    torch, machine = found.torch, found.machine
    if absent := [name for name in TRAIN_PACKAGES if name in found.missing]:
        yield f"train, sample and export need {', '.join(absent)}: {INSTALL}"
    if machine.busy and torch and torch.device == "cpu" and torch.threads > 1:
        yield (
            "other programs are busy, which slows down several threads: use --threads 1, or "
            f"{THREADS_VARIABLE}=1"
        )
    elif machine.busy:
        yield "other programs are busy: the speeds are lower than they could be"
    if torch and torch.threads < machine.cores and not machine.busy:
        yield (
            f"torch uses {torch.threads} of {machine.cores} cores: unset OMP_NUM_THREADS, or use "
            "--threads"
        )
    if torch and torch.gpu is None and _has_nvidia_gpu():
        yield (
            "torch cannot use the NVIDIA GPU: update its driver"
            if torch.cuda
            else "torch is a CPU build and cannot use the NVIDIA GPU: install a CUDA build"
        )
    elif torch and torch.cuda and torch.device == "cpu":
        yield "torch is a CUDA build, but there is no GPU: the CPU build is much smaller"
    if torch and torch.gpu and "cuda" not in found.providers:
        yield "infer runs on the CPU; for --provider cuda: pip install onnxruntime-gpu"
    if not found.data["mnist"]:
        yield "the first training downloads MNIST; --data digits needs no network"
    if found.runs_free < LITTLE_ROOM:
        yield f"free some disk space: {found.runs_free / 1e6:,.0f} MB are left for the runs"
    for name in os.environ:
        if name.startswith("GANCTL_") and name not in VARIABLES:
            near = nearest(name, VARIABLES)
            yield f"{name} is not read" + (f": did you mean {near}?" if near else "")


def _has_nvidia_gpu() -> bool:
    return os.path.exists("/proc/driver/nvidia/version") or bool(shutil.which("nvidia-smi"))


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _sections(found: Checkup) -> Sections:
    machine, torch = found.machine, found.torch
    suffixes = {"onnxruntime": f": {', '.join(found.providers)}"}
    if torch:
        suffixes["torch"] = f", built for {f'CUDA {torch.cuda}' if torch.cuda else 'CPU'}"
    installed = [("Python", machine.python)]
    installed += [(name, text + suffixes.get(name, "")) for name, text in machine.versions.items()]
    if "tensorboard" not in machine.versions:
        installed.append(("tensorboard", "not installed; only for train --tensorboard"))
    for name in found.missing:
        part = "; part of ganctl[train]" if name in TRAIN_PACKAGES else ""
        installed.append((name, f"missing{part}"))

    load = "" if machine.load is None else f", load {machine.load:.2f}"
    hardware = [
        ("system", machine.system),
        ("processor", machine.cpu),
        ("instructions", ", ".join(found.cpu_flags) or "unknown"),
        ("cores", f"{machine.cores}{load}{', busy with other work' if machine.busy else ''}"),
    ]
    if torch:
        hardware += [("threads", f"{torch.threads} by torch"), ("device", torch.device)]
        if torch.gpu and torch.gpu_memory:
            hardware.append(("GPU", f"{torch.gpu}, {torch.gpu_memory / 1e9:.1f} GB"))

    absent = [name for name, is_there in found.data.items() if not is_there]
    places = [
        ("data folder", found.data_dir),
        ("available", ", ".join([*(name for name in found.data if name not in absent), "digits"])),
        *([("not downloaded", ", ".join(absent))] if absent else []),
        ("runs", f"{found.runs}, {found.runs_free / 1e9:,.1f} GB free"),
        *found.variables.items(),
    ]

    speed = []
    if found.train_speed and found.minutes:
        text = f"{found.train_speed:,.0f} images/s with the default recipe: "
        text += f"{EPOCHS} epochs of MNIST in {duration(60 * found.minutes)}"
        speed.append(("training", text))
    if found.judge_speed:
        speed.append(("onnxruntime", f"{found.judge_speed:,.0f} images/s in evaluate"))
    sections = [
        ("installed", installed),
        ("machine", hardware),
        ("data and runs", places),
        ("speed", speed),
        ("advice", [("•", line) for line in advice(found)] or [("•", "nothing to change")]),
    ]
    return [section for section in sections if section[1]]
