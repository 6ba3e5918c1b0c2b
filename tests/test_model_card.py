from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganctl.errors import BadInput
from ganctl.model_card import FIELDS, REQUIRED, Card, card_from_json
from ganctl.text import is_plain


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


LINES = st.text(max_size=1000).filter(is_plain)
SIZES = st.integers(1, 65_536)
COUNTS = st.integers(0, 2**63 - 1)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
FIGURES = st.dictionaries(LINES, NUMBERS, max_size=5)
KEPT = st.recursive(
    st.none() | st.booleans() | st.text() | NUMBERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@st.composite
def cards(draw: st.DrawFn) -> Card:
    """Return a card of any kind."""
    names = tuple(draw(st.lists(LINES, max_size=5)))
    counts = [draw(st.integers(1, 1000)) for _ in names] if draw(st.booleans()) else []
    low, high = sorted(draw(st.lists(NUMBERS, min_size=2, max_size=2, unique=True)))
    return Card(
        name=draw(LINES),
        architecture=draw(LINES),
        latent_dim=draw(SIZES),
        image_shape=(draw(st.sampled_from([1, 3])), draw(SIZES), draw(SIZES)),
        class_names=names,
        data_name=draw(LINES),
        data_fingerprint=draw(st.sampled_from(["", "0" * 64, "ab" * 32])),
        data_count=draw(COUNTS),
        data_note=draw(LINES),
        weights=draw(st.sampled_from(["ema", "live"])),
        epochs=draw(COUNTS),
        steps=draw(COUNTS),
        config=draw(st.dictionaries(st.text(), KEPT, max_size=3)),
        ganctl_version=draw(LINES),
        class_shares=tuple(count / sum(counts) for count in counts),
        latent_distribution=draw(LINES),
        value_range=(low, high),
        quality=draw(FIGURES),
        parity=draw(FIGURES),
        precision=draw(LINES),
        extra=draw(st.dictionaries(LINES.filter(lambda name: name not in FIELDS), KEPT)),
    )


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(cards())
def test_a_card_reads_back(card: Card) -> None:
    assert card_from_json(card.to_json()) == card
    assert card_from_json(card.to_json()).to_json() == card.to_json()
    forth, back = {"a": 1.0, "b": 2.0}, {"b": 2.0, "a": 1.0}
    assert example(quality=forth).to_json() == example(quality=back).to_json()


@given(st.text() | st.sampled_from(["{}", "[]", "null", '{"card_version": 1}']))
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="the model card cannot be read"):
        card_from_json(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.text() | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(card=cards(), name=st.sampled_from(sorted(FIELDS)) | st.text(), value=JSON)
def test_any_value_in_any_field_gives_a_card_or_bad_input(
    card: Card, name: str, value: object
) -> None:
    values = json.loads(card.to_json()) | {name: value}
    try:
        read = card_from_json(json.dumps(values))
    except BadInput as error:
        assert is_plain(error.message)
    else:
        assert json.loads(read.to_json()) == values


HUGE = 10**400
# Invalid values of each field; docs/card.schema.json refuses the first of each too.
BAD: dict[str, list[object]] = {
    "name": [None, 7, ["x"], "a\nb", "\x1b[2J", "a\u2028b", "\x9b", "x" * 1001],
    "architecture": [{}, "\x00"],
    "latent_dim": [0, -1, 65_537, 100.0, "100", True, None, HUGE, float("nan")],
    "image_shape": [[28, 28], ["1", "28", "28"], [2, 28, 28], [1, 0, 28], [1, 28, HUGE], "abc"],
    "class_names": ["01", ["x"] * 70_000, [1, 2], ["\x1b"], [["0"]], None, {}],
    "data_name": [None],
    "data_fingerprint": ["abc", "AB" * 32, "ab" * 32 + "\n", 7],
    "data_count": [-1, 2**63, 1.5, "9"],
    "data_note": ["two\nlines", None],
    "weights": ["best", None, [], True],
    "epochs": [-1, HUGE],
    "steps": [-1, "471", float("inf")],
    "config": [[], None, "{}", {"lr": float("nan")}, {"lr": HUGE}],
    "ganctl_version": [1],
    "class_shares": [None, "ab", [0.5, HUGE], [True, False]],
    "latent_distribution": [0],
    "value_range": [[0], [1, -1], [0, 0], [0, 1, 2], ["-1", "1"], [-1, float("nan")], [-HUGE, 1]],
    "quality": [[], None, {"x": "1"}, {"x": float("nan")}, {"x": HUGE}, {"x\n": 1}, {"x": True}],
    "parity": [{"x": None}, {"x": float("-inf")}],
    "precision": [16],
    "card_version": [None, "1", 1.0, True, 0, -1, HUGE, [1]],
}


@pytest.mark.parametrize("name", FIELDS)
def test_an_invalid_value_is_refused(name: str) -> None:
    for value in BAD[name]:
        text = json.dumps(json.loads(example().to_json()) | {name: value})
        with pytest.raises(BadInput) as caught:
            card_from_json(text)
        assert caught.value.message.startswith(f"the model card cannot be read: its {name} ")


@pytest.mark.parametrize("name", sorted(REQUIRED | {"card_version"}))
def test_a_missing_field_is_named(name: str) -> None:
    values = json.loads(example().to_json())
    del values[name]
    with pytest.raises(BadInput, match=f"the model card cannot be read: its {name} is"):
        card_from_json(json.dumps(values))


@pytest.mark.parametrize("depth", [33, 500, 100_000])
@pytest.mark.parametrize("field", ["config", "novel"])
def test_deeply_nested_json_is_refused(field: str, depth: int) -> None:
    deep = '{"x":' * depth + "1" + "}" * depth
    with pytest.raises(BadInput, match="the model card cannot be read"):
        card_from_json(f'{example().to_json()[:-1]}, "{field}": {deep}}}')


@pytest.mark.parametrize(
    "shares", [(1.0,), (0.5, 0.6), (1.5, -0.5), (float("nan"), 0.5), ("0.5", "0.5"), (0.0, 0.0)]
)
def test_class_shares_must_add_up_to_1(shares: tuple[object, ...]) -> None:
    with pytest.raises(BadInput, match="the model card cannot be read"):
        card_from_json(json.dumps(json.loads(example().to_json()) | {"class_shares": shares}))


def test_unknown_fields_are_preserved() -> None:
    newer = {"novel": {"a": [1, 2.5, None]}, "extra": "its own", "zeta": True}
    text = json.dumps(json.loads(example().to_json()) | newer, sort_keys=True)
    card = card_from_json(text)
    assert card.extra == newer
    assert card.to_json() == text
    assert dataclasses.replace(card, epochs=4).extra == newer
    assert example(extra={"name": "other"}).to_json() == example().to_json()
    with pytest.raises(BadInput, match="version 2, not 1"):
        card_from_json(example(card_version=2).to_json())
    with pytest.raises(ValueError, match="JSON"):
        example(quality={"x": float("nan")}).to_json()


FIRST = """{
    "architecture": "mlp", "card_version": 1, "class_names": ["0", "1"], "config": {"lr": 0.0002},
    "data_count": 10000, "data_fingerprint": "", "data_name": "digits", "data_note": "",
    "epochs": 3, "ganctl_version": "0.1.0", "image_shape": [1, 28, 28], "latent_dim": 100,
    "name": "run", "steps": 471, "weights": "ema"
}"""
FIGURED = """
    "latent_distribution": "standard normal", "parity": {}, "value_range": [-1.0, 1.0],
    "quality": {"frechet_distance": 13.5}
"""
CONDITIONAL = f'{FIGURED}, "class_shares": [0.25, 0.75]'


@pytest.mark.parametrize("added", ["", FIGURED, CONDITIONAL])
def test_older_cards_stay_readable(added: str) -> None:
    card = card_from_json(FIRST.replace("\n}", f", {added}}}" if added else "}"))
    assert card == example(
        data_fingerprint="",
        quality={"frechet_distance": 13.5} if added else {},
        class_shares=(0.25, 0.75) if added == CONDITIONAL else (),
    )
    assert card.precision == "fp32"
