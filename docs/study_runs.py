"""Train the six runs that the study guide shows, one after the other, into checkpoints/study-….

    python docs/study_runs.py [NAME …]

A run differs from its neighbour in one value. Some of these values are no options of `ganctl
train`, so the runs are made through the package. A run that is there already is left as it is.
"""

from __future__ import annotations

import sys

from ganctl.config import TrainConfig, train_config
from ganctl.quality.monitor import Monitor
from ganctl.training.device import resolve_device, use_threads
from ganctl.training.loop import MEASURED
from ganctl.training.run import RUNS
from ganctl.training.start import start_run

SHARED = {
    "data": "digits",
    "epochs": 40,
    "eval_every": 2,
    "checkpoint_every": 5,
    "precision": "fp32",
}

CONFIGS = {
    "default": train_config("default", {}, keep=8, **SHARED),
    "classic": train_config("classic", {}, **SHARED),
    "classic-small-eps": train_config("classic", {"bn_eps": 1e-5}, **SHARED),
    "b1-0.9": train_config("default", {}, b1=0.9, **SHARED),
    "b1-0": train_config("default", {}, b1=0.0, **SHARED),
    "no-r1": train_config("default", {}, r1_weight=0.0, **SHARED),
}


def main(names: list[str]) -> None:
    """Train the named runs; all of them where none is named."""
    use_threads(1, 1)
    for name in names or CONFIGS:
        if (RUNS / f"study-{name}").exists():
            print(f"study-{name} is there already")
        else:
            _train(f"study-{name}", CONFIGS[name])


def _train(name: str, config: TrainConfig) -> None:
    training = start_run(config, name, resolve_device("cpu"), fallback=False, notify=print)
    training.measure = Monitor(training.data, MEASURED, threads=1)
    training.train(lambda _: None, should_stop=lambda: False)
    print(f"{name}: trained {config.epochs} epochs", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
