"""Measure whole processes: the help, 64 images, and training up to its first finished step.

    python -m benchmarks.start --data digits

Each figure is a median, with the lowest and the highest round in brackets.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import common
from benchmarks.common import COMMAND, alternate, note, process_seconds, ratio, spread
from benchmarks.infer import write_fresh_model
from ganctl.cli.doctor import describe_machine
from ganctl.cli.tables import show_table
from ganctl.data import load_data
from ganctl.errors import CheckFailed
from ganctl.inference.generator import load_onnx
from ganctl.text import counted

IMPORT_TYPER = "import typer"

# What one would write without ganctl for the picture of ``ganctl infer gen.onnx -n 64``.
BARE_DRAW = """
import sys
import numpy as np
import onnxruntime as ort
from PIL import Image

model, out = sys.argv[1:]
session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
latent_dim = session.get_inputs()[0].shape[1]
random = np.random.Generator(np.random.Philox(key=[0, 0], counter=[0, 0, 0, 0]))
latents = random.standard_normal((256, latent_dim), np.float32)[:64]
images = session.run(["images"], {"latents": latents})[0]
levels = np.clip(np.rint((images + 1) * 127.5), 0, 255).astype(np.uint8)
_, channels, height, width = levels.shape
sheet = np.zeros((8 * (height + 2) + 2, 8 * (width + 2) + 2, channels), np.uint8)
for i, image in enumerate(levels):
    top, left = i // 8 * (height + 2) + 2, i % 8 * (width + 2) + 2
    sheet[top : top + height, left : left + width] = image.transpose(1, 2, 0)
Image.fromarray(sheet.squeeze()).save(out)
"""

IMPORT_TORCH = "import os, torch; os._exit(0)"

# ``ganctl train`` until the loop asks whether to stop before the second step. Like IMPORT_TORCH, it
# does not wait for the interpreter to shut down.
ONE_STEP = """
import os
import sys
from ganctl.cli.app import main
from ganctl.training.session import Session

train = Session.train

def train_one_step(session, callbacks, should_stop, previews):
    def leave():
        if session.state.step == 1:
            os._exit(0)
        return False

    return train(session, callbacks, leave, previews)

Session.train = train_one_step
main(sys.argv[1:])
sys.exit("the training ended before its second step")
"""


def bench_start(
    model: Path | None, data: str, data_dir: Path | None, rounds: int
) -> dict[str, Any]:
    """Measure three pairs of processes, each ``rounds`` times.

    Args:
        model: an ONNX file of ``ganctl export``; None for an untrained generator.
        data: a data set that needs no download.
        data_dir: as for ``ganctl train``.
        rounds: how often each process is started.

    Raises:
        CheckFailed: a process fails, or the two drawing processes draw different pictures.
    """
    if model is not None:
        load_onnx(model)  # raises its errors before any measurement
    machine = describe_machine(("typer", "onnxruntime", "torch"))
    train = ["train", "--data", os.path.abspath(data) if os.path.exists(data) else data]
    train += ["--data-dir", str(data_dir.resolve())] if data_dir else []
    with tempfile.TemporaryDirectory(prefix="ganctl-bench-") as temporary:
        folder = Path(temporary)
        gen = str((model or write_fresh_model(folder / "fresh.onnx")).resolve())

        def process(program: str, *arguments: str) -> Callable[[], float]:
            return partial(process_seconds, program, arguments, folder)

        def one_step() -> float:
            with tempfile.TemporaryDirectory(dir=folder) as fresh:
                return process_seconds(ONE_STEP, train, Path(fresh))

        infer = process(COMMAND, "infer", gen, "ours.png", "-n", "64")
        bare_draw = process(BARE_DRAW, gen, "bare.png")
        pairs = [  # a command, what it is compared with, and the target of the ratio
            (
                "ganctl --help",
                process(COMMAND, "--help"),
                "import typer",
                process(IMPORT_TYPER),
                2.0,
            ),
            ("ganctl infer -n 64", infer, "bare onnxruntime script", bare_draw, 1.35),
            ("ganctl train, one step", one_step, "import torch", process(IMPORT_TORCH), 1.3),
        ]
        measured = [measure_pair(*pair, rounds) for pair in pairs]
        check_same_picture(folder / "ours.png", folder / "bare.png")
    return {"machine": machine, "rounds": rounds, "data": data, "pairs": measured}


def measure_pair(
    name: str,
    command: Callable[[], float],
    against: str,
    bare: Callable[[], float],
    target: float,
    rounds: int,
) -> dict[str, Any]:
    """Measure a pair after each has run once, so that all files are in the system's cache."""
    note(f"{name} against {against}")
    bare(), command()
    seconds = alternate({"bare": bare, "command": command}, rounds)
    over = ratio(seconds["command"], seconds["bare"])
    return {
        "name": name,
        "against": against,
        "command": spread(seconds["command"]),
        "bare": spread(seconds["bare"]),
        "ratio": over,
        "target": target,
        "met": over.median <= target,
    }


def check_same_picture(ours: Path, bare: Path) -> None:
    """Check that both sides draw the same picture.

    Raises:
        CheckFailed: the pictures differ by more than one grey level, which is rounding.
    """
    with Image.open(ours) as first, Image.open(bare) as second:
        pictures = np.asarray(first).astype(np.int16), np.asarray(second).astype(np.int16)
    if pictures[0].shape != pictures[1].shape or np.abs(pictures[0] - pictures[1]).max() > 1:
        raise CheckFailed(
            "ganctl infer and the bare script draw different pictures, so their times cannot be "
            "compared",
            "report it: this should not happen",
        )


def show(result: dict[str, Any]) -> None:
    """Print the measurements as a table."""
    show_table(
        f"Whole processes: {counted(result['rounds'], 'round')}",
        ["command", "seconds", "against", "seconds", "ratio", "target", ""],
        [
            [pair["name"], f"{pair['command']:.3f}", pair["against"], f"{pair['bare']:.3f}"]
            + [f"{pair['ratio']:.2f}", f"≤ {pair['target']:g}", "met" if pair["met"] else "missed"]
            for pair in result["pairs"]
        ],
    )
    print(f"from the start of Python to its end; training on {result['data']}")
    common.print_machine(result["machine"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program."""
    options = common.parser(__doc__, model=True, data=True, rounds=11).parse_args(arguments)
    data = options.data
    if load_data(data, data_dir=options.data_dir).note:
        data = "digits"  # which replaced it, and needs no network
    result = bench_start(options.model, data, options.data_dir, options.rounds)
    common.print_json(result) if options.json else show(result)


if __name__ == "__main__":
    common.run(main)
