from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ganctl.checkpoint_file import add_checksum, file_metadata, parse_header, peek, read_header
from ganctl.config import TrainConfig
from ganctl.errors import BadInput, CheckFailed, GanctlError

from .test_model_card import JSON
from .test_model_card import example as card

SHAPES = {
    "generator.0.weight": (3, 2),
    "generator.1.running_mean": (3,),
    "generator.1.num_batches_tracked": (),
    "generator_ema.0.weight": (3, 2),
    "generator_ema.1.weight": (3,),
    "generator_ema.1.running_var": (3,),
    "discriminator.0.weight": (1, 2),
    "latent_rng": (5,),
    "nothing": (0, 4),
}


def file_of(header: object, size: int) -> bytes:
    """Return a file with that JSON in front of ``size`` bytes."""
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(size)


def checkpoint(ema_decay: float = 0.9999, says: Mapping[str, object] | None = None) -> bytes:
    """Return a file of the tensors `SHAPES`, float32, with other metadata if given."""
    tensors: dict[str, object] = {}
    place = 0
    for name, shape in SHAPES.items():
        end = place + 4 * math.prod(shape)
        tensors[name] = {"dtype": "F32", "shape": shape, "data_offsets": [place, end]}
        place = end
    (key, text) = next(iter(file_metadata(TrainConfig(ema_decay=ema_decay), card(), 7, 2).items()))
    said = json.dumps(json.loads(text) | (says or {}), sort_keys=True)
    return add_checksum(file_of({"__metadata__": {key: said}, **tensors}, place))


def test_the_header_describes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(checkpoint())
    header = read_header(path)
    assert (header.config, header.card) == (TrainConfig(), card())
    assert (header.step, header.threads) == (7, 2)
    assert header.shapes == SHAPES
    assert header.parameters == 9  # the average's, without its statistics
    assert header.groups == {
        "discriminator": 2,
        "generator": 10,
        "generator_ema": 12,
        "latent_rng": 5,
        "nothing": 0,
    }
    assert parse_header(checkpoint(ema_decay=0.0), "x").parameters == 6  # of the live weights


def test_peek_reads_the_same_without_verifying(tmp_path: Path) -> None:
    data, path = checkpoint(), tmp_path / "x.safetensors"
    path.write_bytes(data)
    assert peek(path) == parse_header(data, "x")
    path.write_bytes(data[:-1] + b"!")  # a weight: nobody has looked
    assert peek(path).step == 7
    for cut in (0, 7, 8, 9, len(data) - 1):
        path.write_bytes(data[:cut])
        with pytest.raises(BadInput, match="x.safetensors is not a ganctl checkpoint"):
            peek(path)
    path.write_bytes(b"\xff" * 7 + data)
    with pytest.raises(BadInput, match="is not a ganctl checkpoint"):
        peek(path)
    with pytest.raises(BadInput, match="cannot read checkpoint .*: no such file"):
        peek(tmp_path / "none")


def test_every_flipped_bit_is_found() -> None:
    data = checkpoint()
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(GanctlError):
            parse_header(bytes(damaged), "x")
    damaged[:] = data
    damaged[-1] ^= 1
    with pytest.raises(CheckFailed, match="x is damaged: its SHA-256 is not the one written in it"):
        parse_header(bytes(damaged), "x")


def test_a_byte_lost_doubled_or_appended_anywhere_is_found() -> None:
    data = checkpoint()
    truncated = (data[:length] for length in range(len(data)))
    lost = (data[:place] + data[place + 1 :] for place in range(len(data)))
    doubled = (data[: place + 1] + data[place:] for place in range(len(data)))
    longer = (data + bytes([byte]) for byte in range(256))
    for damaged in (*truncated, *lost, *doubled, *longer):
        with pytest.raises(GanctlError):
            parse_header(damaged, "x")


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(name=st.sampled_from(["format", "config", "card", "step", "novel"]), value=JSON)
@example(name="config", value={"lr": 10**400})
@example(name="step", value=-1)
def test_any_metadata_gives_a_header_or_bad_input(name: str, value: object) -> None:
    try:
        header = parse_header(checkpoint(says={name: value}), "x")
    except BadInput as error:
        assert "\n" not in error.message and len(error.message) < 200
    else:
        assert name in ("format", "step", "novel") and header.shapes == SHAPES


def test_a_number_in_the_configuration_that_is_too_large_is_named() -> None:
    config = json.loads(file_metadata(TrainConfig(), card(), 7, 2)["ganctl"])["config"]
    with pytest.raises(BadInput, match="in the configuration, lr=1"):
        parse_header(checkpoint(says={"config": config | {"lr": 10**400}}), "x")


@pytest.mark.parametrize(
    "tensor",
    [
        None,
        [],
        {},
        {"shape": [1], "data_offsets": [0]},
        {"shape": [1], "data_offsets": [0, 8]},
        {"shape": [1], "data_offsets": [4, 4]},
        {"shape": [1], "data_offsets": [0.0, 4]},
        {"shape": [-1], "data_offsets": [0, 4]},
        {"shape": ["1"], "data_offsets": [0, 4]},
        {"shape": [10**9, 10**9], "data_offsets": [0, 4]},
        {"shape": 1, "data_offsets": [0, 4]},
    ],
)
def test_tensors_that_do_not_fit_the_file_are_refused(tensor: object) -> None:
    said = {"__metadata__": file_metadata(TrainConfig(), card(), 7, 2)}
    good = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    assert parse_header(add_checksum(file_of({**said, "x": good}, 4)), "x").shapes == {"x": (1,)}
    with pytest.raises(BadInput, match="x is not a ganctl checkpoint"):
        parse_header(add_checksum(file_of({**said, "x": tensor}, 4)), "x")


@given(st.binary())
@example(b"\xff" * 8 + b'\\"sha256\\": \\"' + b"0" * 64 + b'\\"')
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(GanctlError):
        parse_header(data, "x")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none", "no such file"), (tmp_path, "is a directory")):
        with pytest.raises(BadInput, match=f"cannot read checkpoint {path}: {reason}"):
            read_header(path)
