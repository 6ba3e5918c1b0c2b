"""``report.html``: one run on one page without other files; written with its pictures."""

from __future__ import annotations

import logging
import platform
import shlex
from collections.abc import Mapping
from contextlib import suppress
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import ganctl
from ganctl.checkpoint_file import Header
from ganctl.config import MONITOR_IMAGES, TrainConfig, repeat_command, to_dict
from ganctl.errors import GanctlError
from ganctl.evaluation.metrics import MONITORED, caveat
from ganctl.evaluation.monitor import real_metrics
from ganctl.evaluation.reference import FINGERPRINTS
from ganctl.files import write_atomic
from ganctl.html_page import card, image, joined, page, side_by_side
from ganctl.runs.history import DISTANCE, ComparedRun, History, describe, read_status
from ganctl.runs.plots import draw_animation, draw_curves, last_sample
from ganctl.runs.run_dir import RunDir
from ganctl.text import counted

STYLE = """
@media (min-width: 60rem) { .two { grid-template-columns: 1fr 1fr } }
.chart { aspect-ratio: auto; background: none }
pre { overflow-x: auto; padding: .75rem; border-radius: .4rem; background: var(--paper);
  font-size: .8125rem; white-space: pre-wrap; overflow-wrap: anywhere }
.settings { columns: 2 18rem; column-gap: 2.5rem; font-size: .8125rem }
.settings div { display: flex; justify-content: space-between; gap: 1rem; padding: .2rem 0;
  border-bottom: 1px solid var(--rule); break-inside: avoid }
.settings dd { overflow-wrap: anywhere; text-align: right }
.settings dt { color: var(--soft); white-space: nowrap }
"""

PACKAGES = ("torch", "numpy", "onnxruntime")  # whose versions the page shows


def draw_report(run: RunDir) -> list[Path]:
    """Write the report after training; any error is logged, since the run itself is saved.

    Returns:
        The paths of the files written.
    """
    try:
        return write_report(run)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        if isinstance(error, GanctlError):
            reason = error.message
    logging.getLogger("ganctl").warning(
        f"no report was drawn: {reason}; to try again: ganctl runs report {run.folder}"
    )
    return []


def write_report(run: RunDir) -> list[Path]:
    """Write curves.png, progress.gif and report.html into the run's folder.

    Returns:
        The paths of the files written; no progress.gif with fewer than two sample grids.

    Raises:
        BadInput: the configuration cannot be read, or the folder is not writable.
        OutOfResources: the disk is full.
        ModuleNotFoundError: matplotlib is missing.
    """
    config, status = run.read_config(), read_status(run)
    history, saved, real = status.history, status.saved, real_metrics_of(config)
    curves = draw_curves(ComparedRun(run, config, history), real.get(DISTANCE))
    files, progress = {run.curves: curves}, ""
    animation = draw_animation(run, config.img_size, config.channels)
    if animation is not None:
        files[run.animation] = animation
        moving = image(animation, "gif", "the same latents through training", "squares")
        progress = card("Progress", moving)
    cards = [
        _beside(_samples(run), progress),
        card("Curves", image(curves, "png", "metrics by epoch", "chart")),
        _beside(_metrics(run, history, real), _repeat(run, config, saved)),
        _config(config),
        _notes(saved),
    ]
    done = f"{history.last('epoch') or 0:,.0f} of {counted(config.epochs, 'epoch')}"
    if history.best is not None:
        distance, epoch = history.best
        done += f" · best Fréchet distance {distance:.2f}, after epoch {epoch:,.0f}"
    headline = f"{done} · {describe(config)}"
    files[run.report] = page(run.name, headline, cards, maker="ganctl", style=STYLE)
    for path, data in files.items():
        write_atomic(path, data)
    return list(files)


def real_metrics_of(config: TrainConfig) -> Mapping[str, float]:
    """Return the metrics of real test digits, as many as are measured; {} for other data."""
    if config.data in FINGERPRINTS and config.image_shape == (1, 28, 28):
        return real_metrics(MONITOR_IMAGES)
    return {}


def _beside(left: str, right: str) -> str:
    return side_by_side(left, right) if left and right else left + right


def _samples(run: RunDir) -> str:
    path = last_sample(run)
    if path is None:
        return ""
    picture = image(path.read_bytes(), "png", "a grid of samples", "squares")
    epoch = int(path.stem)
    caption = f"After epoch {epoch:,}." if epoch else "Before the first step."
    return card("Latest samples", picture, caption)


def _metrics(run: RunDir, history: History, real: Mapping[str, float]) -> str:
    measured = history.measured
    if not measured:
        return ""
    rows = [
        f'<tbody><tr><th scope="row">{escape(name)}</th>'
        f'<td class="drawn">{form.format(measured[key])}</td>'
        f"<td>{form.format(real[key]) if key in real else ''}</td></tr>"
        f'<tr class="soft"><td colspan="3">{escape(meaning)}</td></tr></tbody>'
        for key, (name, form, meaning) in MONITORED.items()
        if isinstance(measured.get(key), (int, float))
    ]
    command = f"ganctl evaluate {shlex.quote(run.label)} --report evaluation.html"
    return card(
        "Quality",
        '<table class="figures">\n<thead><tr><th></th><th scope="col">generated</th>'
        f'<th scope="col">real</th></tr></thead>\n{joined(rows)}\n</table>',
        f"Measured after epoch {measured.get('epoch', 0):,.0f} with {MONITOR_IMAGES:,} images of "
        f"each kind. For all metrics: <code>{escape(command)}</code>",
    )


def _repeat(run: RunDir, config: TrainConfig, saved: Header | None) -> str:
    commands = [
        repeat_command(config, saved.threads if saved else 0),
        f"ganctl sample --checkpoint {shlex.quote(run.label)} out.png",
    ]
    versions = [f"ganctl {ganctl.__version__}", f"Python {platform.python_version()}"]
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            versions.append(f"{package} {version(package)}")
    caption = f"Versions when this page was made: {escape(', '.join(versions))}."
    return card("Repeat it", f"<pre>{escape(joined(commands))}</pre>", caption)


def _config(config: TrainConfig) -> str:
    rows = [
        f"<div><dt>{escape(name.replace('_', ' '))}</dt><dd>{escape(_format(value))}</dd></div>"
        for name, value in to_dict(config).items()
        if value != "" and (name != "classes" or value)
    ]
    return card("Configuration", f'<dl class="settings">\n{joined(rows)}\n</dl>')


def _format(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) and value >= 10_000 else str(value)


def _notes(saved: Header | None) -> str:
    """Return what the reader must know about the data and the metrics."""
    if saved is None:
        return ""
    notes = [saved.card.data_note, saved.card.quality and caveat(saved.card.class_names)]
    rows = [f"<li>{escape(note)}</li>" for note in notes if note]
    return card("Notes", f'<ul class="notes soft">\n{joined(rows)}\n</ul>') if rows else ""
