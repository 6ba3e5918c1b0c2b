"""A run in words: its figures, what it is, and the command that begins the same run anew."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from ganctl.config import TrainConfig, flat, train_config
from ganctl.evaluation.metrics import MONITORED

FIGURES = {
    "g_loss": ("generator's loss", "{:.3f}"),
    "d_loss": ("discriminator's loss", "{:.3f}"),
    "d_real": ("D(x)", "{:.2f}"),
    "d_fake": ("D(G(z))", "{:.2f}"),
    "images_per_second": ("images/s", "{:,.0f}"),
    "seconds": ("seconds", "{:,.1f}"),
    **{key: (name, form) for key, (name, form, _) in MONITORED.items()},
}
"""Figures of an epoch: name and form."""


def data_name(config: TrainConfig) -> str:
    """Return what the data is called: a name, or the last part of a path."""
    return Path(config.data).name or config.data


def networks(config: TrainConfig) -> str:
    """Return the networks in short, such as "conv conditional"."""
    return f"{config.model.arch} conditional" if config.conditional else config.model.arch


def what(config: TrainConfig) -> str:
    """Return what a run is in a line."""
    parts = [data_name(config), f"recipe {config.recipe}", networks(config)]
    parts += [config.objective, f"batch {config.batch_size:,}", f"rate {config.lr:g}"]
    return " · ".join([*parts, f"seed {config.seed}"])


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
