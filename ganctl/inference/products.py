"""What products, convolutions and poolings give, by ONNX's rules: see `operators.py`."""

from __future__ import annotations

from collections.abc import Sequence

from ganctl.inference.known import (
    Call,
    Known,
    Rule,
    Shape,
    broadcast,
    check,
)
from ganctl.inference.onnx_model import INT64


def _matmul(call: Call) -> list[Known]:
    a, b = call.shape(0), call.shape(1)
    check(bool(a and b) and a[-1] == b[-2:][0])
    return [call.gives((*broadcast(a[:-2], b[:-2]), *a[-2:-1], *(b[-1:] if len(b) > 1 else ())))]


def _gemm(call: Call) -> list[Known]:
    a, b = call.shape(0), call.shape(1)
    check(len(a) == len(b) == 2)
    a = a[::-1] if call.flag("transA", 0) else a
    b = b[::-1] if call.flag("transB", 0) else b
    shape, added = (a[0], b[1]), call.get(2)
    check(a[1] == b[0] and (not added or broadcast(shape, added.shape) == shape))
    return [call.gives(shape)]


def _windows(call: Call, kernel: Sequence[int]) -> list[tuple[int, int, int, int, int | None]]:
    """Return (size, stride, kernel, padding before, padding after) along each axis of a picture.

    The kernel's size is that with its gaps. No padding after: as much as it takes (SAME).
    """
    sizes, rank = call.shape(0)[2:], len(kernel)
    strides = call.numbers("strides", [1] * rank)
    dilations = call.numbers("dilations", [1] * rank)
    pads = call.numbers("pads", [0] * 2 * rank)
    check(len(sizes) == rank == len(strides) == len(dilations) == len(pads) / 2 > 0)
    check(min(*kernel, *strides, *dilations) > 0 <= min(pads))
    automatic = call.attribute("auto_pad", b"NOTSET")
    check(automatic in (b"NOTSET", b"VALID", b"SAME_UPPER", b"SAME_LOWER"), "no such auto_pad")
    return [
        (
            size,
            strides[axis],
            (kernel[axis] - 1) * dilations[axis] + 1,
            pads[axis] if automatic == b"NOTSET" else 0,
            {b"NOTSET": pads[rank + axis], b"VALID": 0}.get(automatic),
        )
        for axis, size in enumerate(sizes)
    ]


def _slide(call: Call, kernels: Sequence[int], up: int = 0) -> list[int]:
    """Return the sizes where a window slides over a picture; ``up``: to an uncovered rest too."""
    sizes = []
    for size, stride, kernel, before, after in _windows(call, kernels):
        if after is None:
            sizes.append(-(-size // stride))
            continue
        room = size + before + after - kernel
        check(room >= 0)
        count = (room + (stride - 1 if up else 0)) // stride + 1
        beyond = up and (count - 1) * stride >= size + before  # it would begin in the padding
        sizes.append(count - 1 if beyond else count)
    return sizes


def _kernel(call: Call, outputs: int, inputs: int) -> Shape:
    """Return the kernel's sizes, where the channels and the bias go together with them."""
    shape, weights, bias = call.shape(0), call.shape(1), call.get(2)
    check(len(shape) == len(weights) > 2 and shape[1] == inputs > 0)
    check(tuple(call.numbers("kernel_shape", weights[2:])) == weights[2:])
    check(bias is None or bias.shape == (outputs,))
    return weights[2:]


def _conv(call: Call) -> list[Known]:
    weights, group = call.shape(1), call.attribute("group", 1)
    check(len(weights) > 2 and group > 0 and weights[0] % group == 0)
    sizes = _slide(call, _kernel(call, weights[0], weights[1] * group))
    return [call.gives((call.shape(0)[0], weights[0], *sizes))]


def _conv_transpose(call: Call) -> list[Known]:
    weights, group = call.shape(1), call.attribute("group", 1)
    check(len(weights) > 2 and group > 0 and weights[0] % group == 0)
    kernels = _kernel(call, weights[1] * group, weights[0])
    wanted = call.numbers("output_shape")
    extra = call.numbers("output_padding", [0] * len(kernels))
    check(len(extra) == len(kernels) and min(extra) >= 0 and len(wanted) in (0, len(kernels)))
    sizes = []
    for more, (size, stride, kernel, before, after) in zip(
        extra, _windows(call, kernels), strict=True
    ):
        whole = (size - 1) * stride + more + kernel
        sizes.append(min(whole, size * stride) if after is None else whole - before - after)
    sizes = wanted or sizes
    check(min(sizes) > 0)
    return [call.gives((call.shape(0)[0], weights[1] * group, *sizes))]


def _pool(call: Call) -> list[Known]:
    if call.attribute("auto_pad", b"").startswith(b"SAME"):  # onnxruntime's pools differ on it
        check(all(gap == 1 for gap in call.numbers("dilations")), "its kernel has gaps")
    sizes = _slide(call, call.numbers("kernel_shape"), call.flag("ceil_mode", 0))
    shape = (*call.shape(0)[:2], *sizes)
    return [call.gives(shape), call.gives(shape, INT64)]


def _global_pool(call: Call) -> list[Known]:
    shape = call.shape(0)
    check(len(shape) > 2)
    return [call.gives((*shape[:2], *(1 for _ in shape[2:])))]


PRODUCTS: dict[Rule, str] = {
    _matmul: "MatMul",
    _gemm: "Gemm",
    _conv: "Conv",
    _conv_transpose: "ConvTranspose",
    _pool: "AveragePool LpPool MaxPool",
    _global_pool: "GlobalAveragePool GlobalLpPool GlobalMaxPool",
}
"""Rule → the operators that it is for."""
