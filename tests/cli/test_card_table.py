"""The model card as ``info`` shows it."""

from __future__ import annotations

from pathlib import Path

from ganctl.cli import card_table
from ganctl.cli.card_table import NAMED_CLASSES, card_sections
from ganctl.evaluation.metrics import MONITORED
from ganctl.inference.generator import load_onnx
from ganctl.model_card import Card

from ..test_model_card import example


def sections_of(card: Card) -> dict[str, dict[str, str]]:
    return {title: dict(rows) for title, rows in card_sections(card)}


def test_what_a_card_does_not_say_is_left_out() -> None:
    shown = sections_of(example(config={}, class_names=(), data_fingerprint=""))
    assert shown["generator"].keys() == {"name", "architecture", "latents", "images", "weights"}
    assert shown["data"].keys() == {"name", "images"}
    assert shown["training"] == {"epochs": "3", "steps": "471", "ganctl": "0.1.0"}
    assert shown["quality"] == shown["export"] == {}


def test_what_is_not_known_here_goes_by_its_own_name() -> None:
    card = example(quality={"novel": 0.25}, parity={"other": 3}, extra={"b": 1, "a": {}})
    shown = sections_of(card)
    assert (shown["quality"]["novel"], shown["export"]["other"]) == ("0.25", "3")
    assert shown["generator"]["unknown fields"].startswith("a, b: of a newer ganctl")


def test_a_configuration_of_another_ganctl_is_shown_as_far_as_it_is_understood() -> None:
    config = {"lr": 1, "seed": 123_456, "batch_size": [64], "recipe": None, "epochs": 10}
    training = sections_of(example(config=config))["training"]
    assert (training["learning rate"], training["seed"]) == ("1", "123456")
    assert training["epochs"] == "3 of 10"
    assert "batch" not in training and "recipe" not in training


def test_many_classes_are_counted() -> None:
    names = tuple(f"class {number}" for number in range(1000))
    shown = sections_of(example(class_names=names))["generator"]["classes"]
    assert shown.startswith("1,000, of the data") and shown.endswith(" and 980 more")
    assert shown.count("class ") == NAMED_CLASSES


def test_figures_are_known_by_the_names_they_are_measured_by(workplace: Path) -> None:
    card = load_onnx(Path("small.onnx")).card
    assert card is not None and card.quality.keys() < MONITORED.keys()
    assert card.parity.keys() <= card_table.PARITY.keys()
