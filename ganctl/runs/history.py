"""The metrics of runs through their epochs, their state, and tables that compare them."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ganctl.checkpoint_file import Header, peek
from ganctl.config import TrainConfig, to_dict
from ganctl.errors import BadInput
from ganctl.evaluation.metrics import MONITORED
from ganctl.model_card import is_kept, is_number
from ganctl.runs.run_dir import RunDir, modified
from ganctl.text import duration

DISTANCE = "frechet_distance"
MAX_METRICS_BYTES = 200_000_000  # about a million epochs; the rest is not read

Metrics = dict[str, Any]
Table = Sequence[tuple[str, list[str]]]  # rows: a label and one value per run

# Name and format of the metrics of an epoch.
METRIC_NAMES = {
    "g_loss": ("generator's loss", "{:.3f}"),
    "d_loss": ("discriminator's loss", "{:.3f}"),
    "d_real": ("D(x)", "{:.2f}"),
    "d_fake": ("D(G(z))", "{:.2f}"),
    "images_per_second": ("images/s", "{:,.0f}"),
    "seconds": ("seconds", "{:,.1f}"),
    **{key: (name, form) for key, (name, form, _) in MONITORED.items()},
}

State = Literal["running", "finished", "stopped", "diverged", "broken"]


@dataclass(frozen=True)
class History:
    """The metrics of each epoch, oldest first; any value may be missing."""

    lines: Sequence[Metrics]

    def series(self, name: str, over: str = "epoch") -> tuple[list[float], list[float]]:
        """Return the values of ``over`` and of ``name`` from all lines that have both."""
        pairs = [
            (line[over], line[name])
            for line in self.lines
            if is_number(line.get(over)) and is_number(line.get(name))
        ]
        return [x for x, _ in pairs], [y for _, y in pairs]

    def until(self, step: int) -> History:
        """Return the history without the lines of steps after ``step``."""
        lines = self.lines
        return History([x for x in lines if not is_number(x.get("step")) or x["step"] <= step])

    def last(self, name: str) -> float | None:
        """Return the latest value of a metric; None without one."""
        values = self.series(name, name)[1]
        return values[-1] if values else None

    @property
    def best(self) -> tuple[float, float] | None:
        """Return the smallest Fréchet distance and its epoch; None without a measurement."""
        epochs, distances = self.series(DISTANCE)
        return min(zip(distances, epochs, strict=True), default=None)

    @property
    def measured(self) -> Metrics:
        """Return the latest line with a Fréchet distance; {} without one."""
        return next((line for line in reversed(self.lines) if is_number(line.get(DISTANCE))), {})


def read_history(run: RunDir) -> History:
    """Return a run's metrics without torn and invalid lines."""
    data, lines = b"", []
    with suppress(OSError):
        if os.path.isfile(run.metrics):  # a FIFO would block
            with open(run.metrics, "rb") as file:
                data = file.read(MAX_METRICS_BYTES)
    for line in data.splitlines():
        with suppress(ValueError, RecursionError):  # torn
            metrics = json.loads(line)
            if metrics and isinstance(metrics, dict) and is_kept(metrics):
                lines.append(metrics)
    return History(lines)


@dataclass(frozen=True)
class RunStatus:
    """State of a run, read without loading a checkpoint.

    The metrics of an epoch are written before the checkpoint. A kill may come in between, so
    metrics beyond the checkpoint only count while the run trains.
    """

    run: RunDir
    state: State
    problem: str  # why it is broken or cannot continue, and what to do; or ""
    config: TrainConfig | None  # None: unreadable, or not written yet
    saved: Header | None  # of the newest checkpoint; None without a readable one
    epochs: int  # finished and saved; while it runs, finished
    history: History

    @property
    def distance(self) -> float | None:
        """Return the latest Fréchet distance."""
        return self.history.last(DISTANCE)

    @property
    def best(self) -> float | None:
        """Return the smallest Fréchet distance."""
        return None if self.history.best is None else self.history.best[0]


def all_runs(folder: Path) -> list[RunStatus]:
    """Return the status of each run in ``folder``, the most recently changed first."""
    with suppress(OSError):
        runs = [RunDir(Path(entry.path)) for entry in os.scandir(folder) if entry.is_dir()]
        return [read_status(run) for run in sorted(runs, key=lambda run: (-run.changed, run.name))]
    return []


def read_status(run: RunDir) -> RunStatus:
    """Return the status of a run; whatever cannot be read becomes its ``problem``."""
    running, history = run.is_running, read_history(run)
    config, saved, problem, unreadable = None, None, "", ""
    try:
        config = run.read_config()
    except BadInput as error:
        problem = run.blank_reason or error.message
    if os.path.isfile(run.checkpoint):
        try:
            saved = peek(run.checkpoint)
        except BadInput as error:
            unreadable = error.message
    if saved is not None and not running:
        history = history.until(saved.step)
    recorded = int(history.last("epoch") or 0)
    if running or unreadable:
        epochs = recorded
    else:
        epochs = 0 if saved is None else saved.card.epochs

    state: State
    if running and (config is not None or run.is_blank):
        state = "running"
    elif config is None:
        state = "stopped" if run.is_blank else "broken"
    elif unreadable:
        state, problem = "broken", unreadable
    elif saved is None:
        state = "diverged" if os.path.isfile(run.diverged) else "stopped"
        command = f"ganctl train --config {shlex.quote(str(run.config))} --name NAME"
        problem = f"it has no checkpoint to go on from; to begin it anew: {command}"
    elif min(epochs, recorded) >= config.epochs:  # the last metrics may be missing
        state = "finished"
    else:
        state = "diverged" if 0 < modified(run.checkpoint) <= modified(run.diverged) else "stopped"
    return RunStatus(run, state, problem, config, saved, epochs, history)


def data_name(config: TrainConfig) -> str:
    """Return the name of a data set, or the last part of a path."""
    return Path(config.data).name or config.data


def describe(config: TrainConfig) -> str:
    """Return a run's most important options in one line."""
    networks = f"{config.arch} conditional" if config.conditional else config.arch
    parts = [data_name(config), f"recipe {config.recipe}", networks, config.objective]
    parts += [f"batch {config.batch_size:,}", f"rate {config.lr:g}", f"seed {config.seed}"]
    return " · ".join(parts)


class ComparedRun(NamedTuple):
    """The parts of a run that pictures and tables show."""

    run: RunDir
    config: TrainConfig
    history: History


def read_run(run: RunDir) -> ComparedRun:
    """Return a run to compare.

    Raises:
        BadInput: its configuration cannot be read.
    """
    return ComparedRun(run, run.read_config(), read_status(run).history)


def config_table(runs: Sequence[ComparedRun]) -> Table:
    """Return the options whose values differ."""
    configs = [to_dict(run.config) for run in runs]
    rows = [(name, [str(config[name]) for config in configs]) for name in configs[0]]
    return [(name.replace("_", " "), values) for name, values in rows if len(set(values)) > 1]


def metrics_table(runs: Sequence[ComparedRun]) -> Table:
    """Return how far each run came and its latest metrics; "" for a missing value."""

    def row(name: str, form: str, values: Sequence[float | None]) -> tuple[str, list[str]]:
        return name, [form.format(value) if is_number(value) else "" for value in values]

    histories = [run.history for run in runs]
    best = [history.best or (None, None) for history in histories]
    done = [f"{run.history.last('epoch') or 0:,.0f} of {run.config.epochs:,}" for run in runs]
    seconds = [history.series("seconds")[1] for history in histories]
    rows = [
        ("epochs done", done),
        row("best Fréchet distance", "{:.2f}", [distance for distance, _ in best]),
        row("after epoch", "{:,.0f}", [epoch for _, epoch in best]),
        *(
            row(*METRIC_NAMES[key], [history.measured.get(key) for history in histories])
            for key in MONITORED
        ),
        ("training time", [duration(sum(each)) if each else "" for each in seconds]),
        *(
            row(*METRIC_NAMES[key], [history.last(key) for history in histories])
            for key in ("images_per_second", "g_loss", "d_loss")
        ),
    ]
    return [(name, values) for name, values in rows if any(values)]
