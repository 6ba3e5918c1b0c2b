"""What is installed, what this machine has, how fast it is, and what would make it better."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ganctl.benchmark.machine import Machine, cpu_flags, describe_machine
from ganctl.config import RunOptions
from ganctl.data.catalog import is_there
from ganctl.data.digits import load_digits
from ganctl.data.known import KNOWN
from ganctl.data.load import DIGITS, default_data_dir
from ganctl.environment import DEVICE_VARIABLE, RUNS, THREADS_VARIABLE, VARIABLES
from ganctl.errors import TRAIN_PACKAGES
from ganctl.text import nearest

NEEDED = ("numpy", "pillow", "onnxruntime", "protobuf", "typer", "rich")
"""What every command needs."""

INSTALL = 'pip install "ganctl[train]"'

MNIST_IMAGES, EPOCHS = 60_000, 15
"""What the time is told of: the README's short training."""

SECONDS = 3.0
"""How long the judge looks."""

LITTLE_ROOM = 10**9
"""Bytes free on the disk of the runs, below which advice is given."""


@dataclass(frozen=True)
class Torch:
    """What torch finds here."""

    cuda: str | None  # the CUDA that it was built for; None: a build for the CPU
    device: str  # that --device auto takes
    gpu: str | None  # its name
    gpu_memory: int | None  # bytes
    threads: int


@dataclass(frozen=True)
class Checkup:
    """All that was found; speeds are None where nothing could be measured."""

    machine: Machine
    missing: list[str]  # packages
    providers: list[str]  # of onnxruntime
    torch: Torch | None
    cpu_flags: list[str]
    variables: dict[str, str]  # GANCTL_… that are set
    data_dir: str
    data: dict[str, bool]  # by name, whether it is there
    runs: str  # folder
    runs_free: int  # bytes on its disk
    train_speed: float | None  # images/s
    judge_speed: float | None  # images/s
    problems: list[str]  # what does not work
    advice: list[str]

    @property
    def minutes(self) -> float | None:
        """Return what `EPOCHS` epochs of MNIST take by the default recipe."""
        images = EPOCHS * MNIST_IMAGES
        return None if self.train_speed is None else images / self.train_speed / 60


def check_up(threads: int, say: Callable[[str], None]) -> Checkup:
    """Look at everything, in some ten seconds. What is broken is told, and raises nothing.

    Args:
        threads: that are measured, on the CPU; 0 for all cores.
        say: told what is being done.
    """
    machine = describe_machine([*NEEDED, *TRAIN_PACKAGES, "tensorboard"])
    missing = [name for name in (*NEEDED, *TRAIN_PACKAGES) if name not in machine.versions]
    problems = [f"{name} is missing" for name in missing if name in NEEDED]
    torch = train_speed = judge_speed = None
    offered: list[str] = []
    if "torch" in machine.versions:
        say("loading torch")
        try:
            torch = look_at_torch(threads)
            say("training a few steps")
            train_speed = measure_training(torch.device)
        except Exception as error:  # whatever a broken installation does
            if isinstance(error, ModuleNotFoundError) and error.name in TRAIN_PACKAGES:
                missing = sorted({*missing, error.name})
            else:
                problems.append(f"training does not work: {_reason(error)}")
    say("measuring onnxruntime")
    try:
        offered = offered_providers()
        judge_speed = measure_judge(min(threads, machine.cores))
    except Exception as error:
        problems.append(f"onnxruntime does not work: {_reason(error)}")
    data_dir = default_data_dir()
    found = Checkup(
        machine=machine,
        missing=missing,
        providers=offered,
        torch=torch,
        cpu_flags=cpu_flags(),
        variables={name: os.environ[name] for name in VARIABLES if os.environ.get(name)},
        data_dir=str(data_dir),
        data={name: is_there(known, data_dir) for name, known in KNOWN.items()},
        runs=str(RUNS),
        runs_free=shutil.disk_usage(_existing(RUNS)).free,
        train_speed=train_speed,
        judge_speed=judge_speed,
        problems=problems,
        advice=[],
    )
    return replace(found, advice=list(advice(found)))


def look_at_torch(threads: int) -> Torch:
    """Return what torch finds here, and let it use so many threads."""
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
    """Return the images a second of the default recipe on the embedded digits."""
    from ganctl.training.estimate import estimate

    options = RunOptions(device=device)
    return estimate({"data": DIGITS}, options).images_per_second


def offered_providers() -> list[str]:
    """Return what onnxruntime can run on, by the names of ``infer --provider``."""
    from ganctl.inference.session import providers

    return list(providers())


def measure_judge(threads: int) -> float:
    """Return the images a second that onnxruntime looks at with the judge."""
    from ganctl.evaluation.classifier import Classifier

    classifier, images = Classifier(threads), load_digits().images[:500, None]
    classifier(images)  # the first time is slower
    began, seen = time.perf_counter(), 0
    while not seen or time.perf_counter() - began < SECONDS:
        classifier(images)
        seen += len(images)
    return seen / (time.perf_counter() - began)


def advice(found: Checkup) -> Iterator[str]:
    """Yield what to change, in a line each."""
    torch, machine = found.torch, found.machine
    if absent := [name for name in TRAIN_PACKAGES if name in found.missing]:
        yield f"to train, sample and export, {', '.join(absent)} are missing: {INSTALL}"
    if machine.busy and torch and torch.device == "cpu" and torch.threads > 1:
        yield (
            "other programs are busy, and threads that wait for each other are slow: --threads 1, "
            f"or {THREADS_VARIABLE}=1"
        )
    elif machine.busy:
        yield "other programs are busy: the speeds here are lower than they could be"
    if torch and torch.threads < machine.cores and not machine.busy:
        yield (
            f"torch uses {torch.threads} of {machine.cores} cores: unset OMP_NUM_THREADS, or "
            "--threads"
        )
    if torch and torch.gpu is None and _has_nvidia():
        yield (
            "there is an NVIDIA GPU that torch cannot use: mend its driver"
            if torch.cuda
            else "there is an NVIDIA GPU, and torch is built for the CPU: install a CUDA build"
        )
    elif torch and torch.cuda and torch.device == "cpu":
        yield "torch is a CUDA build, and there is no GPU: its CPU build is much smaller"
    if torch and torch.gpu and "cuda" not in found.providers:
        yield "infer runs on the CPU; for --provider cuda: pip install onnxruntime-gpu"
    if not found.data["mnist"]:
        yield "MNIST is downloaded at the first training; --data digits needs no network"
    if found.runs_free < LITTLE_ROOM:
        yield f"make room: {found.runs_free / 1e6:,.0f} MB are free where the runs lie"
    for name in os.environ:
        if name.startswith("GANCTL_") and name not in VARIABLES:
            near = nearest(name, VARIABLES)
            yield f"{name} is not read" + (f": did you mean {near}?" if near else "")


def _has_nvidia() -> bool:
    return os.path.exists("/proc/driver/nvidia/version") or bool(shutil.which("nvidia-smi"))


def _existing(path: Path) -> Path:
    """Return the nearest folder above that is there."""
    path = path.absolute()
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
