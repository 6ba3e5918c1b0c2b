"""What an ONNX generator is, without drawing from it."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ganctl.errors import BadInput, OutOfResources
from ganctl.inference.checksum import PRODUCER, check_entry
from ganctl.inference.generator import parse_onnx
from ganctl.inference.onnx_file import parse_model
from ganctl.inference.reading import read_model
from ganctl.inference.session import LIMITS
from ganctl.inference.signature import shown
from ganctl.model_card import CARD_KEY, Card


@dataclass(frozen=True)
class OnnxDescription:
    """What the file itself says; the card says where it came from."""

    size: int  # bytes
    sealed: bool  # by a digest of ganctl's, which was right
    latent_dim: int | None  # None: see the problem
    image_shape: tuple[int, int, int] | None  # (C, H, W)
    class_names: tuple[str, ...]  # that can be asked for
    guesses: tuple[str, ...]  # what the file does not say, in a line each
    fixed_batch: int | None  # images that each run must draw; None: any number
    problem: str | None  # why it cannot be drawn from as it is, where ganctl did not make it
    way_out: str | None  # of the problem
    inputs: tuple[str, ...]  # "latents float32 (N, 100)"; "?" is open
    outputs: tuple[str, ...]
    card: Card | None  # None: the file carries none
    opset: int  # of ONNX's own operators
    producer: str  # what wrote the file; or ""
    operators: dict[str, int]  # how often each occurs
    numbers: int  # in its initializers: weights, and the few that the graph counts with
    elsewhere: bool  # some of those are in other files, which are not looked at


def describe_onnx(path: Path, max_mb: int = LIMITS.model_mb) -> OnnxDescription:
    """Return what the ONNX file ``path`` is, and nothing of a file that ganctl made and is damaged.

    Args:
        path: of at most ``max_mb`` · 10⁶ bytes.
        max_mb: the limit.

    Raises:
        BadInput, CheckFailed, OutOfResources: as `ganctl.inference.generator.load_onnx`.
    """
    data = read_model(path, max_mb)
    check_entry(data, str(path))
    model, generator, problem, way_out = None, None, None, None
    try:
        model = parse_model(data, str(path))
        generator = parse_onnx(data, str(path), threads=1, batch_size=1, parsed=model)
    except (BadInput, OutOfResources) as error:
        if model is None:  # what cannot be drawn from may still be described
            model = parse_model(data, str(path), any_op=True, any_place=True)
        if model.producer[0] == PRODUCER or CARD_KEY in model.metadata:
            raise
        problem, way_out = error.message.removeprefix(f"{path} "), error.hint
    counted = Counter(".".join(filter(None, (node.domain, node.op)))[:60] for node in model.nodes)
    return OnnxDescription(
        size=len(data),
        sealed=bool(generator and generator.sealed),
        latent_dim=generator.latent_dim if generator else None,
        image_shape=generator.image_shape if generator else None,
        class_names=generator.class_names if generator else (),
        guesses=generator.guesses if generator else (),
        fixed_batch=generator.fixed_batch if generator else None,
        problem=problem,
        way_out=way_out,
        inputs=tuple(map(shown, model.inputs)),
        outputs=tuple(map(shown, model.outputs)),
        card=generator.card if generator else None,
        opset=model.opsets[""],
        producer=" ".join(model.producer).strip()[:60],
        operators=dict(sorted(counted.items())),
        numbers=sum(math.prod(tensor.dims) for tensor in model.initializers.values()),
        elsewhere=any(tensor.elsewhere for tensor in model.initializers.values()),
    )
