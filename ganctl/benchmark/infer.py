"""``ganctl bench infer``: the ONNX file against torch eager, and how long the pictures take."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from ganctl.benchmark.machine import Machine, describe_machine
from ganctl.benchmark.model import same_network, write_fresh_model
from ganctl.benchmark.processes import COMMAND, process_seconds
from ganctl.benchmark.timing import Clock, Spread, alternate, ratio, spread
from ganctl.drawing import GeneratorFunction, draw, draw_to
from ganctl.images import encode_png, grid
from ganctl.inference.generator import OnnxGenerator, load_onnx
from ganctl.inputs import seeded
from ganctl.text import counted
from ganctl.training.checkpoint import as_function

SECONDS = 0.2
"""How long each measurement of a batch size takes, about."""

PAUSE = 0.05
"""Seconds before each measurement, in which the other side's idle threads stop spinning."""

BATCH_SIZE = 64
"""Of the grid that is drawn in this process."""


@dataclass(frozen=True)
class BatchResult:
    """The networks alone, latents in memory to images in memory."""

    batch: int
    onnx: Spread  # images a second
    torch: Spread  # images a second
    over_torch: Spread  # of the rates, round by round


@dataclass(frozen=True)
class InferResult:
    """Everything that ``ganctl bench infer`` has measured."""

    machine: Machine
    threads: int  # of both sides
    model: str
    rounds: int
    batches: list[BatchResult]
    count: int  # images of the two below
    npy: Spread  # images a second of the whole command, to an array
    png: Spread  # images a second of the whole command, to a grid
    png_share: Spread  # of the time from latents to the grid's file: laying it out and encoding it


def bench_infer(
    model: Path | None,
    batches: Sequence[int],
    *,
    rounds: int,
    count: int,
    threads: int,
    notify: Callable[[str], None],
    clock: Clock = time.perf_counter,
) -> InferResult:
    """Measure the ONNX file in ganctl's session against the same network in torch.

    Args:
        model: the ONNX file; None for a fresh one.
        batches: sizes to measure the networks at.
        rounds: how often each is measured, 1 or more.
        count: images that the whole commands draw.
        threads: of onnxruntime and torch, 1 or more.
        notify: told in a line what is being done.
        clock: measures what happens in this process.

    Raises:
        BadInput: the model cannot be used.
        CheckFailed: a process that is measured fails.
    """
    machine = describe_machine(("onnxruntime", "torch", "numpy", "pillow"))
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory(prefix="ganctl-bench-") as temporary:
        folder = Path(temporary)
        path = model or folder / "fresh.onnx"
        if model is None:
            notify("exporting a fresh generator")
            write_fresh_model(path)
        generator = load_onnx(path, threads, batch_size=max(*batches, BATCH_SIZE))
        network = as_function(same_network(path))
        results = []
        for batch in batches:
            notify(f"batches of {batch}")
            results.append(_bench_batch(generator, network, batch, rounds, clock))
        notify(f"whole commands, {counted(count, 'image')} each")
        commands: dict[str, Callable[[], float]] = {
            out: partial(
                process_seconds,
                COMMAND,
                ["infer", str(path.resolve()), out, "-n", str(count), "--threads", str(threads)],
                folder,
            )
            for out in ("out.npy", "out.png")
        }
        seconds = alternate(commands, rounds, lambda done: notify(f"round {done} of {rounds}"))
        png_share = spread(
            [_png_share(generator, count, folder / "grid.png", clock) for _ in range(rounds)]
        )
    return InferResult(
        machine=machine,
        threads=threads,
        model=path.name,
        rounds=rounds,
        batches=results,
        count=count,
        npy=spread([count / each for each in seconds["out.npy"]]),
        png=spread([count / each for each in seconds["out.png"]]),
        png_share=png_share,
    )


def _bench_batch(
    generator: OnnxGenerator, network: GeneratorFunction, batch: int, rounds: int, clock: Clock
) -> BatchResult:
    inputs = seeded(0, generator.latent_dim, generator.class_shares)(0, batch)

    def rate(function: GeneratorFunction, repeats: int) -> float:
        time.sleep(PAUSE)
        function(*inputs)  # brings the weights back into the caches
        began = clock()
        for _ in range(repeats):
            function(*inputs)
        return repeats * batch / (clock() - began)

    def side(function: GeneratorFunction) -> Callable[[], float]:
        repeats = math.ceil(SECONDS * rate(function, 3) / batch)
        return partial(rate, function, repeats)

    sides = {"onnx": side(generator), "torch": side(network)}
    rates = alternate(sides, rounds, lambda _: None)
    return BatchResult(
        batch=batch,
        onnx=spread(rates["onnx"]),
        torch=spread(rates["torch"]),
        over_torch=ratio(rates["onnx"], rates["torch"]),
    )


def _png_share(generator: OnnxGenerator, count: int, out: Path, clock: Clock) -> float:
    """Return the share of drawing a grid that goes into making its PNG."""
    inputs = seeded(0, generator.latent_dim, generator.class_shares)
    shape, size = generator.image_shape, BATCH_SIZE
    began = clock()
    draw_to(out, generator, inputs, shape, start=0, count=count, batch_size=size)
    whole = clock() - began
    batches = draw(generator, inputs, start=0, count=count, batch_size=size)
    images = np.concatenate(list(batches))
    began = clock()
    encode_png(grid(images))
    return (clock() - began) / whole
