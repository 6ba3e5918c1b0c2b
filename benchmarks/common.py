"""What the benchmarks share: measurements in turns, measured processes, options and output."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ganctl.cli.doctor import Machine
from ganctl.cli.screen import log_as_notes
from ganctl.environment import DATA_VARIABLE, THREADS_VARIABLE, VARIABLES
from ganctl.errors import CheckFailed, GanctlError
from ganctl.text import counted

ROOT = Path(__file__).parents[1]  # of the repository
COMMAND = "import sys; from ganctl.cli.app import main; sys.exit(main())"  # the script ``ganctl``

Name = TypeVar("Name", bound=Hashable)
Clock = Callable[[], float]  # returns seconds


@dataclass(frozen=True)
class Spread:
    """The median and the range of several measurements."""

    median: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        """Return ``median (low – high)``, each formatted by ``spec``."""
        return f"{self.median:{spec}} ({self.low:{spec}} – {self.high:{spec}})"


def spread(values: Sequence[float]) -> Spread:
    """Return the median and the range of one or more values."""
    return Spread(statistics.median(values), min(values), max(values))


def ratio(above: Sequence[float], below: Sequence[float]) -> Spread:
    """Return above / below for each round: what slows down a whole round cancels out."""
    return spread([a / b for a, b in zip(above, below, strict=True)])


def alternate(
    sides: Mapping[Name, Callable[[], float]],
    rounds: int,
    finished: Callable[[int], None] = lambda number: None,
) -> dict[Name, list[float]]:
    """Measure every side once per round and return the measurements of each side.

    The order is reversed in every second round, so that a side does not always follow the same one.

    Args:
        sides: functions that measure once and return the value.
        rounds: 1 or more.
        finished: called with the number of each finished round, from 1.
    """
    measured: dict[Name, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in sides if number % 2 == 0 else reversed(list(sides)):
            measured[name].append(sides[name]())
        finished(number + 1)
    return measured


def neutral_environment() -> dict[str, str]:
    """Return the environment without ganctl's variables, except the folder of the data."""
    removed = VARIABLES.keys() - {DATA_VARIABLE}
    return {name: value for name, value in os.environ.items() if name not in removed}


@contextmanager
def running(arguments: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run ``ganctl arguments`` in ``folder`` during the block, and kill it at the end.

    Its stderr is a pipe.
    """
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments],
        cwd=folder,
        env=neutral_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()  # does nothing if it has ended


def process_seconds(program: str, arguments: Sequence[str], folder: Path) -> float:
    """Return how long ``python -c program arguments`` runs in ``folder``, start and end included.

    Raises:
        CheckFailed: the process fails.
    """
    command, env = [sys.executable, "-c", program, *arguments], neutral_environment()
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[0]
        raise CheckFailed(
            f"a measured process ended with code {done.returncode}: {reason}",
            f"run it alone: {Path(sys.executable).name} -c {program.splitlines()[0]!r} …",
        )
    return seconds


def parser(
    description: str | None,
    model: bool = False,
    data: bool = False,
    rounds: int = 0,
    threads: bool = False,
) -> argparse.ArgumentParser:
    """Return a parser with --json and the chosen options; ``rounds`` is the default of --rounds."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = made.add_argument
    add("--json", action="store_true", help="print JSON")
    if model:
        add("model", type=Path, nargs="?", help="ONNX file (default: an untrained generator)")
    if data:
        add("--data", default="mnist", help="as for ganctl train (%(default)s)")
        add("--data-dir", type=Path, help="folder of downloaded data sets")
    if rounds:
        add("--rounds", type=at_least(1), default=rounds, help="per measurement (%(default)s)")
    if threads:
        default = os.environ.get(THREADS_VARIABLE, "0")
        add("--threads", type=at_least(0), default=default, help="0: all cores")
    return made


def at_least(low: int) -> Callable[[str], int]:
    """Return a parser of whole numbers that are not below ``low``."""

    def parse(text: str) -> int:
        if (number := int(text)) < low:
            raise argparse.ArgumentTypeError(f"{text} is less than {low}")
        return number

    parse.__name__ = "whole number"  # argparse names it in its message
    return parse


def use_threads(count: int) -> int:
    """Let torch use ``count`` threads, 0 for all cores; return how many it uses."""
    import torch

    from ganctl.training.device import use_threads

    if warning := use_threads(count, 1, torch.device("cpu")):
        note(warning)
    return torch.get_num_threads()


def note(text: str) -> None:
    """Print a line of progress on stderr."""
    print(f"note: {text}", file=sys.stderr)


def print_json(result: dict[str, Any]) -> None:
    """Print a result, which may contain dataclasses."""
    print(json.dumps(result, indent=2, default=dataclasses.asdict))


def print_machine(machine: Machine, threads: int | None = None) -> None:
    """Print what the measurements were made on."""
    load = "load unknown" if machine.load is None else f"load {machine.load:.2f} at the start"
    used = [counted(threads, "thread")] if threads else []
    packages = [f"{name} {version}" for name, version in machine.versions.items()]
    print(", ".join([machine.cpu, counted(machine.cores, "core"), *used, machine.system, load]))
    print(", ".join([*packages, f"Python {machine.python}"]))
    if machine.busy:
        print("other programs were busy: do not trust these figures")


def run(main: Callable[[], None]) -> None:
    """Run a benchmark's ``main`` as a program: errors end it as they end ganctl."""
    try:
        with log_as_notes():
            main()
    except GanctlError as error:
        print(f"error: {error.message}\nhint: {error.hint}", file=sys.stderr)
        sys.exit(error.exit_code)
