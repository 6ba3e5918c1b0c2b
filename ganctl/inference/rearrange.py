"""What operators give that only move values, by ONNX's rules: see `ganctl.inference.operators`."""

from __future__ import annotations

import itertools
import math

import numpy as np

from ganctl.inference.known import (
    Call,
    Known,
    Rule,
    Values,
    broadcast,
    check,
    counted,
    unchanged,
)


def _reshape(call: Call) -> list[Known]:
    shape, sizes = call.shape(0), call.sizes(1)
    if not call.flag("allowzero", 0):
        check(all(size or axis < len(shape) for axis, size in enumerate(sizes)))
        sizes = [size or shape[axis] for axis, size in enumerate(sizes)]
    if -1 in sizes:
        rest = -math.prod(sizes)
        check(sizes.count(-1) == 1 and rest > 0 and math.prod(shape) % rest == 0)
        sizes[sizes.index(-1)] = math.prod(shape) // rest
    check(math.prod(sizes) == math.prod(shape), f"{shape} does not make {tuple(sizes)}")
    return [call.gives(sizes, None, unchanged)]


def _flatten(call: Call) -> list[Known]:
    shape, axis = call.shape(0), call.attribute("axis", 1)
    check(-len(shape) <= axis <= len(shape))
    axis += len(shape) if axis < 0 else 0
    return [call.gives((math.prod(shape[:axis]), math.prod(shape[axis:])), None, unchanged)]


def _transpose(call: Call) -> list[Known]:
    shape = call.shape(0)
    order = counted(call.numbers("perm", range(len(shape))[::-1]), len(shape))
    check(len(order) == len(shape))
    return [call.gives([shape[axis] for axis in order], None, lambda v: v.transpose(order))]


def _squeeze(call: Call) -> list[Known]:
    shape, axes = call.shape(0), call.row(1, "axes")
    axes = counted(axes or [at for at, size in enumerate(shape) if size == 1], len(shape))
    check(all(shape[axis] == 1 for axis in axes))
    kept = [size for axis, size in enumerate(shape) if axis not in axes]
    return [call.gives(kept, None, unchanged)]


def _unsqueeze(call: Call) -> list[Known]:
    shape, axes = list(call.shape(0)), call.row(1, "axes") or []
    for axis in sorted(counted(axes, len(shape) + len(axes))):
        shape.insert(axis, 1)
    return [call.gives(shape, None, unchanged)]


def _concat(call: Call) -> list[Known]:
    shapes = [list(call.shape(index)) for index in range(len(call.inputs))]
    axis = call.axis("axis", 1, len(call.shape(0)))
    check(all(len(shape) == len(shapes[0]) for shape in shapes))
    size = sum(shape[axis] for shape in shapes)
    for shape in shapes:
        shape[axis] = size
    check(all(shape == shapes[0] for shape in shapes))
    return [call.gives(shapes[0], None, lambda *values: np.concatenate(values, axis))]


def _split(call: Call) -> list[Known]:
    shape, count, sizes = call.shape(0), len(call.node.outputs), call.row(1, "split")
    axis = call.axis("axis", 0, len(shape))
    size = shape[axis]
    if sizes is None:
        check(call.attribute("num_outputs", count) == count)
        check("num_outputs" in call.node.attributes or size % count == 0)
        most = -(-size // count)
        sizes = [most] * (count - 1) + [size - most * (count - 1)]
    check(len(sizes) == count and min(sizes) >= 0 and sum(sizes) == size)
    starts = list(itertools.accumulate(sizes, initial=0))

    def part(index: int) -> Known:
        taken = (slice(None),) * axis + (slice(starts[index], starts[index + 1]),)
        return call.gives(
            (*shape[:axis], sizes[index], *shape[axis + 1 :]),
            None,
            lambda values, *_: values[taken],
        )

    return [part(index) for index in range(count)]


def _slice(call: Call) -> list[Known]:
    taken = [range(size) for size in call.shape(0)]
    starts, ends = call.row(1, "starts") or [], call.row(2, "ends") or []
    axes, steps = call.row(3, "axes"), call.row(4, "steps") or [1] * len(starts)
    axes = counted(range(len(starts)) if axes is None else axes, len(taken))
    check(len(starts) == len(ends) == len(axes) == len(steps) and 0 not in steps)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        if step < 0:  # Python's slice would begin before the first
            start = max(start, -len(taken[axis]))
        last = None if end in (2**31 - 1, 2**63 - 1) else end  # without end, either way
        taken[axis] = taken[axis][start:last:step]
    return [call.gives([len(t) for t in taken], None, lambda v, *_: v[np.ix_(*taken)])]


def _gather(call: Call) -> list[Known]:
    shape = call.shape(0)
    axis = call.axis("axis", 0, len(shape))

    def gathered(values: Values, indices: Values) -> Values:
        size = shape[axis]
        check(bool(((indices >= -size) & (indices < size)).all()), "its index is out of range")
        return np.take(values, indices, axis)

    return [call.gives((*shape[:axis], *call.shape(1), *shape[axis + 1 :]), None, gathered)]


def _gather_elements(call: Call) -> list[Known]:
    check(len(call.shape(0)) == len(call.shape(1)))
    return [call.gives(call.shape(1))]


def _expand(call: Call) -> list[Known]:
    shape = broadcast(call.shape(0), tuple(call.sizes(1)))
    return [call.gives(shape, None, lambda v, _: np.broadcast_to(v, shape))]


def _tile(call: Call) -> list[Known]:
    shape, times = call.shape(0), call.sizes(1)
    check(len(shape) == len(times) and min(times, default=0) >= 0)
    tiled = [size * time for size, time in zip(shape, times, strict=True)]
    return [call.gives(tiled, None, lambda v, _: np.tile(v, times))]


def _pad(call: Call) -> list[Known]:
    shape, pads = list(call.shape(0)), call.row(1, "pads") or []
    axes = counted(call.sizes(3) if call.get(3) else range(len(shape)), len(shape))
    check(len(pads) == 2 * len(axes))
    for axis, before, after in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        shape[axis] += before + after
    return [call.gives(shape)]


def _resize(call: Call) -> list[Known]:
    """Resize and Upsample: by scales, or to sizes where these are given."""
    shape = list(call.shape(0))
    check(call.attribute("keep_aspect_ratio_policy", b"stretch") == b"stretch", "it keeps a ratio")
    mode = call.attribute("coordinate_transformation_mode", b"")
    check(mode != b"tf_crop_and_resize", "it crops")
    axes = counted(call.numbers("axes", range(len(shape))), len(shape))
    if call.get(3) is not None:
        sizes = call.sizes(3)
        check(len(sizes) == len(axes))
    else:
        index = 1 if len(call.inputs) < 3 else 2  # before opset 11 there was no roi
        stored = call.node.attributes.get("scales")
        scales = call.values(index) if call.get(index) else np.array(stored or (), np.float32)
        check(scales.shape == (len(axes),) and scales.dtype.kind == "f")
        scaled = np.array([shape[axis] for axis in axes], np.float32) * scales.astype(np.float32)
        check(bool(np.isfinite(scaled).all()) and bool((scales > 0).all()))
        sizes = [int(size) for size in scaled]
    for axis, size in zip(axes, sizes, strict=True):
        shape[axis] = size
    return [call.gives(shape)]


def _depth_to_space(call: Call) -> list[Known]:
    shape, block = call.shape(0), call.attribute("blocksize", 0)
    check(len(shape) == 4 and block > 0 and shape[1] % block**2 == 0)
    return [call.gives((shape[0], shape[1] // block**2, shape[2] * block, shape[3] * block))]


def _space_to_depth(call: Call) -> list[Known]:
    shape, block = call.shape(0), call.attribute("blocksize", 0)
    check(len(shape) == 4 and block > 0 and shape[2] % block == shape[3] % block == 0)
    return [call.gives((shape[0], shape[1] * block**2, shape[2] // block, shape[3] // block))]


REARRANGING: dict[Rule, str] = {
    _reshape: "Reshape",
    _flatten: "Flatten",
    _transpose: "Transpose",
    _squeeze: "Squeeze",
    _unsqueeze: "Unsqueeze",
    _concat: "Concat",
    _split: "Split",
    _slice: "Slice",
    _gather: "Gather",
    _gather_elements: "GatherElements",
    _expand: "Expand",
    _tile: "Tile",
    _pad: "Pad",
    _resize: "Resize Upsample",
    _depth_to_space: "DepthToSpace",
    _space_to_depth: "SpaceToDepth",
}
"""Rule → the operators that it is for."""
