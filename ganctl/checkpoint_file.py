r"""The header of a checkpoint file, read and written without torch.

A checkpoint is a ``.safetensors`` file. Beside the tensors it has one metadata entry, ``ganctl``:
JSON with the format version, the configuration, the model card, the step and the SHA-256 of the
whole file, so that a changed byte anywhere is noticed.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganctl.checksums import BLANK, has_checksum, insert_checksum
from ganctl.config import TrainConfig, from_dict, to_dict
from ganctl.errors import BadInput, CheckFailed, explain
from ganctl.model_card import Card, card_from_json

FORMAT = 2
SUFFIX = ".safetensors"
MAX_HEADER = 100_000_000  # bytes of the JSON before the tensors; the limit of safetensors
PREFIXES = {"ema": "generator_ema", "live": "generator"}  # of the two generators' tensor names

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")  # of BatchNorm, not learnt
_KEY = "ganctl"
_CHECKSUM = re.compile(rb'\\"sha256\\": \\"([0-9a-f]{64})\\"')  # JSON within safetensors' JSON


@dataclass(frozen=True)
class Header:
    """The contents of a checkpoint file except the tensors' values."""

    config: TrainConfig
    card: Card
    step: int  # finished training steps
    threads: int  # CPU threads that it was trained with; 0: unknown
    shapes: dict[str, tuple[int, ...]]  # of the tensors, by name

    @property
    def parameters(self) -> int:
        """Return the number of learnt parameters of the generator that images are drawn from."""
        prefix = PREFIXES["ema" if self.config.ema_decay else "live"] + "."
        return sum(
            math.prod(shape)
            for name, shape in self.shapes.items()
            if name.startswith(prefix) and not name.endswith(_STATISTICS)
        )

    @property
    def groups(self) -> dict[str, int]:
        """Return how many numbers the tensors of each network and optimiser hold, by its name."""
        counts: Counter[str] = Counter()
        for name, shape in self.shapes.items():
            counts[name.partition(".")[0]] += math.prod(shape)
        return dict(sorted(counts.items()))


def is_checkpoint(path: Path) -> bool:
    """Tell a checkpoint from an ONNX file, by its suffix or its content; OSError if unreadable."""
    with open(path, "rb") as file:
        return path.suffix.lower() == SUFFIX or file.read(9)[8:] == b"{"


def read_checkpoint(path: Path) -> bytes:
    """Return the file's bytes, or raise BadInput if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise _cannot_read(path, error) from error


def file_metadata(config: TrainConfig, card: Card, step: int, threads: int) -> dict[str, str]:
    """Return the metadata that safetensors writes, with a blank checksum."""
    values = {
        "format": FORMAT,
        "config": to_dict(config),
        "card": card.to_json(),
        "step": step,
        "threads": threads,
        "sha256": BLANK,
    }
    return {_KEY: json.dumps(values, sort_keys=True)}


def add_checksum(data: bytes) -> bytes:
    """Return a file that was written with `file_metadata`, with its checksum filled in."""
    return insert_checksum(data, _checksum_start(data, "a new checkpoint"))


def read_header(path: Path) -> Header:
    """Read a checkpoint's header and verify the checksum of the whole file.

    Raises:
        BadInput: it cannot be read, or as `parse_header`.
        CheckFailed: the file is damaged.
    """
    return parse_header(read_checkpoint(path), str(path))


def parse_header(data: bytes, name: str) -> Header:
    """Return the header of a checkpoint file's bytes; ``name`` is for the errors.

    Raises:
        BadInput: it is not a checkpoint, or has another format or an unreadable model card.
        CheckFailed: the bytes are damaged.
    """
    if not has_checksum(data, _checksum_start(data, name)):  # before any of it is used
        raise CheckFailed(
            f"{name} is damaged: its SHA-256 is not the one written in it", "use another checkpoint"
        )
    end = 8 + int.from_bytes(data[:8], "little")
    return _parse(data[8:end], len(data) - end, name)


def peek(path: Path) -> Header:
    """Return a checkpoint's header by reading only the start of the file, without verifying it.

    Use it to look through many files, but compute nothing from it. Raises BadInput as `read_header`
    does, or for an incomplete file.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(8), "little")
            if length > min(size - 8, MAX_HEADER):
                raise not_a_checkpoint(str(path))
            header = file.read(length)
    except OSError as error:
        raise _cannot_read(path, error) from error
    return _parse(header, size - 8 - length, str(path))


def not_a_checkpoint(name: str) -> BadInput:
    """Return the error for a file of another kind."""
    return BadInput(
        f"{name} is not a ganctl checkpoint", "name a .safetensors file that ganctl train wrote"
    )


def _parse(header: bytes, size: int, name: str) -> Header:
    """Return the header in the JSON ``header``, which ``size`` bytes of tensors follow."""
    try:
        tensors = json.loads(header)
        values = json.loads(tensors.pop("__metadata__")[_KEY])
        if values["format"] != FORMAT:
            raise BadInput(
                f"{name} has checkpoint format {values['format']!r:.20}, not {FORMAT}",
                "use the ganctl that wrote it",
            )
        step, threads = values["step"], values.get("threads", 0)
        if not all(type(number) is int and number >= 0 for number in (step, threads)):
            raise not_a_checkpoint(name)
        config, card = from_dict(TrainConfig, values["config"]), card_from_json(values["card"])
        return Header(config, card, step, threads, _shapes(tensors, size))
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise not_a_checkpoint(name) from error


def _shapes(tensors: dict[str, Any], size: int) -> dict[str, tuple[int, ...]]:
    """Return the tensors' shapes, which must account for all ``size`` bytes; errors as Python's."""
    shapes, position = {}, 0
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1]["data_offsets"]):
        (start, end), shape = tensor["data_offsets"], tuple(tensor["shape"])
        is_whole = all(type(number) is int and number >= 0 for number in (start, end, *shape))
        if not is_whole or start != position or math.prod(shape) > end - start:
            raise ValueError(f"the offsets of {name} are wrong")
        shapes[name], position = shape, end
    if position != size:
        raise ValueError("the file is longer or shorter than its tensors")
    return shapes


def _checksum_start(data: bytes, name: str) -> int:
    length = int.from_bytes(data[:8], "little")
    found = _CHECKSUM.search(data, 8, min(8 + length, len(data)))
    if found is None:
        raise not_a_checkpoint(name)
    return found.start(1)


def _cannot_read(path: Path, error: OSError) -> BadInput:
    hint = "train one: ganctl train"
    return BadInput(f"cannot read checkpoint {path}: {explain(error)}", hint)
