r"""What a checkpoint file says of itself, and its proof: read and written without torch.

The file is ``.safetensors``: tensors beside one metadata entry, ``ganctl``, which is JSON with the
format version, the configuration, the card, the step and a SHA-256. The digest is that of the whole
file with its own 64 characters read as zeros, so no byte can change unnoticed.
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

from ganctl.config import TrainConfig, from_dict, to_dict
from ganctl.digest import BLANK, digest_around, fill_in
from ganctl.errors import BadInput, CheckFailed, explain
from ganctl.model_card import Card, card_from_json

FORMAT = 2

SUFFIX = ".safetensors"

MAX_HEADER = 100_000_000
"""Bytes of the JSON in front of the tensors, as safetensors has it."""

PREFIXES = {"ema": "generator_ema", "live": "generator"}
"""What the tensors of a checkpoint's two generators are named by, before the first full stop."""

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
"""BatchNorm's tensors that no optimiser moves."""

_KEY = "ganctl"
_DIGEST = re.compile(rb'\\"sha256\\": \\"([0-9a-f]{64})\\"')  # JSON within safetensors' JSON


@dataclass(frozen=True)
class Header:
    """What a checkpoint file says of itself."""

    config: TrainConfig
    card: Card
    step: int  # finished training steps
    threads: int  # of the CPU that it was trained with; 0: unknown
    shapes: dict[str, tuple[int, ...]]  # of the tensors, by their names

    @property
    def parameters(self) -> int:
        """Return how many weights the generator has that is drawn from, BatchNorm's included.

        Its running statistics are none.
        """
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


def begins_checkpoint(data: bytes) -> bool:
    """Tell whether a file that begins so, with 9 bytes or more, is .safetensors."""
    return data[8:9] == b"{"


def is_checkpoint(path: Path) -> bool:
    """Tell a checkpoint from an ONNX file, whatever its name; all else counts as the latter.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        return path.suffix.lower() == SUFFIX or begins_checkpoint(file.read(9))


def read_checkpoint(path: Path) -> bytes:
    """Return the file's bytes.

    Raises:
        BadInput: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise _cannot_read(path, error) from error


def _cannot_read(path: Path, error: OSError) -> BadInput:
    hint = "train one: ganctl train"
    return BadInput(f"cannot read checkpoint {path}: {explain(error)}", hint)


def metadata(config: TrainConfig, card: Card, step: int, threads: int) -> dict[str, str]:
    """Return the file's metadata as safetensors takes it, the digest still blank."""
    values = {
        "format": FORMAT,
        "config": to_dict(config),
        "card": card.to_json(),
        "step": step,
        "threads": threads,
        "sha256": BLANK,
    }
    return {_KEY: json.dumps(values, sort_keys=True)}


def seal(data: bytes) -> bytes:
    """Return the file with its digest filled in, ``data`` being the file with `metadata`'s."""
    return fill_in(data, _digest_span(data, "a new checkpoint")[0])


def read_header(data: bytes, name: str) -> Header:
    """Return what the file of these bytes says of itself, once its digest is verified.

    Args:
        data: the whole file.
        name: of the file, for the errors.

    Raises:
        BadInput: it is no checkpoint, or has another format or a card that cannot be read.
        CheckFailed: the bytes are not those that were written.
    """
    _verify(data, name)
    header_end = _header_end(data)
    return _parsed(data[8:header_end], len(data) - header_end, name)


def peek(path: Path) -> Header:
    """Return what a checkpoint says of itself by its first bytes: the digest is not verified.

    For a look at many files; nothing may be computed from what is found.

    Raises:
        BadInput: it cannot be read, is no checkpoint or not a whole one, or has another format or
            a card that cannot be read.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(8), "little")
            if length > min(size - 8, MAX_HEADER):
                raise no_checkpoint(str(path))
            header = file.read(length)
    except OSError as error:
        raise _cannot_read(path, error) from error
    return _parsed(header, size - 8 - length, str(path))


def _parsed(header: bytes, size: int, name: str) -> Header:
    """Return what the JSON ``header`` says; ``size`` bytes lie behind it.

    Raises:
        BadInput: as `read_header`.
    """
    try:
        tensors = json.loads(header)
        values = json.loads(tensors.pop("__metadata__")[_KEY])
        if values["format"] != FORMAT:
            raise BadInput(
                f"{name} has checkpoint format {values['format']!r:.20}, not {FORMAT}",
                "use the ganctl that wrote it",
            )
        threads = values.get("threads", 0)
        for number in (values["step"], threads):
            if type(number) is not int or number < 0:
                raise no_checkpoint(name)
        return Header(
            config=from_dict(TrainConfig, values["config"]),
            card=card_from_json(values["card"]),
            step=values["step"],
            threads=threads,
            shapes=_shapes(tensors, size),
        )
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise no_checkpoint(name) from error


def _shapes(tensors: dict[str, Any], size: int) -> dict[str, tuple[int, ...]]:
    """Return the tensors' shapes, which must account for all ``size`` bytes behind the header.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: they do not.
    """
    shapes, place = {}, 0
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1]["data_offsets"]):
        (first, last), shape = tensor["data_offsets"], tuple(tensor["shape"])
        whole = all(type(number) is int and number >= 0 for number in (first, last, *shape))
        if not whole or first != place or math.prod(shape) > last - first:
            raise ValueError(f"{name} does not lie where it should")
        shapes[name], place = shape, last
    if place != size:
        raise ValueError("there are more bytes, or fewer, than the tensors have")
    return shapes


def _verify(data: bytes, name: str) -> None:
    """Check the digest before anything else is believed."""
    start, end = _digest_span(data, name)
    if digest_around(data, start) != data[start:end]:
        raise CheckFailed(
            f"{name} is damaged: its SHA-256 is not the one written in it", "use another checkpoint"
        )


def _digest_span(data: bytes, name: str) -> tuple[int, int]:
    """Return where the digest's characters lie in the file."""
    found = _DIGEST.search(data, 8, min(_header_end(data), len(data)))
    if found is None:
        raise no_checkpoint(name)
    return found.span(1)


def _header_end(data: bytes) -> int:
    return 8 + int.from_bytes(data[:8], "little")


def no_checkpoint(name: str) -> BadInput:
    """Return the error for a file that is something else."""
    return BadInput(
        f"{name} is not a ganctl checkpoint", "name a .safetensors file that a training wrote"
    )
