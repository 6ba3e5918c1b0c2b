"""``ganctl bench train``: the note's loop, ganctl's and the floor, in turns in one process."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from ganctl.benchmark.floor import Floor
from ganctl.benchmark.machine import Machine, describe_machine
from ganctl.benchmark.memory import note_memory, our_memory
from ganctl.benchmark.note_loop import NoteLoop, write_mnist
from ganctl.benchmark.our_loop import OurLoop
from ganctl.benchmark.timing import Clock, Spread, alternate, ratio, spread
from ganctl.config import TrainConfig
from ganctl.data import ImageData
from ganctl.errors import BadInput
from ganctl.training.device import resolve_precision

CONTENDERS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "classic": {"recipe": "classic", "precision": "fp32"},  # the note's mathematics
        "default": {"recipe": "default"},
        "bf16": {"recipe": "classic", "precision": "bf16"},
        "batch256": {"recipe": "classic", "precision": "fp32", "batch_size": 256},
    }
)
"""What is measured against the note's loop: a name and how its configuration differs."""

WARM_UP = 5
"""Steps before each measurement: the side before has left its own data in the caches."""

FloorKey = tuple[int, str]
"""Batch size and type of the numbers."""

SideName = str | FloorKey
"""A contender's name, "" for the baseline, or a floor."""

MAX_AROUND = 0.05
"""The share of an epoch that samples, figures and checkpoints may take."""


@dataclass(frozen=True)
class FloorResult:
    """Matrix products and Adam alone."""

    batch_size: int
    dtype: str
    gflop: float  # of the products, a step, in 10⁹ operations
    rate: Spread  # images a second


@dataclass(frozen=True)
class ContenderResult:
    """ganctl's loop in one configuration."""

    name: str
    config: dict[str, Any]  # how it differs from ganctl train's defaults
    precision: str  # that it ran in: where config leaves it open, what ganctl train would take
    rate: Spread  # images a second
    over_baseline: Spread  # of the rates, round by round
    over_floor: Spread  # of the rates; the floor at float32 and the same batch
    around: float  # the share of an epoch that is not steps
    memory: int  # peak bytes of a process of its own


@dataclass(frozen=True)
class TrainResult:
    """Everything that ``ganctl bench train`` has measured."""

    machine: Machine
    threads: int  # of torch
    data: str
    images: int  # in the data
    batch_size: int  # of the baseline
    rounds: int
    steps: int  # of the baseline a round; the others see as many images
    baseline: Spread  # images a second
    baseline_memory: int  # peak bytes of a process of its own
    contenders: list[ContenderResult]
    floors: list[FloorResult]
    max_around: float = MAX_AROUND


def bench_train(
    data: ImageData,
    contenders: Sequence[str],
    *,
    batch_size: int,
    rounds: int,
    steps: int,
    notify: Callable[[str], None],
    clock: Clock = time.perf_counter,
) -> TrainResult:
    """Measure the note's loop, each contender and the floors, with torch's present threads.

    Args:
        data: images of 1×28×28, the same for all.
        contenders: names from `CONTENDERS`.
        batch_size: of the baseline, and of each contender that has none of its own.
        rounds: how often each is measured, 1 or more.
        steps: of the baseline in a round, 1 or more.
        notify: told in a line what is being done.
        clock: measures the rates.

    Raises:
        BadInput: there is no such contender, or a size is out of its range.
        CheckFailed: a process that measures memory fails.
        OutOfResources: the disk for temporary files is full.
    """
    machine = describe_machine(("torch", "torchvision", "numpy"))
    configs = {name: contender_config(name, batch_size) for name in contenders}
    floors = make_floors([batch_size, *(config.batch_size for config in configs.values())])
    with tempfile.TemporaryDirectory(prefix="ganctl-bench-") as temporary:
        root = Path(temporary)
        write_mnist(root, data)
        note = NoteLoop(root, batch_size)
        ours = {name: OurLoop(config, data, root / name, clock) for name, config in configs.items()}

        def same_images(size: int) -> int:
            return max(1, steps * batch_size // size)

        sides: dict[SideName, Callable[[], float]] = {"": partial(_rate, note.run, steps, clock)}
        for name, loop in ours.items():
            sides[name] = partial(loop.run, WARM_UP, same_images(configs[name].batch_size))
        for key, floor in floors.items():
            sides[key] = partial(_rate, floor.run, same_images(floor.batch_size), clock)
        rates = alternate(sides, rounds, lambda done: notify(f"round {done} of {rounds}"))

        notify("what surrounds the steps")
        around = {name: loop.around(repeats=3) for name, loop in ours.items()}
        notify("peak memory")
        threads = torch.get_num_threads()
        baseline_memory = note_memory(root, batch_size, threads)
        memory = {name: our_memory(root, config, threads) for name, config in configs.items()}

    def contender(name: str) -> ContenderResult:
        epoch = len(data.images) / statistics.median(rates[name])  # seconds of steps
        return ContenderResult(
            name=name,
            config=dict(CONTENDERS[name]),
            precision=configs[name].precision,
            rate=spread(rates[name]),
            over_baseline=ratio(rates[name], rates[""]),
            over_floor=ratio(rates[name], rates[configs[name].batch_size, "float32"]),
            around=around[name] / (around[name] + epoch),
            memory=memory[name],
        )

    return TrainResult(
        machine=machine,
        threads=threads,
        data=data.name,
        images=len(data.images),
        batch_size=batch_size,
        rounds=rounds,
        steps=steps,
        baseline=spread(rates[""]),
        baseline_memory=baseline_memory,
        contenders=[contender(name) for name in contenders],
        floors=[
            FloorResult(*key, gflop=floor.flops / 1e9, rate=spread(rates[key]))
            for key, floor in floors.items()
        ],
    )


def make_floors(batch_sizes: Sequence[int]) -> dict[FloorKey, Floor]:
    """Return the float32 floor of every batch size, and the first one's in bfloat16."""
    model = TrainConfig(recipe="classic")
    floors = {(size, "float32"): Floor(model, size, torch.float32) for size in set(batch_sizes)}
    floors[batch_sizes[0], "bfloat16"] = Floor(model, batch_sizes[0], torch.bfloat16)
    return dict(sorted(floors.items()))


def contender_config(name: str, batch_size: int) -> TrainConfig:
    """Return the configuration of a contender, whose own batch size comes before the given one.

    Raises:
        BadInput: there is no such contender, or the size is out of its range.
    """
    if name not in CONTENDERS:
        raise BadInput(f"there is no contender '{name}'", f"contenders: {', '.join(CONTENDERS)}")
    config = TrainConfig(**{"batch_size": batch_size, **CONTENDERS[name]})
    precision: Any = resolve_precision(config.precision, torch.device("cpu"))
    return replace(config, precision=precision)


def _rate(run: Callable[[int], int], steps: int, clock: Clock) -> float:
    """Warm up, then return the images a second of ``steps`` steps."""
    run(WARM_UP)
    began = clock()
    images = run(steps)
    return images / (clock() - began)
