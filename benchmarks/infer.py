"""Measure drawing: the ONNX file against the same network in torch, and whole commands.

    python -m benchmarks.infer gen.onnx --batches 1,256

Each figure is a median, with the lowest and the highest round in brackets.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import common
from benchmarks.common import COMMAND, Clock, alternate, note, process_seconds, spread
from ganctl import __version__
from ganctl.cli.doctor import describe_machine
from ganctl.cli.tables import show_table
from ganctl.config import TrainConfig, from_dict, to_dict
from ganctl.errors import BadInput
from ganctl.export.onnx import export_onnx
from ganctl.files import write_atomic
from ganctl.images import encode_png, make_grid, write_images
from ganctl.inference.generator import OnnxGenerator, load_onnx
from ganctl.latents import GeneratorFunction, draw, seeded
from ganctl.model_card import Card
from ganctl.models.networks import Generator, seeded_networks
from ganctl.text import counted
from ganctl.training.checkpoint import as_function

SECONDS = 0.2  # of each measurement of a batch size, about
PAUSE = 0.05  # seconds before it, in which the idle threads of the other side stop spinning
BATCH_SIZE = 64  # of the grid that is drawn in this process


def bench_infer(
    model: Path | None,
    batches: Sequence[int],
    *,
    rounds: int,
    count: int,
    threads: int,
    clock: Clock = time.perf_counter,
) -> dict[str, Any]:
    """Measure an ONNX file in ganctl's session and the same network in torch.

    Args:
        model: the ONNX file; None for an untrained generator.
        batches: batch sizes of the networks.
        rounds: measurements of each side.
        count: images that the whole commands draw.
        threads: of onnxruntime and torch, 1 or more.
        clock: measures what happens in this process.
    """
    machine = describe_machine(("onnxruntime", "torch", "numpy", "pillow"))
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory(prefix="ganctl-bench-") as temporary:
        folder = Path(temporary)
        path = model or write_fresh_model(folder / "fresh.onnx")
        generator = load_onnx(path, threads, batch_size=max(*batches, BATCH_SIZE))
        network = as_function(same_network(path))
        results = []
        for batch in batches:
            note(f"batches of {batch}")
            results.append(_bench_batch(generator, network, batch, rounds, clock))
        note(f"whole commands, {counted(count, 'image')} each")
        options = ["-n", str(count), "--threads", str(threads)]
        commands = {
            kind: partial(
                process_seconds,
                COMMAND,
                ["infer", str(path.resolve()), f"out.{kind}", *options],
                folder,
            )
            for kind in ("npy", "png")
        }
        seconds = alternate(commands, rounds, lambda done: note(f"round {done} of {rounds}"))
        shares = [_png_share(generator, count, folder / "grid.png", clock) for _ in range(rounds)]
    return {
        "machine": machine,
        "threads": threads,
        "model": path.name,
        "rounds": rounds,
        "batches": results,
        "count": count,
        "npy": spread([count / each for each in seconds["npy"]]),  # images/s
        "png": spread([count / each for each in seconds["png"]]),
        "png_share": spread(shares),  # of the time from latents to the file
    }


def _bench_batch(
    generator: OnnxGenerator, network: GeneratorFunction, batch: int, rounds: int, clock: Clock
) -> dict[str, Any]:
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

    rates = alternate({"onnx": side(generator), "torch": side(network)}, rounds)
    return {
        "batch": batch,
        "onnx": spread(rates["onnx"]),  # images/s
        "torch": spread(rates["torch"]),
        "over_torch": common.ratio(rates["onnx"], rates["torch"]),
    }


def _png_share(generator: OnnxGenerator, count: int, out: Path, clock: Clock) -> float:
    """Return the share of layout and PNG encoding in the time that drawing a grid takes."""
    inputs = seeded(0, generator.latent_dim, generator.class_shares)
    began = clock()
    batches = draw(generator, inputs, start=0, count=count, batch_size=BATCH_SIZE)
    write_images(out, batches, count)
    whole = clock() - began
    batches = draw(generator, inputs, start=0, count=count, batch_size=BATCH_SIZE)
    images = np.concatenate(list(batches))
    began = clock()
    encode_png(make_grid(images))
    return (clock() - began) / whole


def write_fresh_model(path: Path) -> Path:
    """Export an untrained generator of the default configuration to ``path``, and return it.

    Its images are noise, but it draws them as fast as a trained one.

    Raises:
        CheckFailed: the export does not agree with torch.
    """
    note("exporting an untrained generator")
    config = TrainConfig()
    generator, _ = seeded_networks(config)
    card = Card(
        name="untrained",
        architecture="mlp",
        latent_dim=config.latent_dim,
        image_shape=config.image_shape,
        class_names=(),
        data_name="none",
        data_fingerprint="",
        data_count=0,
        data_note="",
        weights="live",
        epochs=0,
        steps=0,
        config=to_dict(config),
        ganctl_version=__version__,
    )
    write_atomic(path, export_onnx(generator.eval(), card).data)
    return path


def same_network(path: Path) -> Generator:
    """Return a torch generator like that of the ONNX file, in eval mode, with fresh weights.

    Raises:
        BadInput: the file is not a generator, or has no model card.
    """
    card = load_onnx(path).card
    if card is None:
        raise BadInput(
            f"{path} has no model card, so torch cannot rebuild its network",
            "use a file that ganctl export wrote, or none",
        )
    generator, _ = seeded_networks(from_dict(TrainConfig, {**card.config, "data_dir": ""}))
    return generator.eval()


def show(result: dict[str, Any]) -> None:
    """Print the measurements as tables."""
    show_table(
        f"Drawing with {result['model']}, the network alone: {counted(result['rounds'], 'round')}",
        ["batch", "onnxruntime, images/s", "torch, images/s", "onnxruntime / torch"],
        [
            [str(each["batch"]), f"{each['onnx']:,.0f}", f"{each['torch']:,.0f}"]
            + [f"× {each['over_torch']:.2f}"]
            for each in result["batches"]
        ],
    )
    count = result["count"]
    show_table(
        f"Whole commands, {counted(count, 'image')}",
        ["command", "images/s"],
        [
            [f"ganctl infer -n {count} out.{kind}", f"{result[kind]:,.0f}"]
            for kind in ("npy", "png")
        ],
    )
    share = result["png_share"]
    print(f"layout and PNG encoding take {share:.0%} of drawing a grid, without the start")
    common.print_machine(result["machine"], result["threads"])


def batch_sizes(text: str) -> list[int]:
    """Parse a list such as ``1,64,1000``."""
    sizes = [int(part) for part in text.split(",")]
    if not all(1 <= size <= 65536 for size in sizes):
        raise argparse.ArgumentTypeError(f"'{text}': batch sizes are 1 to 65536")
    return list(dict.fromkeys(sizes))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program."""
    parser = common.parser(__doc__, model=True, rounds=7, threads=True)
    parser.add_argument(
        "--batches", type=batch_sizes, default="1,64,1000", help="of the network (%(default)s)"
    )
    count = parser.add_argument("-n", "--count", type=common.at_least(1), default=10_000)
    count.help = "images of the whole commands (%(default)s)"
    options = parser.parse_args(arguments)
    threads = common.use_threads(options.threads)
    result = bench_infer(
        options.model, options.batches, rounds=options.rounds, count=options.count, threads=threads
    )
    common.print_json(result) if options.json else show(result)


if __name__ == "__main__":
    common.run(main)
