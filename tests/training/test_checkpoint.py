from __future__ import annotations

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from ganctl import checkpoint_file
from ganctl.config import train_config
from ganctl.errors import BadInput, CheckFailed, GanctlError
from ganctl.training.checkpoint import (
    Checkpoint,
    decode,
    encode,
    load_checkpoint,
    save_checkpoint,
)

from ..test_model_card import LINES, example

TENSORS = {"a.weight": torch.arange(6.0).view(2, 3), "rng": torch.tensor([1, 2], dtype=torch.uint8)}
CHECKPOINT = Checkpoint(train_config(), example(), step=7, tensors=TENSORS)


def test_a_checkpoint_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_checkpoint(path, CHECKPOINT)
    loaded = load_checkpoint(path)
    assert (loaded.config, loaded.card, loaded.step) == (train_config(), example(), 7)
    assert loaded.tensors.keys() == TENSORS.keys()
    assert all(torch.equal(loaded.tensors[name], TENSORS[name]) for name in TENSORS)
    assert safetensors.torch.load_file(path).keys() == TENSORS.keys()  # others can read it


def test_equal_checkpoints_have_equal_bytes() -> None:
    again = Checkpoint(train_config(), example(), 7, dict(reversed(TENSORS.items())))
    assert encode(again) == encode(CHECKPOINT)


@given(LINES.filter(lambda text: len(text) < 900))
def test_no_name_can_be_taken_for_the_digest(text: str) -> None:
    names = (text, '"sha256": "' + "f" * 64 + '"', '\\"sha256\\": \\"' + "0" * 64 + '\\"')
    for name in names:
        checkpoint = Checkpoint(train_config(data=name), example(name=name), 7, TENSORS)
        assert decode(encode(checkpoint), "x").card.name == name


def test_every_flipped_bit_is_found() -> None:
    data = encode(CHECKPOINT)
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(GanctlError):
            decode(bytes(damaged), "x")


def test_truncation_at_any_length_and_junk_are_found() -> None:
    data = encode(CHECKPOINT)
    for damaged in (*(data[:length] for length in range(len(data))), data + b"\0"):
        with pytest.raises(GanctlError):
            decode(damaged, "x")


def test_a_damaged_tensor_is_called_damaged() -> None:
    data = bytearray(encode(CHECKPOINT))
    data[-1] ^= 1
    with pytest.raises(CheckFailed, match=r"x is damaged: its SHA-256"):
        decode(bytes(data), "x")


@given(st.binary())
def test_what_is_no_checkpoint_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput, match="not a ganctl checkpoint"):
        decode(data, "x")


def test_somebody_elses_safetensors_file_is_refused() -> None:
    with pytest.raises(BadInput, match="not a ganctl checkpoint"):
        decode(safetensors.torch.save(TENSORS, {"format": "pt"}), "x")


def test_another_format_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_file, "FORMAT", 2)
    data = encode(CHECKPOINT)
    monkeypatch.undo()
    with pytest.raises(BadInput, match="checkpoint format 2, not 1"):
        decode(data, "x")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        load_checkpoint(tmp_path / "none.safetensors")


def test_the_metadata_is_plain_json() -> None:
    data = encode(CHECKPOINT)
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert json.loads(header["__metadata__"]["ganctl"])["config"]["lr"] == 8e-4
