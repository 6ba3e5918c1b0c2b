"""Run folders without a training: configuration, metrics, checkpoint and sample grids."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from ganctl.checkpoint_file import add_checksum, file_metadata
from ganctl.config import TrainConfig, to_dict
from ganctl.images import encode_png, make_grid
from ganctl.runs.history import Metrics
from ganctl.runs.run_dir import RunDir

from ..test_model_card import example

STEPS = 157  # of an epoch

HOSTILE = "</style><script>alert('1')</script>\"&'$x$ 日本"  # must do nothing in a page or a chart


def config(
    epochs: int = 4, recipe: Any = "default", arch: Any = "mlp", **fields: Any
) -> TrainConfig:
    return TrainConfig(recipe=recipe, arch=arch, **{"data": "digits", "epochs": epochs, **fields})


def metrics(epochs: int, measured_every: int = 2) -> list[Metrics]:
    """Return lines of metrics; the distance falls to 50 and rises by 1 at the end."""
    lines = []
    for epoch in range(1, epochs + 1):
        line: Metrics = {"epoch": epoch, "step": STEPS * epoch, "g_loss": 1 + 1 / epoch}
        line |= {"d_loss": 0.6, "d_real": 0.6, "d_fake": 0.4, "images_per_second": 5000.0}
        if epoch % measured_every == 0:
            distance = 50 + 10 * max(epochs - 2 * measured_every - epoch, 0) + (epoch == epochs)
            line |= {"frechet_distance": distance, "confidence": 0.9, "smallest_share": 0.05}
        lines.append(line)
    return lines


def checkpoint(settings: TrainConfig, epochs: int, step: int) -> bytes:
    """Return a checkpoint file without tensors."""
    card = example(epochs=epochs, steps=step, data_note="")
    header = json.dumps({"__metadata__": file_metadata(settings, card, step, threads=0)}).encode()
    return add_checksum(len(header).to_bytes(8, "little") + header)


def make_run(
    folder: Path,
    settings: TrainConfig,
    lines: list[Metrics],
    grids: int = 0,
    age: float = 0,
    saved: int | None = None,
) -> RunDir:
    """Write a run's folder, ``age`` seconds ago.

    Its checkpoint was saved after ``saved`` epochs, by default after all of ``lines``.
    """
    (folder / "samples").mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(to_dict(settings)))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    epochs = len(lines) if saved is None else saved
    (folder / "last.safetensors").write_bytes(checkpoint(settings, epochs, STEPS * epochs))
    size, channels = settings.img_size, settings.channels
    for number in range(1, grids + 1):
        images = np.random.default_rng(number).integers(
            0, 256, (64, channels, size, size), np.uint8
        )
        (folder / f"samples/{number:06d}.png").write_bytes(encode_png(make_grid(images)))
    for path in folder.iterdir():
        moment = path.stat().st_mtime - age
        os.utime(path, (moment, moment))
    return RunDir(folder)
