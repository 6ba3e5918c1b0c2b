"""Short runs, and callbacks that measure, break or record them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganctl.config import RunOptions
from ganctl.runs.run_dir import RunDir
from ganctl.training import loop
from ganctl.training.checkpoint import Checkpoint, load_checkpoint
from ganctl.training.loop import Callback, Epoch, Training
from ganctl.training.session import Session, open_session
from ganctl.training.step import adversarial_step

CPU = torch.device("cpu")

# Three epochs of four steps each, a checkpoint after each epoch, and nothing else.
SHORT: dict[str, Any] = {
    "epochs": 3,
    "checkpoint_every": 1,
    "sample_every": 0,
    "eval_every": 0,
    "precision": "fp32",
}


def new_session(
    data: Path | str, name: str | None = "run", tensorboard: bool = False, **given: Any
) -> Session:
    """Open a new short run; the session may be used on, since one process needs no closing."""
    options = RunOptions(name=name, device="cpu", tensorboard=tensorboard)  # type: ignore[arg-type]
    with open_session(SHORT | {"data": str(data)} | given, options) as session:
        return session


def resumed(source: Path | bool = True, tensorboard: bool = False, **given: Any) -> Session:
    """Open a run to resume: by default the newest."""
    with open_session(given, RunOptions(device="cpu", tensorboard=tensorboard), source) as session:
        return session


def trained(data: Path, name: str = "run", **given: Any) -> RunDir:
    """Train a short run to its end."""
    session = new_session(data, name, **given)
    assert session.train()
    return session.run


def at(session: Session, step: int) -> Callable[[], bool]:
    """Return a ``should_stop`` that is true from ``step`` finished steps on."""
    return lambda: session.state.step >= step


def checkpoint(run: RunDir) -> Checkpoint:
    """Return the newest checkpoint."""
    return load_checkpoint(run.checkpoint)


def metrics(run: RunDir) -> list[dict[str, Any]]:
    """Return the lines of the run's metrics."""
    return [json.loads(line) for line in run.metrics.read_text().splitlines()]


def assert_equal(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> None:
    """Compare tensors bit for bit."""
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


class Measured(Callback):
    """Reports these Fréchet distances, one after each epoch."""

    def __init__(self, *distances: float) -> None:
        self._distances = iter(distances)

    def on_evaluate(self, training: Training, epoch: Epoch) -> None:
        epoch.quality = {"frechet_distance": next(self._distances)}


class AfterEpoch(Callback):
    """Calls a function after each epoch with the epoch's number."""

    def __init__(self, function: Callable[[int], object]) -> None:
        self._function = function

    def on_epoch_end(self, training: Training, epoch: Epoch) -> None:
        self._function(epoch.progress.epoch)


class Diverging(Callback):
    """Makes a gradient infinite in these steps, counted from 0, once each."""

    def __init__(self, steps: Iterable[int], monkeypatch: pytest.MonkeyPatch) -> None:
        self._steps = set(steps)
        monkeypatch.setattr(loop, "adversarial_step", self._step)

    def on_start(self, training: Training) -> None:
        self._training = training

    def _step(self, generator: nn.Module, *arguments: Any) -> Tensor:
        found = adversarial_step(generator, *arguments)
        step = self._training.state.step
        if step in self._steps:
            self._steps.discard(step)
            grad = next(generator.parameters()).grad
            assert grad is not None
            grad.view(-1)[7] = float("inf")
        return found
