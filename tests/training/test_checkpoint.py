from __future__ import annotations

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from ganctl import checkpoint_file
from ganctl.config import TrainConfig
from ganctl.errors import BadInput, CheckFailed, GanctlError
from ganctl.training.checkpoint import (
    Checkpoint,
    as_function,
    decode,
    encode,
    load_checkpoint,
    load_generator,
    save_checkpoint,
)

from ..test_model_card import LINES, example
from .helpers import checkpoint, trained

TENSORS = {"a.weight": torch.arange(6.0).view(2, 3), "rng": torch.tensor([1, 2], dtype=torch.uint8)}
CHECKPOINT = Checkpoint(TrainConfig(), example(), step=7, tensors=TENSORS)


def test_a_checkpoint_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_checkpoint(path, CHECKPOINT)
    loaded = load_checkpoint(path)
    assert (loaded.config, loaded.card, loaded.step) == (TrainConfig(), example(), 7)
    assert loaded.tensors.keys() == TENSORS.keys()
    assert all(torch.equal(loaded.tensors[name], TENSORS[name]) for name in TENSORS)
    assert safetensors.torch.load_file(path).keys() == TENSORS.keys()  # others can read it


def test_equal_checkpoints_have_equal_bytes() -> None:
    again = Checkpoint(TrainConfig(), example(), 7, dict(reversed(TENSORS.items())))
    assert encode(again) == encode(CHECKPOINT)


@given(LINES.filter(lambda text: len(text) < 900))
def test_no_name_is_taken_for_the_checksum(text: str) -> None:
    names = (text, '"sha256": "' + "f" * 64 + '"', '\\"sha256\\": \\"' + "0" * 64 + '\\"')
    for name in names:
        named = Checkpoint(TrainConfig(data=name), example(name=name), 7, TENSORS)
        assert decode(encode(named), "x").card.name == name


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


def test_a_damaged_tensor_is_reported_as_damage() -> None:
    data = bytearray(encode(CHECKPOINT))
    data[-1] ^= 1
    with pytest.raises(CheckFailed, match=r"x is damaged: its SHA-256"):
        decode(bytes(data), "x")


@given(st.binary())
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(BadInput, match="not a ganctl checkpoint"):
        decode(data, "x")


def test_another_programs_safetensors_file_is_refused() -> None:
    with pytest.raises(BadInput, match="not a ganctl checkpoint"):
        decode(safetensors.torch.save(TENSORS, {"format": "pt"}), "x")


def test_another_format_is_refused_with_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_file, "FORMAT", 99)
    data = encode(CHECKPOINT)
    monkeypatch.undo()
    with pytest.raises(BadInput, match="checkpoint format 99, not "):
        decode(data, "x")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        load_checkpoint(tmp_path / "none.safetensors")


def test_the_metadata_is_plain_json() -> None:
    data = encode(CHECKPOINT)
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert json.loads(header["__metadata__"]["ganctl"])["config"]["lr"] == 8e-4


@pytest.mark.parametrize("recipe", ["default", "classic"])
def test_a_generator_is_loaded_from_a_whole_checkpoint_or_from_its_own_file(
    recipe: str, small_data: Path, tmp_path: Path
) -> None:
    run = trained(small_data, epochs=1, recipe=recipe)
    small = tmp_path / "small.safetensors"
    save_checkpoint(small, checkpoint(run).generator_only())
    assert small.stat().st_size < run.checkpoint.stat().st_size / 3
    assert str(small_data) not in small.read_bytes().decode("latin-1")
    weights = "ema" if recipe == "default" else "live"
    z, images = torch.randn(3, 100).numpy(), []
    for path in (run.checkpoint, small):
        generator, card = load_generator(path)
        assert not generator.training and card.weights == weights
        images.append(as_function(generator)(z, None))
    assert images[0].shape == (3, 1, 28, 28)
    assert (images[0] == images[1]).all()
    live, card = load_generator(run.checkpoint, "live")
    assert card.weights == "live"
    assert (as_function(live)(z, None) == images[0]).all() == (recipe == "classic")
    if recipe == "default":
        with pytest.raises(BadInput, match="holds only the average of the weights"):
            load_generator(small, "live")


def test_a_generator_that_does_not_fit_its_configuration_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_checkpoint(path, CHECKPOINT)
    with pytest.raises(BadInput, match="has no generator that fits its configuration"):
        load_generator(path)
