"""How much memory a model takes, by shapes alone: told before onnxruntime may load it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ganctl.errors import BadInput, GanctlError, OutOfResources
from ganctl.inference.known import SMALL, Call, Known, Shape, Unknown, check, elements
from ganctl.inference.onnx_file import if_trusted
from ganctl.inference.onnx_model import (
    ELEMENTS,
    FLOAT,
    MAX_BYTES,
    REMAKE,
    Model,
    Node,
    Tensor,
    fits,
    quote,
)
from ganctl.inference.operators import DIVIDING, RANDOM, RULES


def more() -> str:
    """Return the way out for a file that needs more memory than it may."""
    return "allow more with --max-image-mb"


COPIES = 13
"""Bytes that a value takes on its way to a grey level: float32 three times, and the level."""


@dataclass(frozen=True)
class Sizes:
    """What a model gives and takes for a batch of a given size."""

    outputs: dict[str, Known]  # of the graph
    peak: int  # bytes alive at once: weights, inputs, what is in use, and kernels' work space
    folded: int  # multiply-adds that onnxruntime may do at load, of constants alone


def measure(model: Model, shapes: Mapping[str, Shape], limit: int) -> Sizes:
    """Walk through ``model`` with inputs of these shapes, and compute nothing large.

    A tensor is freed after its last use; inputs, weights and what is made of constants alone stay.
    What onnxruntime saves by working in place is not counted, nor what its allocator rounds up and
    most of its kernels keep aside: up to five times a tensor, for a short while.

    Args:
        model: all of its operators must be in `RULES`.
        shapes: input → its shape in numbers, the batch first.
        limit: of the peak, in bytes.

    Raises:
        BadInput: an operator is not allowed, or what it gives cannot be told or is not what the
            file says.
        OutOfResources: the peak is above ``limit``.
    """
    _check_operators(model)
    batch = max((shape[0] for shape in shapes.values() if shape), default=0)
    last_use = {name: at for at, node in enumerate(model.nodes) for name in node.inputs}
    last_use.update({value.name: len(model.nodes) for value in model.outputs})
    declared: dict[str, list[tuple[int | str | None, ...] | None]] = {}
    for value in (*model.declared, *model.outputs):
        declared.setdefault(value.name, []).append(value.shape)
    known: dict[str, Known] = {}
    alive = peak = folded = 0

    def take(name: str, made: Known) -> None:
        nonlocal alive, peak
        # onnxruntime believes the file where it folds Shape, so that a lie would become a size
        if not all(fits(made.shape, shape) for shape in declared.get(name, ())):
            raise BadInput(
                f"{model.name} says a wrong shape of {quote(name)}: it has {made.shape}",
                if_trusted(),
            )
        known[name] = made
        alive += made.nbytes
        peak = max(peak, alive)
        if made.nbytes > MAX_BYTES:
            raise _too_large(model, alive, batch)

    for value in model.inputs:
        if value.elem_type not in ELEMENTS or value.name not in shapes:
            raise BadInput(f"{model.name} takes {quote(value.name)}, which nothing gives", REMAKE)
        if not fits(shapes[value.name], value.shape):
            raise BadInput(
                f"{model.name} takes no {quote(value.name)} of {shapes[value.name]}", REMAKE
            )
        take(value.name, Known(value.elem_type, shapes[value.name]))
    for tensor in model.initializers.values():
        take(tensor.name, _weight(tensor))
    staying = set(known)
    for at, node in enumerate(model.nodes):
        call = Call(node, tuple(known[name] if name else None for name in node.inputs))
        constant = node.op in ("Shape", "Size") or all(k.constant for k in call.inputs if k)
        try:
            if node.op in DIVIDING:
                check(0 not in call.shape(0), "it takes an empty tensor")
            with np.errstate(all="ignore"):
                made = RULES[node.op](call)
            if len(made) < len(node.outputs):
                raise Unknown(f"it has {len(made)} outputs at most")
        except Unknown as error:
            raise BadInput(
                f"{model.name} has {_place(node)}, and what that gives cannot be told: {error}",
                if_trusted(),
            ) from None
        for name, output in zip(node.outputs, made, strict=False):
            if name:
                take(name, replace(output, constant=constant))
        peak = max(peak, alive + _work_space(call, made[0]))
        if constant:
            folded += _multiply_adds(call, made[0])
            staying.update(node.outputs)
        for name in {*node.inputs, *node.outputs} - {""}:
            if last_use.get(name, at) <= at:
                gone = known.pop(name)
                alive -= 0 if name in staying else gone.nbytes
    if peak > limit:
        raise _too_large(model, peak, batch)
    return Sizes({value.name: known[value.name] for value in model.outputs}, peak, folded)


def check_images(model: Model, sizes: Sizes, batch: int, limit: int) -> None:
    """Refuse images that do not fit beside what drew them, as float32 and as grey levels.

    Raises:
        OutOfResources: that would take more than ``limit`` bytes.
    """
    values = sum(elements(known.shape) for known in sizes.outputs.values())
    needed = sizes.peak + COPIES * values
    if needed > limit:
        raise _too_large(model, needed, batch)


def _check_operators(model: Model) -> None:
    if model.opsets[""] < 7:
        raise BadInput(
            f"{model.name} is of opset {model.opsets['']}, and operators are known from 7 on",
            if_trusted(),
        )
    for node in model.nodes:
        if node.domain:
            reason = f"uses {_place(node)}, of the foreign domain {quote(node.domain)}"
        elif node.op in RANDOM:
            reason = f"uses {_place(node)}: the same seed would not give the same picture"
        elif node.op not in RULES:
            reason = f"uses {_place(node)}, which is none of those that generators need"
        else:
            continue
        raise BadInput(f"{model.name} {reason}", if_trusted())


def _place(node: Node) -> str:
    return f"the operator {quote(node.op)} (giving {quote(next(filter(None, node.outputs)))})"


def _too_large(model: Model, needed: int, batch: int) -> GanctlError:
    return OutOfResources(
        f"{model.name} needs {-(-needed // 10**6)} MB for a batch of {batch}",
        more() if batch == 1 else f"draw fewer at once with --batch-size, or {more()}",
    )


def _weight(tensor: Tensor) -> Known:
    small = elements(tensor.dims) <= SMALL and ELEMENTS[tensor.elem_type].dtype
    return Known(tensor.elem_type, tensor.dims, tensor.values if small else None, constant=True)


def _work_space(call: Call, made: Known) -> int:
    """Return the bytes of the columns that onnxruntime multiplies a convolution's weights with.

    It holds those of one image at a time, and of a Conv of float32 only as many as the weights.
    """
    if call.node.op == "ConvTranspose":
        places = call.shape(0)[2:]
    elif call.node.op == "Conv" and made.elem_type != FLOAT:
        places = made.shape[2:]
    else:
        return 0
    columns = Known(made.elem_type, (*call.shape(1)[1:], *places))
    return columns.nbytes


def _multiply_adds(call: Call, made: Known) -> int:
    """Return how many a node takes, or, if those are more, its tensors' elements."""
    moved = sum(elements(known.shape) for known in (*call.inputs, made) if known)
    if call.node.op in ("MatMul", "Gemm"):
        first = call.shape(0)
        inner = first[-2] if call.node.attributes.get("transA") else first[-1]
        return max(moved, elements(made.shape) * inner)
    if call.node.op == "Conv":
        return max(moved, elements(made.shape) * elements(call.shape(1)[1:]))
    if call.node.op == "ConvTranspose":
        return max(moved, elements(call.shape(0)) * elements(call.shape(1)[1:]))
    if call.node.op in ("AveragePool", "LpPool", "MaxPool"):
        return max(moved, elements(made.shape) * math.prod(call.numbers("kernel_shape")))
    return moved
