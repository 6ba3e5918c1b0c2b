"""The work of every command cut down to milliseconds; what is read, checked and written stays."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from ganctl import drawing
from ganctl.benchmark import doctor as bench_doctor
from ganctl.benchmark import infer as bench_infer
from ganctl.benchmark import kills as bench_kills
from ganctl.benchmark import soak as bench_soak
from ganctl.benchmark import start as bench_start
from ganctl.benchmark import train as bench_train
from ganctl.benchmark.machine import Machine
from ganctl.benchmark.timing import Spread
from ganctl.cli import screen
from ganctl.cli.app import LazyCommands
from ganctl.data import download
from ganctl.data.image_data import DIGIT_NAMES
from ganctl.evaluation import classifier, evaluate, reference
from ganctl.evaluation.classifier import Predictions
from ganctl.evaluation.evaluate import Evaluation, Metrics
from ganctl.export import onnx as export
from ganctl.export.parity import Parity
from ganctl.images import Pixels
from ganctl.inference.generator import load_onnx
from ganctl.runs import report, side_by_side
from ganctl.training import start

ONCE = Spread(1.0, 1.0, 1.0)
FIGURES = Metrics(2, 1.0, 0.0, 0.0, 1.0, 0.5, 0.5, 0.5, 0.5, 1.0, (0.1,) * 10, 0.0, 0.5, None)
IMAGES = np.zeros((2, 1, 28, 28), np.uint8)
SEEN = np.zeros(2, np.int64)
EVALUATION = Evaluation(
    *("it", "digits", FIGURES, FIGURES, "digits", IMAGES, SEEN, (), ()), DIGIT_NAMES
)


class NoTraining:
    """A training that is over at once."""

    steps = 1
    is_finished = False

    def __init__(
        self, state: Any, data: Any, config: Any, run: Any, world: Any, *_: Any, **__: Any
    ) -> None:
        self.state, self.data, self.config, self.run = state, data, config, run
        self.world = world

    def train(self, report: Any, should_stop: Any) -> bool:
        return True


def cut(patch: pytest.MonkeyPatch, onnx: Path) -> None:
    """Put what takes no time in the place of what does; ``onnx`` is what an export makes."""
    _cut_parsing(patch)
    _cut_drawing(patch)
    _cut_training(patch)
    _cut_export(patch, onnx)
    _cut_evaluation(patch)
    _cut_benchmarks(patch, onnx)
    patch.setattr(download, "connect", _no_network)


def _cut_parsing(patch: pytest.MonkeyPatch) -> None:
    """Let each command be made once: its annotations take longer to read than a command line."""
    group, make = LazyCommands(), LazyCommands.get_command
    made = cache(lambda name: make(group, None, name))
    patch.setattr(LazyCommands, "get_command", lambda _group, _ctx, name: made(name))


def _no_network(*_: object) -> None:
    raise download.DownloadError("no network")


def _cut_drawing(patch: pytest.MonkeyPatch) -> None:
    draw = drawing.draw

    def draw_few(*generator: Any, start: int, count: int, batch_size: int) -> Iterator[Pixels]:
        return draw(*generator, start=start, count=min(count, 4), batch_size=4)

    patch.setattr(drawing, "draw", draw_few)
    patch.setattr(screen, "send", lambda _: None)


def _cut_training(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(start, "new_state", lambda *_: SimpleNamespace(step=0, vectors={}))
    patch.setattr(start, "restore_state", lambda *_: None)
    patch.setattr(start, "Training", NoTraining)
    patch.setattr(torch, "set_num_threads", lambda _: None)
    patch.setattr(report, "draw_report", lambda *_: [])
    patch.setattr(report, "curves", lambda *_: b"a picture")
    patch.setattr(side_by_side, "picture", lambda *_: b"a picture")


def _cut_export(patch: pytest.MonkeyPatch, onnx: Path) -> None:
    card = load_onnx(onnx).card
    assert card is not None
    exported = export.Exported(onnx.read_bytes(), card, Parity(0.0, 0, 0.0, 0, 1), 20)
    for name in ("export_onnx", "export_stored", "export_rounded"):
        patch.setattr(export, name, lambda *_: exported)


def _cut_evaluation(patch: pytest.MonkeyPatch) -> None:
    def look(images: Pixels) -> Predictions:
        return Predictions(
            np.zeros((len(images), 128), np.float32), np.zeros((len(images), 10), np.float32)
        )

    patch.setattr(classifier, "Classifier", lambda *_: look)
    patch.setattr(reference, "mnist_reference", lambda *_: None)
    patch.setattr(evaluate, "evaluate", lambda *_: EVALUATION)


def _cut_benchmarks(patch: pytest.MonkeyPatch, onnx: Path) -> None:
    patch.setattr(bench_train, "bench_train", _bench_train)
    for module in (bench_infer, bench_start):
        patch.setattr(module, "process_seconds", lambda *_: 0.25)
        patch.setattr(module, "alternate", lambda sides, *_: {name: [1.0] for name in sides})
    patch.setattr(
        bench_infer, "_bench_batch", lambda *_: bench_infer.BatchResult(1, ONCE, ONCE, ONCE)
    )
    patch.setattr(bench_infer, "_png_share", lambda *_: 0.5)
    patch.setattr(bench_infer, "bench_infer", partial(_one_round, bench_infer.bench_infer))
    patch.setattr(bench_infer, "write_fresh_model", lambda path: shutil.copy(onnx, path))
    patch.setattr(bench_start, "check_same_picture", lambda *_: None)
    patch.setattr(bench_doctor, "measure_training", lambda *_: 1000.0)
    patch.setattr(bench_doctor, "measure_judge", lambda *_: 1000.0)
    patch.setattr(bench_kills, "bench_kills", _bench_kills)
    patch.setattr(bench_soak, "bench_soak", _bench_soak)


def _bench_kills(times: int, *_: object) -> bench_kills.KillsResult:
    return bench_kills.KillsResult(times, 0, 0, times, 0, 0, 0, 1, True, 3, 1.0)


def _bench_soak(data: str, epochs: int, *_: object) -> bench_soak.SoakResult:
    return bench_soak.SoakResult(epochs, 1, 1, 0.0, 7, 7, 1.0, 1.0, 0.0, 0.01, 0.01, 1.0)


def _one_round(measure: Any, *arguments: Any, rounds: int, **options: Any) -> Any:
    return measure(*arguments, rounds=1, **options)


def _bench_train(data: Any, contenders: list[str], **options: Any) -> bench_train.TrainResult:
    for name in contenders:
        bench_train.contender_config(name, options["batch_size"])
    return bench_train.TrainResult(
        Machine("", 1, None, False, "", "", {}),
        *(1, data.name, len(data.images), options["batch_size"], options["rounds"]),
        *(options["steps"], ONCE, 1),
        [bench_train.ContenderResult("classic", {}, "fp32", ONCE, ONCE, ONCE, 0.01, 1)],
        [],
    )
