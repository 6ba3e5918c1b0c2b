from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganctl.card import Card, card_from_json
from ganctl.errors import BadInput


def example(**changes: object) -> Card:
    card = Card(
        name="run",
        architecture="mlp",
        latent_dim=100,
        image_shape=(1, 28, 28),
        class_names=("0", "1"),
        data_name="digits",
        data_fingerprint="ab" * 32,
        data_count=10_000,
        data_note="",
        weights="ema",
        epochs=3,
        steps=471,
        config={"lr": 2e-4},
        ganctl_version="0.1.0",
    )
    return dataclasses.replace(card, **changes)  # type: ignore[arg-type]


@given(name=st.text(), note=st.text(), classes=st.lists(st.text()))
def test_a_card_reads_back(name: str, note: str, classes: list[str]) -> None:
    card = example(name=name, data_note=note, class_names=tuple(classes), parity={"x": 1.5e-6})
    assert card_from_json(card.to_json()) == card


def test_equal_cards_have_equal_bytes() -> None:
    forth, back = {"a": 1.0, "b": 2.0}, {"b": 2.0, "a": 1.0}
    assert example(quality=forth).to_json() == example(quality=back).to_json()


def test_a_newer_card_says_so() -> None:
    with pytest.raises(BadInput, match="version 2, not 1"):
        card_from_json(example(card_version=2).to_json())


@given(st.text() | st.sampled_from(["{}", "[]", "null", '{"card_version": 1}']))
def test_what_is_no_card_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        card_from_json(text)


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=20))
def test_class_shares_read_back(counts: list[int]) -> None:
    shares = tuple(count / sum(counts) for count in counts)
    card = example(class_names=tuple(map(str, range(len(shares)))), class_shares=shares)
    assert card_from_json(card.to_json()) == card


@pytest.mark.parametrize(
    "shares", [(1.0,), (0.5, 0.6), (1.5, -0.5), (float("nan"), 0.5), ("0.5", "0.5"), (0.0, 0.0)]
)
def test_shares_that_no_class_can_be_drawn_by_are_refused(shares: tuple[object, ...]) -> None:
    with pytest.raises(BadInput, match="the model card cannot be read"):
        card_from_json(example(class_shares=shares).to_json())


def test_an_unknown_field_is_refused() -> None:
    values = json.loads(example().to_json()) | {"novel": 1}
    with pytest.raises(BadInput, match="novel"):
        card_from_json(json.dumps(values))
