"""The command that repeats a run."""

from __future__ import annotations

import shlex
from typing import Any

from ganctl.config import TrainConfig, flat, train_config


def command(config: TrainConfig, threads: int = 0) -> str:
    """Return the command line that begins the same run.

    Args:
        config: of the run.
        threads: of the CPU, on which the last bits depend; 0 where they are unknown.
    """
    usual = _usual(config) | {"recipe": "default", "arch": "mlp"}
    words = ["--data", config.data]
    for name, value in flat(config).items():
        option = f"--{name.replace('_', '-')}"
        if name in ("epochs", "precision") or (name in OPTIONS and value != usual[name]):
            words += [option] if value is True else [option, _text(value)]
    words += ["--threads", str(threads)] if threads else []
    return shlex.join(["ganctl", "train", *words])


def _usual(config: TrainConfig) -> dict[str, Any]:
    return flat(train_config(recipe=config.recipe, arch=config.model.arch))


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


OPTIONS = (
    *("recipe", "arch", "latent_dim", "img_size", "channels", "data_dir", "batch_size"),
    *("conditional", "objective", "lr", "b1", "b2", "seed", "sample_every", "eval_every"),
    *("checkpoint_every", "keep", "max_rollbacks"),
)
"""Fields that are said where they are not as usual; the others a recipe settles, or the data."""


def unsaid(config: TrainConfig) -> list[str]:
    """Return the fields that no option sets and that are not the recipe's, of an older ganctl's."""
    usual = _usual(config)
    settled = {"data", "epochs", "precision", "classes", *OPTIONS}
    return [
        name for name, value in flat(config).items() if name not in settled and value != usual[name]
    ]
