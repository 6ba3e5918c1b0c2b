"""A run that is stopped anywhere and goes on ends as the run that was never stopped: to the bit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from ganctl.config import TrainConfig, train_config
from ganctl.data import load_data
from ganctl.environment import RUNS
from ganctl.evaluation.monitor import Monitor
from ganctl.runs.run_dir import RunDir
from ganctl.training import loop, observer
from ganctl.training.checkpoint import load_checkpoint
from ganctl.training.loop import Training
from ganctl.training.start import resume_run, start_run

CPU = torch.device("cpu")

RUNS_TRIED: dict[str, dict[str, Any]] = {
    "default": {"keep": 2},
    "classic": {"recipe": "classic"},
    "conditional": {"conditional": True, "batch_size": 50, "precision": "bf16"},
    "wasserstein": {"objective": "wasserstein", "eval_every": 2},
    "conv conditional": {"arch": "conv", "conditional": True, "objective": "hinge"},
}
"""Each with a rate that falls, an average, pictures, measurements and the best one kept."""


def config(small_data: Path, recipe: str = "default", arch: str = "mlp", **others: Any) -> Any:
    every_epoch = {"sample_every": 1, "eval_every": 1, "checkpoint_every": 1}
    schedule = {} if recipe == "classic" else {"decay_after": 4, "decay_floor": 0.1}
    fields = {"data": str(small_data), "epochs": 3, **every_epoch, **schedule, **others}
    return train_config(recipe=recipe, arch=arch, **fields)


def after(steps: int) -> Callable[[], bool]:
    asked: Iterator[int] = iter(range(10**9))  # before each step, and once while measuring
    return lambda: next(asked) >= steps


def go(training: Training, monitor: Monitor, steps: int = 10**9) -> bool:
    training.measure = monitor
    return training.train(lambda _: None, after(steps))


def left(run: RunDir) -> dict[str, bytes]:
    """Return all that a run leaves, without the times that it took."""
    files = {
        path.relative_to(run.folder).as_posix(): path.read_bytes()
        for path in sorted(run.folder.rglob("*"))
        if path.is_file()
    }
    lines = [json.loads(line) for line in files.pop("metrics.jsonl").splitlines()]
    for line in lines:
        del line["images_per_second"], line["seconds"]
    return files | {"metrics": json.dumps(lines).encode()}


def resumed(epochs: int | None = None) -> Training:
    run = RunDir(RUNS / "run")
    checkpoint = load_checkpoint(run.checkpoint)
    config: TrainConfig = checkpoint.config
    return resume_run(
        run, checkpoint, replace(config, epochs=epochs or config.epochs), CPU, lambda _: None
    )


@pytest.mark.parametrize("kind", RUNS_TRIED)
def test_a_stopped_run_ends_as_the_one_that_was_not(
    kind: str, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer, "MEASURED", 60)
    monitor = Monitor(load_data(str(small_data)), 60, threads=1)
    chosen = config(small_data, **RUNS_TRIED[kind])

    def begun(name: str) -> Training:
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        return start_run(chosen, "run", CPU, True, lambda _: None)

    whole = begun("whole")
    assert go(whole, monitor)
    expected = left(whole.run)
    assert {"last.safetensors", "best.safetensors", "samples/000003.png"} <= expected.keys()
    # In the middle of an epoch; before the first step, while an epoch's end is measured, twice in
    # a row, and once it is recorded.
    for stops in ([whole.steps + 3], [0, whole.steps, 0, 1]):
        training = begun(f"stopped at {stops}")
        for steps in stops:
            assert not go(training, monitor, steps)
            training = resumed()
        assert go(training, monitor)
        assert left(training.run) == expected


def is_at(training: Training, step: int, rollbacks: int) -> bool:
    return (training.state.step, training.state.rollbacks) == (step, rollbacks)


@pytest.mark.parametrize("stop", [2, 7])
def test_a_run_that_went_back_ends_as_the_one_that_was_not_stopped(
    stop: int, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped before the checkpoint that it goes back to, or after; between would move that one."""
    check: Callable[..., None] = loop.Training._check_gradients
    sick: set[int] = set()

    def poisoned(training: Training, figures: torch.Tensor) -> None:
        if training.state.step in sick:
            sick.discard(training.state.step)
            training._vector_gradients[0][7] = float("inf")
        check(training, figures)

    monkeypatch.setattr(loop.Training, "_check_gradients", poisoned)
    seen = []
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        sick.add(6)
        chosen = config(small_data, max_rollbacks=1, eval_every=0, keep=2)
        training = start_run(chosen, "run", CPU, True, lambda _: None)
        if name == "stopped":
            rollbacks = int(stop > 6)
            assert not training.train(lambda _: None, partial(is_at, training, stop, rollbacks))
            training = resumed()
        assert training.train(lambda _: None, lambda: False)
        assert training.state.rollbacks == 1
        seen.append(left(training.run))
    assert seen[0] == seen[1]


def test_a_run_may_be_made_longer_and_goes_on_with_the_schedule_of_the_longer_one(
    small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rate falls to the end, wherever that is; so only a constant one ends in the same bits."""
    monkeypatch.chdir(tmp_path)
    training = start_run(
        config(small_data, decay_after=0, eval_every=0), "run", CPU, True, lambda _: None
    )
    assert training.train(lambda _: None, lambda: False)
    assert resumed(epochs=5).train(lambda _: None, lambda: False)
    longer = start_run(
        config(small_data, decay_after=0, eval_every=0, epochs=5), "five", CPU, True, print
    )
    assert longer.train(lambda _: None, lambda: False)
    ours, theirs = (load_checkpoint(RunDir(RUNS / name).checkpoint) for name in ("run", "five"))
    assert ours.tensors.keys() == theirs.tensors.keys()
    assert all(torch.equal(ours.tensors[name], theirs.tensors[name]) for name in ours.tensors)


def test_another_number_of_threads_is_told(
    small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    training = start_run(config(small_data), "run", CPU, True, lambda _: None)
    assert not training.train(lambda _: None, after(1))
    checkpoint = load_checkpoint(training.run.checkpoint)
    assert checkpoint.threads == torch.get_num_threads()
    for threads, told in ((checkpoint.threads, 0), (checkpoint.threads + 1, 1), (0, 0)):
        notes: list[str] = []
        changed = replace(checkpoint, threads=threads)
        resume_run(training.run, changed, checkpoint.config, CPU, notes.append)
        assert len(notes) == told
        assert not told or f"was trained with --threads {threads}" in notes[0]
