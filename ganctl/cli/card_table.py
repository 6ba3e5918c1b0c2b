"""A model card in words, by sections: what ``ganctl info`` shows of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganctl.evaluation.metrics import MONITORED, caveat
from ganctl.model_card import Card, is_number
from ganctl.runs.history import METRIC_NAMES

Rows = list[tuple[str, str]]
Sections = list[tuple[str, Rows]]

NAMED_CLASSES = 20
"""How many classes are named before the rest is only counted."""

WEIGHTS = {"ema": "running average of the weights (ema)", "live": "the weights that train (live)"}

PARITY = {
    "max_difference": (
        "largest difference",
        "{:.1e}",
        "between onnxruntime's and torch's image values",
    ),
    "max_grey_levels": ("in grey levels", "{:.0f}", "of 255"),
    "mean_grey_levels": ("on average", "{:.2g}", "of 255"),
}
"""Figures of the export: name, form and meaning."""


def images(image_shape: tuple[int, int, int]) -> str:
    """Return what images of the shape (C, H, W) are."""
    channels, height, width = image_shape
    return f"{width}×{height}, {'grey' if channels == 1 else 'colour'}"


def card_sections(card: Card, parameters: int | None = None) -> Sections:
    """Return all that the card says, in words; what it does not say is left out.

    Args:
        card: of the generator.
        parameters: how many weights it has, where that is known.
    """
    low, high = card.value_range
    generator = [
        ("name", card.name),
        ("architecture", card.architecture),
        ("parameters", f"{parameters:,}" if parameters else ""),
        ("latents", f"{card.latent_dim:,}, {card.latent_distribution}"),
        ("images", f"{images(card.image_shape)}, values {low:g} to {high:g}"),
        ("classes", _classes(card)),
        ("weights", f"{WEIGHTS[card.weights]}, stored as {card.precision}"),
        ("unknown fields", _unknown(card)),
    ]
    fingerprint = card.data_fingerprint
    data = [
        ("name", card.data_name),
        ("images", f"{card.data_count:,}"),
        ("fingerprint", f"{fingerprint[:12]}…" if fingerprint else ""),
        ("note", card.data_note),
    ]
    return [
        ("generator", _present(generator)),
        ("data", _present(data)),
        ("training", _present(_training(card))),
        ("quality", _quality(card)),
        ("export", _figures(card.parity, PARITY)),
    ]


def number(value: float) -> str:
    """Return any number in short; whole ones whole."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _quality(card: Card) -> Rows:
    rows = _figures(card.quality, MONITORED)
    return [*rows, *_present([("but", caveat(card.class_names))])] if rows else []


def _present(rows: Rows) -> Rows:
    return [(name, value) for name, value in rows if value]


def _classes(card: Card) -> str:
    names = [
        f"{name} ({share:.1%})" if card.class_shares else name
        for name, share in zip(card.class_names, card.class_shares or card.class_names, strict=True)
    ]
    if not names:
        return ""
    left = len(names) - NAMED_CLASSES
    listed = ", ".join(names[:NAMED_CLASSES]) + (f" and {left:,} more" if left > 0 else "")
    asked = "can be asked for" if card.class_shares else "of the data, cannot be asked for"
    return f"{len(names):,}, {asked}: {listed}"


def _unknown(card: Card) -> str:
    if not card.extra:
        return ""
    return f"{', '.join(sorted(card.extra))}: of a newer ganctl, see --json"


def _training(card: Card) -> Rows:
    config = card.config

    def setting(name: str) -> str:
        value: Any = config.get(name)
        return value if isinstance(value, str) else number(value) if is_number(value) else ""

    configured = setting("epochs")
    return [
        ("recipe", setting("recipe")),
        ("epochs", f"{card.epochs:,}" + (f" of {configured}" if configured else "")),
        ("steps", f"{card.steps:,}"),
        ("objective", setting("objective")),
        ("batch", setting("batch_size")),
        ("learning rate", setting("lr")),
        ("seed", setting("seed").replace(",", "")),
        ("ganctl", card.ganctl_version),
    ]


def _figures(figures: Mapping[str, float], known: Mapping[str, tuple[str, str, str]]) -> Rows:
    """Return each figure in its words; one that is not known here goes by its own name."""
    rows = []
    for key, figure in figures.items():
        name, form, meaning = known.get(key, (key, "{:.4g}", ""))
        rows.append((name, form.format(figure), meaning))
    width = max((len(figure) for _, figure, _ in rows), default=0)
    return [(name, f"{figure:{width}}  {meaning}".rstrip()) for name, figure, meaning in rows]


def figures_line(figures: Mapping[str, Any]) -> str:
    """Return a line of metrics in words, its numbers in short."""
    said = []
    for key, figure in figures.items():
        if is_number(figure):
            name, form = METRIC_NAMES.get(key, (key, ""))
            said.append(f"{name} {form.format(figure) if form else number(figure)}")
    return ", ".join(said)
