"""Load and run random mutations of a file in this process; print how each kind of them ended.

    python -m tests.inference.mutate FILE COUNT SEED

It ends with another exit code than 0, or by a signal, only where a mutation has hurt the process.
"""

from __future__ import annotations

import collections
import json
import random
import resource
import sys
import time
from pathlib import Path

import onnx

from ganctl.errors import GanctlError
from ganctl.inference.generator import parse_onnx
from ganctl.inference.session import Limits
from ganctl.latents import draw, seeded

MORE_MEMORY = 2 * 10**9

MORE_RESIDENT = 300 * 2**20
"""Bytes of memory that all of them together may really take, for a moment or to stay."""
"""Address space that all the mutations together may take: a bomb does not fit into it."""

SECONDS = 20.0
"""That any of them may take, on a busy machine."""


def structure(data: bytes) -> list[int]:
    """Return the places of the bytes that are no weights: a change there is more than a number."""
    places = [True] * len(data)
    for tensor in onnx.load_model_from_string(data).graph.initializer:
        start = data.find(tensor.raw_data) if len(tensor.raw_data) > 256 else -1
        if start >= 0:
            places[start : start + len(tensor.raw_data)] = [False] * len(tensor.raw_data)
    return [place for place, is_structure in enumerate(places) if is_structure]


def mutated(data: bytes, places: list[int], rng: random.Random) -> bytes:
    """Return ``data`` with one to four changes: bits, bytes, lengths, pieces lost or doubled."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.choice(places) if rng.random() < 0.9 else rng.randrange(len(data))
        at = min(at, len(changed) - 1)
        length = rng.choice((1, 1, 2, 8, 64))
        kind = rng.randrange(6)
        if kind == 0:
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[at] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
        elif kind == 2:
            del changed[at : at + length]
        elif kind == 3:
            changed[at:at] = changed[at : at + length]
        elif kind == 4:
            changed[at:at] = rng.randbytes(length)
        else:
            other = rng.choice(places)
            changed[at : at + length] = data[other : other + length]
    return bytes(changed)


def outcome(data: bytes) -> str:
    """Return how loading and drawing end: "drawn", or the name of the error."""
    try:
        limits = Limits(image_mb=64, seconds=SECONDS)
        generator = parse_onnx(data, "it", threads=1, batch_size=2, limits=limits)
        inputs = seeded(0, generator.latent_dim, generator.class_shares)
        list(draw(generator, inputs, start=0, count=2, batch_size=2))
        return "drawn"
    except GanctlError as error:
        assert "\n" not in error.message + error.hint, error.message
        return type(error).__name__


def main() -> None:
    file, count, seed = sys.argv[1:]
    data, rng = Path(file).read_bytes(), random.Random(int(seed))
    places = structure(data)
    outcome(data)  # what is loaded once is loaded now
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    limit = pages * resource.getpagesize() + MORE_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    ends: collections.Counter[str] = collections.Counter()
    for index in range(int(count)):
        changed = data
        while changed == data:
            changed = mutated(data, places, rng)
        began = time.monotonic()
        ends[outcome(changed)] += 1
        seconds = time.monotonic() - began
        assert seconds < 2 * SECONDS, f"mutation {index} took {seconds:.0f} s"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert peak - resident < MORE_RESIDENT, f"{(peak - resident) // 2**20} MB were taken"
    print(json.dumps(ends))


if __name__ == "__main__":
    main()
