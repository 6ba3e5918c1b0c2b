"""What is drawn of a run when it ends, and may be drawn anew: curves, a film and a page."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import ganctl
from ganctl.checkpoint_file import Header, read_checkpoint, read_header
from ganctl.config import MEASURED, TrainConfig
from ganctl.errors import GanctlError
from ganctl.evaluation.metrics import caveat
from ganctl.evaluation.monitor import real_metrics
from ganctl.evaluation.reference import FINGERPRINTS
from ganctl.files import write_atomic
from ganctl.model_card import Card
from ganctl.runs.curves import curves
from ganctl.runs.film import film, read_grid
from ganctl.runs.history import DISTANCE, read_status
from ganctl.runs.page import Report, page
from ganctl.runs.run_dir import ANIMATION, CURVES, REPORT, RunDir

PACKAGES = ("torch", "numpy", "onnxruntime")


def draw_report(run: RunDir, notify: Callable[[str], None]) -> list[Path]:
    """Draw a run's report where training has ended; what keeps it from being drawn is told.

    Returns:
        What was written.
    """
    try:
        return write_report(run)
    except GanctlError as error:
        reason = error.message
    except Exception as error:  # whatever it is, the run is saved, and its exit code is its own
        reason = f"{type(error).__name__}: {error}"
    notify(f"no report was drawn: {reason}; to try again: ganctl runs report {run.folder}")
    return []


def write_report(run: RunDir) -> list[Path]:
    """Draw a run's curves, film and page into its folder, each whole or not at all.

    Returns:
        What was written; no film where there is one grid of samples, or none.

    Raises:
        BadInput: the configuration cannot be read, or the folder not be written.
        OutOfResources: the disk is full.
        ModuleNotFoundError: there is no matplotlib.
    """
    config, history = run.read_config(), read_status(run).history
    real = known_figures(config)
    drawn = {CURVES: curves(run.name, config, history, real.get(DISTANCE))}
    moving = film(run, config.model.img_size, config.model.channels)
    if moving is not None:
        drawn[ANIMATION] = moving
    header = _header(run)
    grid = next((path for path in run.samples()[::-1] if read_grid(path) is not None), None)
    drawn[REPORT] = page(
        Report(
            name=run.name,
            command_name=shlex.quote(run.label),
            config=config,
            history=history,
            real=real,
            curves=drawn[CURVES],
            grid=None if grid is None else grid.read_bytes(),
            grid_epoch=0 if grid is None else int(grid.stem),
            film=moving,
            threads=0 if header is None else header.threads,
            notes=[] if header is None else _notes(header.card),
            versions=dict(_versions()),
        )
    )
    for name, data in drawn.items():
        write_atomic(run.folder / name, data)
    return [run.folder / name for name in drawn]


def _notes(card: Card) -> list[str]:
    """Return what the reader must know of the data and of the figures."""
    return [note for note in (card.data_note, card.quality and caveat(card.class_names)) if note]


def known_figures(config: TrainConfig) -> Mapping[str, float]:
    """Return the figures of as many real test digits as are measured; {} for other data."""
    if config.data in FINGERPRINTS and config.model.image_shape == (1, 28, 28):
        return real_metrics(MEASURED)
    return {}


def _header(run: RunDir) -> Header | None:
    """Return what the newest checkpoint says of itself; None where none can be read."""
    try:
        return read_header(read_checkpoint(run.checkpoint), str(run.checkpoint))
    except GanctlError:
        return None


def _versions() -> Iterator[tuple[str, str]]:
    yield "ganctl", ganctl.__version__
    yield "Python", platform.python_version()
    for package in PACKAGES:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            pass
