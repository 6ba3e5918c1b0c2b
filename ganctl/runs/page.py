"""``report.html``: one run on one page that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from ganctl import html_page
from ganctl.config import TrainConfig, flat
from ganctl.evaluation.metrics import MONITORED
from ganctl.html_page import card, joined, side_by_side
from ganctl.runs.history import History
from ganctl.runs.words import command, unsaid, what
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


@dataclass(frozen=True)
class Report:
    """All that the page shows."""

    name: str
    command_name: str  # what other commands call the run
    config: TrainConfig
    history: History
    real: Mapping[str, float]  # figures of real images; {} where they are unknown
    curves: bytes  # a PNG
    grid: bytes | None  # the last samples, a PNG
    grid_epoch: int  # after which they were drawn
    film: bytes | None  # a GIF
    threads: int  # that it was trained with; 0: unknown
    notes: Sequence[str]  # what the reader must know
    versions: Mapping[str, str]  # of the packages, when the page was made


def page(report: Report) -> bytes:
    """Return the page as UTF-8; whatever came from outside is escaped."""
    pictures = [
        card(title, html_page.image(data, kind, about, "squares"), caption)
        for title, data, kind, about, caption in (
            *(("Its last samples", report.grid, "png", "a grid of samples", _after(report)),),
            *(("How they came to be", report.film, "gif", "the same latents through time", ""),),
        )
        if data is not None
    ]
    cards = [
        _beside(*pictures),
        card("How it went", html_page.image(report.curves, "png", "curves by epochs", "chart")),
        _beside(_figures(report), _repeat(report)),
        _settings(report.config),
        _notes(report.notes),
    ]
    said = f"{_progress(report)} · {what(report.config)}"
    return html_page.page(report.name, said, cards, maker="ganctl", style=STYLE)


def _beside(*cards: str) -> str:
    """Return the cards that are not empty, two of them beside each other."""
    present = [each for each in cards if each]
    return side_by_side(*present) if len(present) == 2 else joined(present)


def _after(report: Report) -> str:
    if report.grid_epoch:
        return f"Drawn after epoch {report.grid_epoch:,}."
    return "Drawn before the first step; no later ones are there."


def _progress(report: Report) -> str:
    done = int(report.history.last("epoch") or 0)
    said = f"{done:,} of {counted(report.config.epochs, 'epoch')}"
    if report.history.best is None:
        return said
    best, epoch = report.history.best
    return f"{said} · best Fréchet distance {best:.2f}, after epoch {epoch:,.0f}"


def _figures(report: Report) -> str:
    measured = report.history.measured
    if not measured:
        return ""
    rows = [
        f'<tbody><tr><th scope="row">{escape(name)}</th>'
        f'<td class="drawn">{form.format(measured[key])}</td>'
        f"<td>{form.format(report.real[key]) if key in report.real else ''}</td></tr>"
        f'<tr class="soft"><td colspan="3">{escape(meaning)}</td></tr></tbody>'
        for key, (name, form, meaning) in MONITORED.items()
        if isinstance(measured.get(key), (int, float))
    ]
    after = f"Measured after epoch {measured.get('epoch', 0):,.0f}, 2,000 images of each."
    return card(
        "How good it is",
        '<table class="figures">\n<thead><tr><th></th><th scope="col">drawn</th>'
        f'<th scope="col">real</th></tr></thead>\n{joined(rows)}\n</table>',
        f"{after} For all figures: <code>ganctl evaluate {escape(report.command_name)} --report "
        "evaluation.html</code>",
    )


def _repeat(report: Report) -> str:
    lines = [
        command(report.config, report.threads),
        f"ganctl sample --checkpoint {report.command_name} out.png",
    ]
    versions = ", ".join(
        f"{escape(name)} {escape(version)}" for name, version in report.versions.items()
    )
    caption = f"When this page was made: {versions}."
    if odd := unsaid(report.config):
        caption += f" No option sets what this run has of another ganctl: {escape(', '.join(odd))}."
    return card("How to repeat it", f"<pre>{escape(joined(lines))}</pre>", caption)


def _settings(config: TrainConfig) -> str:
    rows = [
        f"<div><dt>{escape(name.replace('_', ' '))}</dt><dd>{escape(_value(value))}</dd></div>"
        for name, value in flat(config).items()
        if value != "" and (name != "classes" or value)  # 0: the networks know of none
    ]
    return card("Configuration", f'<dl class="settings">\n{joined(rows)}\n</dl>')


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) and value >= 10_000 else str(value)


def _notes(notes: Sequence[str]) -> str:
    shown = [f"<li>{escape(note)}</li>" for note in notes]
    return card("Notes", f'<ul class="notes soft">\n{joined(shown)}\n</ul>') if notes else ""
