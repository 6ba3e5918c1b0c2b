"""Measure training on the CPU: the study note's loop, ganctl's and the floor, in turns.

    python -m benchmarks.train --data digits --rounds 5

Each figure is a median, with the lowest and the highest round in brackets.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks import common
from benchmarks.common import ROOT, Clock, alternate, note, ratio, spread
from benchmarks.floor import Floor
from benchmarks.ganctl_loop import GanctlLoop
from benchmarks.note_loop import NoteLoop, write_mnist
from ganctl.cli.doctor import describe_machine
from ganctl.cli.tables import show_table
from ganctl.config import TrainConfig, to_dict
from ganctl.data import ImageData, load_data
from ganctl.errors import CheckFailed
from ganctl.text import counted
from ganctl.training.device import resolve_precision

# What is measured against the note's loop: names and options of ganctl train.
CONTENDERS: Mapping[str, Mapping[str, Any]] = {
    "classic": {"recipe": "classic", "precision": "fp32"},  # the same mathematics as the note
    "default": {"recipe": "default"},
    "bf16": {"recipe": "classic", "precision": "bf16"},
    "batch256": {"recipe": "classic", "precision": "fp32", "batch_size": 256},
}

WARM_UP = 5  # steps before each measurement: the caches hold the data of the previous side
MEMORY_STEPS = 40  # of the processes whose peak memory is measured
MAX_AROUND = 0.05  # target: share of an epoch for metrics, samples and checkpoints

FloorKey = tuple[int, str]  # batch size and dtype
Side = str | FloorKey  # a contender's name, "" for the baseline, or a floor


def bench_train(
    data: ImageData,
    contenders: Sequence[str],
    *,
    batch_size: int,
    rounds: int,
    steps: int,
    clock: Clock = time.perf_counter,
) -> dict[str, Any]:
    """Measure the note's loop, each contender and the floors with torch's current threads.

    Args:
        data: images of 1×28×28.
        contenders: names in `CONTENDERS`.
        batch_size: of the baseline and of contenders that do not set it.
        rounds: measurements of each side.
        steps: of the baseline in a round; the others train on as many images.
        clock: measures the rates.
    """
    machine = describe_machine(("torch", "torchvision", "numpy"))
    configs = {name: contender_config(name, batch_size) for name in contenders}
    floors = make_floors([batch_size, *(config.batch_size for config in configs.values())])
    with tempfile.TemporaryDirectory(prefix="ganctl-bench-") as temporary:
        root = Path(temporary)
        write_mnist(root, data)
        baseline = NoteLoop(root, batch_size)
        loops = {
            name: GanctlLoop(config, data, root / name, clock) for name, config in configs.items()
        }

        def same_images(size: int) -> int:
            return max(1, steps * batch_size // size)

        sides: dict[Side, Callable[[], float]] = {"": partial(_rate, baseline.run, steps, clock)}
        for name, loop in loops.items():
            sides[name] = partial(loop.run, WARM_UP, same_images(configs[name].batch_size))
        for key, floor in floors.items():
            sides[key] = partial(_rate, floor.run, same_images(floor.batch_size), clock)
        rates = alternate(sides, rounds, lambda done: note(f"round {done} of {rounds}"))

        note("the time outside the steps")
        around = {name: loop.around(repeats=3) for name, loop in loops.items()}
        note("peak memory")
        baseline_memory = note_memory(root, batch_size)
        memory = {name: ganctl_memory(root, config) for name, config in configs.items()}

    def contender(name: str, config: TrainConfig) -> dict[str, Any]:
        epoch = len(data.images) / statistics.median(rates[name])  # seconds of steps
        return {
            "name": name,
            "config": CONTENDERS[name],
            "precision": config.precision,
            "rate": spread(rates[name]),  # images/s
            "over_baseline": ratio(rates[name], rates[""]),
            "over_floor": ratio(rates[name], rates[config.batch_size, "float32"]),
            "around": around[name] / (around[name] + epoch),  # share of an epoch outside the steps
            "memory": memory[name],  # peak bytes of a separate process
        }

    return {
        "machine": machine,
        "threads": torch.get_num_threads(),
        "data": data.name,
        "images": len(data.images),
        "batch_size": batch_size,
        "rounds": rounds,
        "steps": steps,
        "baseline": spread(rates[""]),  # images/s
        "baseline_memory": baseline_memory,
        "contenders": [contender(name, config) for name, config in configs.items()],
        "floors": [
            {
                "batch_size": size,
                "dtype": dtype,
                "gflop": floor.flops / 1e9,  # of the products of a step, in 10⁹ operations
                "rate": spread(rates[size, dtype]),
            }
            for (size, dtype), floor in floors.items()
        ],
        "max_around": MAX_AROUND,
    }


def contender_config(name: str, batch_size: int) -> TrainConfig:
    """Return the configuration of a contender; ``batch_size`` applies if it does not set one."""
    given = {"batch_size": batch_size, **CONTENDERS[name]}
    precision = resolve_precision(TrainConfig(**given).precision, torch.device("cpu"))
    return TrainConfig(**{**given, "precision": precision})


def make_floors(batch_sizes: Sequence[int]) -> dict[FloorKey, Floor]:
    """Return the float32 floor of each batch size, and the bfloat16 floor of the first one."""
    config = TrainConfig(recipe="classic")
    floors = {(size, "float32"): Floor(config, size, torch.float32) for size in set(batch_sizes)}
    floors[batch_sizes[0], "bfloat16"] = Floor(config, batch_sizes[0], torch.bfloat16)
    return dict(sorted(floors.items()))


def _rate(run: Callable[[int], int], steps: int, clock: Clock) -> float:
    """Warm up, then return the images per second of ``steps`` steps."""
    run(WARM_UP)
    began = clock()
    images = run(steps)
    return images / (clock() - began)


def note_memory(root: Path, batch_size: int) -> int:
    """Return the peak bytes of a process that runs the note's loop on the images in ``root``."""
    return _memory("benchmarks.note_loop", str(root), str(batch_size))


def ganctl_memory(root: Path, config: TrainConfig) -> int:
    """Return the peak bytes of a process that runs ganctl's loop on the same images."""
    raw = root / "MNIST" / "raw"
    return _memory("benchmarks.ganctl_loop", str(raw), json.dumps(to_dict(config)))


def _memory(module: str, *arguments: str) -> int:
    numbers = [str(MEMORY_STEPS), str(torch.get_num_threads())]
    command = [sys.executable, "-m", module, *arguments, *numbers]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.splitlines() or [f"exit code {done.returncode}"])[-1]
        raise CheckFailed(f"the process that measures memory failed: {reason}", "free some memory")
    return int(done.stdout)


def show(result: dict[str, Any]) -> None:
    """Print the measurements as a table."""

    def mib(size: int) -> str:
        return f"{size / 2**20:,.0f} MiB"

    rows = [["the note's loop", f"{result['baseline']:,.0f}", "", "", ""]]
    rows[0].append(mib(result["baseline_memory"]))
    for each in result["contenders"]:
        name = f"ganctl, {each['name']} ({each['precision']})"
        ratios = [f"× {each['over_baseline']:.2f}", f"{each['over_floor']:.2f}"]
        around, memory = f"{each['around']:.1%}", mib(each["memory"])
        rows.append([name, f"{each['rate']:,.0f}", *ratios, around, memory])
    for each in result["floors"]:
        name = f"floor, batch {each['batch_size']}, {each['dtype']}"
        rows.append([name, f"{each['rate']:,.0f}", "", "", "", ""])
    show_table(
        f"Training, batch {result['batch_size']}, {result['images']:,} images of "
        f"{result['data']}: {counted(result['rounds'], 'round')} of "
        f"{counted(result['steps'], 'step')}",
        ["loop", "images/s", "the note's", "of the floor", "around", "memory"],
        rows,
    )
    worst = max(each["around"] for each in result["contenders"])
    verdict = "met" if worst <= MAX_AROUND else "missed"
    print("around: the share of an epoch outside the steps: order, metrics, samples, checkpoints")
    print(f"at most {worst:.1%} of an epoch (target {MAX_AROUND:.0%}: {verdict})")
    print("floor: matrix products and one pass of Adam; compared with float32")
    common.print_machine(result["machine"], result["threads"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program."""
    parser = common.parser(__doc__, data=True, rounds=7, threads=True)
    parser.add_argument(
        "--contender", choices=CONTENDERS, action="append", help="repeatable (default: all)"
    )
    parser.add_argument(
        "--batch-size", type=common.at_least(2), default=64, help="of the baseline (%(default)s)"
    )
    parser.add_argument(
        "--steps",
        type=common.at_least(1),
        default=100,
        help="of the baseline per round (%(default)s)",
    )
    options = parser.parse_args(arguments)
    common.use_threads(options.threads)
    result = bench_train(
        load_data(options.data, data_dir=options.data_dir),
        list(dict.fromkeys(options.contender or CONTENDERS)),
        batch_size=options.batch_size,
        rounds=options.rounds,
        steps=options.steps,
    )
    common.print_json(result) if options.json else show(result)


if __name__ == "__main__":
    common.run(main)
