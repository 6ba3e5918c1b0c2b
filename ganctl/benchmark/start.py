"""``ganctl bench start``: how long commands take to get going, against what they cannot avoid."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from ganctl.benchmark.machine import Machine, describe_machine
from ganctl.benchmark.processes import COMMAND, process_seconds
from ganctl.benchmark.timing import Spread, alternate, ratio, spread
from ganctl.errors import CheckFailed

IMPORT_TYPER = "import typer"

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
"""What one would write without ganctl for the picture of ``ganctl infer gen.onnx -n 64``."""

IMPORT_TORCH = "import os, torch; os._exit(0)"

ONE_STEP = """
import os
import sys
from contextlib import contextmanager
import ganctl.cli.train
from ganctl.cli.app import main

class LeaveAfterOneStep:
    asked = 0
    def __bool__(self):
        self.asked += 1
        if self.asked == 2:
            os._exit(0)
        return False

@contextmanager
def caught_signals(_):
    yield LeaveAfterOneStep()

ganctl.cli.train.caught_signals = caught_signals
main(sys.argv[1:])
sys.exit("the training ended before its second step")
"""
"""``ganctl train`` until the loop asks for the second time whether a signal has come.

It leaves as `IMPORT_TORCH` does: neither waits for the interpreter to take itself down.
"""


@dataclass(frozen=True)
class Pair:
    """A command and what it is measured against, whole processes both."""

    name: str
    against: str
    command: Spread  # seconds
    bare: Spread  # seconds
    ratio: Spread  # of the seconds, round by round
    target: float  # the ratio that the command may have
    met: bool  # by the median


@dataclass(frozen=True)
class StartResult:
    """Everything that ``ganctl bench start`` has measured."""

    machine: Machine
    rounds: int
    data: str
    pairs: list[Pair]


def bench_start(
    model: Path, data: str, data_dir: Path | None, rounds: int, notify: Callable[[str], None]
) -> StartResult:
    """Measure the three pairs, each in strict alternation.

    Args:
        model: an ONNX file that ``ganctl export`` wrote.
        data: a data set that ``ganctl train --data`` can load without a download.
        data_dir: as for ``ganctl train``.
        rounds: how often each process is started, 1 or more.
        notify: told in a line what is being done.

    Raises:
        CheckFailed: a process fails, or both sides do not draw the same picture.
    """
    machine = describe_machine(("typer", "onnxruntime", "torch"))
    with tempfile.TemporaryDirectory(prefix="ganctl-bench-") as temporary:
        folder = Path(temporary)

        def process(program: str, *arguments: str) -> Callable[[], float]:
            return partial(process_seconds, program, arguments, folder)

        train = ["train", "--data", data if not os.path.exists(data) else os.path.abspath(data)]
        if data_dir:
            train += ["--data-dir", str(data_dir.resolve())]

        def one_step() -> float:
            with tempfile.TemporaryDirectory(dir=folder) as fresh:
                return process_seconds(ONE_STEP, train, Path(fresh))

        gen = str(model.resolve())
        help_pair = _pair(
            ("ganctl --help", process(COMMAND, "--help")),
            ("import typer", process(IMPORT_TYPER)),
            2.0,
            rounds,
            notify,
        )
        draw_pair = _pair(
            ("ganctl infer -n 64", process(COMMAND, "infer", gen, "ours.png", "-n", "64")),
            ("bare onnxruntime script", process(BARE_DRAW, gen, "bare.png")),
            1.35,
            rounds,
            notify,
        )
        check_same_picture(folder / "ours.png", folder / "bare.png")
        train_pair = _pair(
            ("ganctl train, one step", one_step),
            ("import torch", process(IMPORT_TORCH)),
            1.3,
            rounds,
            notify,
        )
    return StartResult(machine, rounds, data, [help_pair, draw_pair, train_pair])


def _pair(
    command: tuple[str, Callable[[], float]],
    bare: tuple[str, Callable[[], float]],
    target: float,
    rounds: int,
    notify: Callable[[str], None],
) -> Pair:
    """Measure a pair after each has run once, so that all files are in the system's cache."""
    (name, run), (against, run_bare) = command, bare
    notify(f"{name} against {against}")
    run_bare(), run()
    seconds = alternate({"bare": run_bare, "command": run}, rounds, lambda _: None)
    over = ratio(seconds["command"], seconds["bare"])
    return Pair(
        name=name,
        against=against,
        command=spread(seconds["command"]),
        bare=spread(seconds["bare"]),
        ratio=over,
        target=target,
        met=over.median <= target,
    )


def check_same_picture(ours: Path, bare: Path) -> None:
    """Make sure that both sides do the same work.

    Raises:
        CheckFailed: the pictures differ by more than one grey level, which is rounding.
    """
    with Image.open(ours) as first, Image.open(bare) as second:
        pictures = np.asarray(first).astype(np.int16), np.asarray(second).astype(np.int16)
    if pictures[0].shape != pictures[1].shape or np.abs(pictures[0] - pictures[1]).max() > 1:
        raise CheckFailed(
            "ganctl infer and the bare script draw different pictures, so their times say nothing",
            "report it: this should not happen",
        )
