"""``ganctl train --dry-run``: a run's configuration, and what it would take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ganctl.cli import screen
from ganctl.config import RunOptions, TrainConfig, options
from ganctl.text import counted, duration

if TYPE_CHECKING:
    from ganctl.training.estimate import Estimate


def show_estimate(training: Mapping[str, Any], run: RunOptions, given: Mapping[str, Any]) -> None:
    """Print the configuration as TOML, with the estimates as comments: a file for --config.

    Args:
        training: explicitly given options of `TrainConfig`.
        run: how and where it would be trained.
        given: the explicitly given options among ``run``.
    """
    from ganctl.config_file import to_toml
    from ganctl.training.estimate import estimate

    found = estimate(training, run)
    if found.warning:
        screen.note(found.warning)
    config = found.config
    values = {name: getattr(config, name) for name in options(type(config))}
    values |= {"data": TrainConfig(**training).data}  # not what replaced it
    values |= {name: each for name, each in given.items() if name in ("name", "device", "threads")}
    screen.result(*to_toml(values).splitlines(), "", *(f"# {line}" for line in _lines(found)))


def _lines(found: Estimate) -> list[str]:
    config, data = found.config, found.data
    channels, height, width = config.image_shape
    classes = f", {counted(len(data.class_names), 'class', 'classes')}" if data.class_names else ""
    threads = f", {counted(found.threads, 'thread')}" if found.device.type == "cpu" else ""
    memory = f"{found.memory / 1e6:,.0f} MB"
    if found.gpu_memory is not None:
        memory += f", and {found.gpu_memory / 1e6:,.0f} MB on {found.device}"
    return [
        f"data: {data.name}, {counted(len(data.images), 'image')} of {channels}×{height}×{width}"
        f"{classes}",
        f"generator: {counted(found.generator, 'parameter')}",
        f"discriminator: {counted(found.discriminator, 'parameter')}",
        f"on: {found.device}{threads}, {config.precision}",
        f"an epoch: {counted(found.steps, 'step')}, {_duration(found.epoch_seconds)}, "
        f"{found.images_per_second:,.0f} images/s (by {counted(found.measured, 'step')})",
        f"{counted(config.epochs, 'epoch')}: {_duration(config.epochs * found.epoch_seconds)}, "
        "plus samples, evaluations and checkpoints",
        f"memory: {memory}",
        f"folder: {found.folder}",
    ]


def _duration(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 10 else duration(seconds)
