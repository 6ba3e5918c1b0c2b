"""``ganctl train --dry-run``: a run's configuration, and what it would take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ganctl.cli import screen
from ganctl.config import TrainConfig, flat
from ganctl.text import counted, duration

if TYPE_CHECKING:
    import torch

    from ganctl.benchmark.estimate import Estimate


def show_estimate(
    config: TrainConfig,
    name: str | None,
    device: torch.device,
    fallback: bool,
    where: Mapping[str, str | int],
    doubts: Sequence[str],
) -> None:
    """Print the configuration as TOML, and all else as its comments, so that it can be kept.

    Args:
        config: of the run.
        name: of the run, if it is given one.
        device: where a few steps of it are taken.
        fallback: as of `ganctl.benchmark.estimate.estimate`.
        where: device and threads, as far as they were asked for.
        doubts: about the machine, told where nothing else is amiss.
    """
    from ganctl.benchmark.estimate import estimate
    from ganctl.config_file import FROM_DATA, to_toml

    found = estimate(config, name, device, fallback, screen.note)
    for doubt in doubts:
        screen.note(doubt)
    values = flat(found.config) | {"data": config.data}  # where it fell back, another may not
    del values[FROM_DATA]
    if name is not None:
        values["name"] = name
    values |= where
    screen.result(*to_toml(values).splitlines(), "", *(f"# {line}" for line in _lines(found)))


def _lines(found: Estimate) -> list[str]:
    config, data = found.config, found.data
    channels, height, width = config.model.image_shape
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
        f"{counted(config.epochs, 'epoch')}: {_duration(config.epochs * found.epoch_seconds)}, and "
        "what samples, measurements and checkpoints take",
        f"memory: {memory}",
        f"folder: {found.folder}, which a run would make",
    ]


def _duration(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 10 else duration(seconds)
