"""Train the study guide's five runs, one after the other, into checkpoints/study-….

    python scripts/study_runs.py [--epochs N]

Each run differs from another one in a single value. Runs that exist already are skipped.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from ganctl.config import MEASURED, TrainConfig, train_config
from ganctl.environment import RUNS
from ganctl.evaluation.monitor import Monitor
from ganctl.training.device import resolve_device, use_threads
from ganctl.training.start import start_run

CPU = resolve_device("cpu")

SHARED: dict[str, Any] = {
    "data": "digits",
    "epochs": 40,
    "eval_every": 2,
    "checkpoint_every": 5,
    "precision": "fp32",
}

SHORT = SHARED | {"epochs": 20}

CONFIGS = {
    "default": train_config(keep=8, **SHARED),
    "classic": train_config(recipe="classic", **SHARED),
    "classic-small-eps": train_config(recipe="classic", bn_eps=1e-5, **SHARED),
    "b1-0.9": train_config(b1=0.9, **SHORT),
    "b1-0": train_config(b1=0.0, **SHORT),
}


def main() -> None:
    """Train the runs that do not exist."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, help="epochs of every run")
    epochs = parser.parse_args().epochs
    use_threads(1, 1, CPU)
    for name, config in CONFIGS.items():
        if (RUNS / f"study-{name}").exists():
            print(f"study-{name} exists already")
        else:
            _train(f"study-{name}", replace(config, epochs=epochs or config.epochs))


def _train(name: str, config: TrainConfig) -> None:
    training = start_run(config, name, CPU, fallback=False, notify=print)
    training.measure = Monitor(training.data, MEASURED, threads=1)
    training.train(lambda _: None, should_stop=lambda: False)
    print(f"{name}: trained {config.epochs} epochs", flush=True)


if __name__ == "__main__":
    main()
