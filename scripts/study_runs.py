"""Train the study guide's five runs, one after the other, into checkpoints/study-….

    python scripts/study_runs.py [--epochs N]

Each run differs from another one in a single value. Runs that exist already are skipped.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import ganctl
from ganctl.config import TrainConfig
from ganctl.environment import RUNS

SHARED: dict[str, Any] = {
    "data": "digits",
    "epochs": 40,
    "eval_every": 2,
    "checkpoint_every": 5,
    "precision": "fp32",
}

SHORT = SHARED | {"epochs": 20}

CONFIGS = {
    "default": TrainConfig(keep=8, **SHARED),
    "classic": TrainConfig(recipe="classic", **SHARED),
    "classic-small-eps": TrainConfig(recipe="classic", bn_eps=1e-5, **SHARED),
    "b1-0.9": TrainConfig(b1=0.9, **SHORT),
    "b1-0": TrainConfig(b1=0.0, **SHORT),
}


def main() -> None:
    """Train the runs that do not exist."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, help="epochs of every run")
    epochs = parser.parse_args().epochs
    for name, config in CONFIGS.items():
        if (RUNS / f"study-{name}").exists():
            print(f"study-{name} exists already")
        else:
            _train(f"study-{name}", replace(config, epochs=epochs or config.epochs))


def _train(name: str, config: TrainConfig) -> None:
    ganctl.train(config, name=name, threads=1, device="cpu", fallback=False)
    print(f"{name}: trained {config.epochs} epochs", flush=True)


if __name__ == "__main__":
    main()
