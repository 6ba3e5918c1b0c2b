"""Draw the study guide's curves into docs/img/, from the runs of study_runs.py.

    python scripts/plots.py

The curves are read from metrics.jsonl, except the distance of the live weights, which is measured
here from the snapshots of study-default.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ganctl.config import MONITOR_IMAGES
from ganctl.data import load_data
from ganctl.environment import RUNS
from ganctl.evaluation.monitor import Monitor
from ganctl.latents import draw, seeded
from ganctl.training.callbacks import MONITOR_START
from ganctl.training.checkpoint import as_function, load_generator

OUT = Path("docs/img")
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"  # distinguishable for colour-blind readers
SIZE = (5.5, 3)  # inches
TICKS = (100, 200, 500, 1000, 2000, 5000)


def main() -> None:
    """Draw all curves."""
    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    distances(
        "study-eps",
        [("classic", "eps = 0.8", ORANGE), ("classic-small-eps", "eps = 0.00001", BLUE)],
    )
    distances(
        "study-b1",
        [("b1-0", "b1 = 0", GREEN), ("default", "b1 = 0.5", BLUE), ("b1-0.9", "b1 = 0.9", ORANGE)],
    )
    averages()


def metrics(run: str) -> list[dict[str, Any]]:
    """Return the metrics of a run, one dictionary per epoch."""
    text = (RUNS / f"study-{run}" / "metrics.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def distances(name: str, runs: Sequence[tuple[str, str, str]]) -> None:
    """Draw the Fréchet distance of several runs, up to the last epoch that all of them have.

    Args:
        name: file name of the plot, without ``.png``.
        runs: run, label and colour of each curve.
    """
    figure, axes = plt.subplots(figsize=SIZE)
    last = min(metrics(run)[-1]["epoch"] for run, _, _ in runs)
    for run, label, colour in runs:
        lines = [line for line in metrics(run) if line["epoch"] <= last]
        measured = [line for line in lines if "frechet_distance" in line]
        epochs = [line["epoch"] for line in measured]
        values = [line["frechet_distance"] for line in measured]
        axes.plot(epochs, values, color=colour, label=label, marker=".")
    finish(figure, axes, name)


def averages() -> None:
    """Draw the distances of the live and the averaged weights of one run."""
    measure = Monitor(load_data("digits"), MONITOR_IMAGES, threads=1)
    figure, axes = plt.subplots(figsize=SIZE)
    paths = sorted((RUNS / "study-default").glob("step-*.safetensors"))
    for weights, label, colour in (
        ("live", "live weights", ORANGE),
        ("ema", "their average", BLUE),
    ):
        epochs, values = [], []
        for path in paths:
            generator, card = load_generator(path, weights)
            batches = draw(
                as_function(generator),
                seeded(card.config["seed"], generator.latent_dim),
                start=MONITOR_START,
                count=MONITOR_IMAGES,
                batch_size=256,
            )
            epochs.append(card.epochs)
            values.append(measure(np.concatenate(list(batches)))["frechet_distance"])
        axes.plot(epochs, values, color=colour, label=label, marker=".")
        print(label, dict(zip(epochs, (round(value, 1) for value in values), strict=True)))
    finish(figure, axes, "study-ema")


def finish(figure: Any, axes: Axes, name: str) -> None:
    """Label the axes, use the same logarithmic scale for all plots, and write the file."""
    axes.set_yscale("log")
    axes.set_ylim(60, 6000)
    axes.set_yticks(TICKS, [f"{tick:,}" for tick in TICKS])
    axes.minorticks_off()
    axes.set_ylabel("Fréchet distance of 2,000 images")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3, linewidth=0.5)
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(OUT / f"{name}.png", dpi=110, metadata={"Software": None})
    plt.close(figure)
    print(f"wrote {OUT / name}.png")


if __name__ == "__main__":
    main()
