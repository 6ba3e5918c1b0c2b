"""Tables that compare runs: the options that differ, and the metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganctl.config import TrainConfig, to_dict
from ganctl.evaluation.metrics import MONITORED
from ganctl.model_card import is_number
from ganctl.runs.history import METRIC_NAMES, History, read_status
from ganctl.runs.run_dir import RunDir
from ganctl.text import duration

Table = Sequence[tuple[str, list[str]]]  # rows: a label and one value per run


@dataclass(frozen=True)
class ComparedRun:
    """What is compared of a run."""

    run: RunDir
    config: TrainConfig
    history: History

    @property
    def name(self) -> str:
        """Return the run's name."""
        return self.run.name


def read_run(run: RunDir) -> ComparedRun:
    """Return what is compared of a run.

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
