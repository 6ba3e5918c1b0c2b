"""``docs/card.schema.json``, which tells other programs what a model card is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from ganctl.checkpoint_file import read_header
from ganctl.errors import BadInput
from ganctl.inference.generator import load_onnx
from ganctl.model_card import CARD_VERSION, FIELDS, REQUIRED, Card, card_from_json

from .test_model_card import BAD, JSON, cards, example

SCHEMA: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "docs" / "card.schema.json").read_text()
)
PRETRAINED = sorted((Path(__file__).parents[1] / "checkpoints").glob("*.safetensors"))
VALIDATOR = Draft202012Validator(SCHEMA)


def test_it_is_a_schema_of_this_version() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"] == f"urn:ganctl:card:{CARD_VERSION}"
    assert SCHEMA["title"] == f"ganctl model card, version {CARD_VERSION}"
    assert SCHEMA["properties"]["card_version"]["const"] == CARD_VERSION
    assert SCHEMA["additionalProperties"] is True


def test_its_properties_are_the_cards_fields() -> None:
    properties = SCHEMA["properties"]
    assert properties.keys() == FIELDS.keys()
    assert set(SCHEMA["required"]) == REQUIRED | {"card_version"}
    assert all(field["description"].endswith(".") for field in properties.values())
    plain = json.loads(example().to_json())
    assert {name: field["default"] for name, field in properties.items() if "default" in field} == {
        name: plain[name] for name in FIELDS.keys() - REQUIRED - {"card_version"}
    }


@pytest.mark.parametrize("path", PRETRAINED, ids=lambda path: path.stem)
def test_the_pretrained_generators_cards_fit(path: Path) -> None:
    VALIDATOR.validate(json.loads(read_header(path).card.to_json()))


def test_the_cards_of_runs_and_of_their_exports_fit(trained: Path, conditional: Path) -> None:
    found = [*trained.rglob("*.safetensors"), *conditional.rglob("*.safetensors")]
    read: list[Card | None] = [read_header(path).card for path in found]
    read += [load_onnx(trained / "small.onnx").card, load_onnx(conditional / "asked.onnx").card]
    assert len(read) >= 4
    for card in read:
        assert card is not None
        VALIDATOR.validate(json.loads(card.to_json()))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(card=cards(), name=st.sampled_from(sorted(FIELDS)), value=JSON)
def test_whatever_ganctl_reads_fits(card: Card, name: str, value: object) -> None:
    values = json.loads(card.to_json())
    VALIDATOR.validate(values)
    try:
        card_from_json(json.dumps(values | {name: value}))
    except BadInput:
        return
    VALIDATOR.validate(values | {name: value})


@pytest.mark.parametrize("name", FIELDS)
def test_what_a_field_cannot_hold_does_not_fit(name: str) -> None:
    wrong = json.loads(example().to_json()) | {name: BAD[name][0]}
    with pytest.raises(ValidationError) as caught:
        VALIDATOR.validate(wrong)
    assert caught.value.path[0] == name
