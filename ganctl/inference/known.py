"""A node with what is known of its inputs: what the operators' rules read, and what they give."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ganctl.inference.onnx_model import ELEMENTS, MAX_RANK, Node

SMALL = 1024
"""Elements of the largest tensor whose values are followed."""

Shape = tuple[int, ...]
Values = NDArray[Any]
T = TypeVar("T", int, bytes, tuple[int, ...])


class Unknown(ValueError):
    """Why what an operator gives cannot be told."""


@dataclass(frozen=True)
class Known:
    """What is known of a tensor before anything runs."""

    elem_type: int  # a key of ELEMENTS
    shape: Shape
    values: Values | None = None  # of a small one that follows from shapes and constants alone
    constant: bool = False  # onnxruntime may compute it when it loads the model

    @property
    def nbytes(self) -> int:
        """Return its size in bytes; an empty tensor counts as if each size were at least 1."""
        return -(-elements(self.shape) * ELEMENTS[self.elem_type].bits // 8)


def elements(shape: Sequence[int]) -> int:
    """Return the number of elements, as if each size were at least 1."""
    return math.prod(max(size, 1) for size in shape)


@dataclass(frozen=True)
class Call:
    """A node and what is known of its inputs; None: left out."""

    node: Node
    inputs: tuple[Known | None, ...]

    def get(self, index: int) -> Known | None:
        """Return input ``index``, or None where it is left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def __getitem__(self, index: int) -> Known:
        found = self.get(index)
        if found is None:
            raise Unknown(f"it lacks its input {index}")
        return found

    def shape(self, index: int) -> Shape:
        """Return the shape of input ``index``."""
        return self[index].shape

    def values(self, index: int) -> Values:
        """Return the values of input ``index``."""
        values = self[index].values
        if values is None:
            raise Unknown(f"the values of its input {index} are not known before it runs")
        return values

    def sizes(self, index: int) -> list[int]:
        """Return the values of input ``index``, whole numbers in a row."""
        values = self.values(index)
        if values.ndim > 1 or values.dtype.kind not in "iu":
            raise Unknown(f"its input {index} is no row of whole numbers")
        return [int(value) for value in values.reshape(-1)]

    def attribute(self, name: str, default: T) -> T:
        """Return an attribute of the type of ``default``, which stands for one left out."""
        value = self.node.attributes.get(name, default)
        if not isinstance(value, type(default)):
            raise Unknown(f"its attribute {name} is of another type")
        return value

    def flag(self, name: str, default: int) -> bool:
        """Return an attribute that is 0 or 1; what others mean depends on the operator."""
        value = self.attribute(name, default)
        check(value in (0, 1), f"its attribute {name} is neither 0 nor 1")
        return value == 1

    def numbers(self, name: str, default: Sequence[int] = ()) -> list[int]:
        """Return an attribute that is a row of whole numbers."""
        numbers = self.attribute(name, tuple(default))
        if not all(isinstance(number, int) for number in numbers):
            raise Unknown(f"its attribute {name} is no row of whole numbers")
        return list(numbers)

    def row(self, index: int, name: str) -> list[int] | None:
        """Return the row that is input ``index``, or attribute ``name``; None: neither."""
        if self.get(index) is not None:
            return self.sizes(index)
        return self.numbers(name) if name in self.node.attributes else None

    def axis(self, name: str, default: int, rank: int) -> int:
        """Return an attribute that counts one of ``rank`` axes, from either end."""
        return counted([self.attribute(name, default)], rank)[0]

    def gives(
        self,
        shape: Sequence[int],
        elem_type: int | None = None,
        compute: Callable[..., Values | None] | None = None,
    ) -> Known:
        """Return an output.

        Args:
            shape: of it.
            elem_type: None for that of input 0.
            compute: turns the inputs' values into the output's, where all are known and it is
                small; None where they cannot be told after all.
        """
        if elem_type is None:
            elem_type = self[0].elem_type
        if elem_type not in ELEMENTS:
            raise Unknown("it gives a type that no generator needs")
        if len(shape) > MAX_RANK or min(shape, default=0) < 0:
            raise Unknown("the sizes do not go together")
        given = [known.values for known in self.inputs if known is not None]
        dtype, values = ELEMENTS[elem_type].dtype, None
        if compute and dtype and elements(shape) <= SMALL and all(v is not None for v in given):
            try:
                values = compute(*given)
                values = None if values is None else np.asarray(values, dtype).reshape(shape)
            except (TypeError, ValueError, IndexError) as error:  # NumPy's, of types that clash
                raise Unknown(f"its inputs do not go together: {error}") from error
        return Known(elem_type, tuple(shape), values)


def check(fine: bool, reason: str = "the sizes do not go together") -> None:
    """Raise Unknown unless ``fine``."""
    if not fine:
        raise Unknown(reason)


def counted(axes: Sequence[int], rank: int) -> list[int]:
    """Return ``axes`` counted from the front; each is one of ``rank``, and none comes twice."""
    check(all(-rank <= axis < rank for axis in axes), "it has no such axis")
    front = [axis % rank for axis in axes]
    check(len(set(front)) == len(front), "it names an axis twice")
    return front


Rule = Callable[[Call], list[Known]]
"""What an operator gives, from what it takes."""


def broadcast(*shapes: Shape) -> Shape:
    """Return the shape that NumPy's broadcasting gives."""
    result = []
    for sizes in itertools.zip_longest(*(shape[::-1] for shape in shapes), fillvalue=1):
        others = set(sizes) - {1}
        check(
            len(others) < 2, f"the shapes {' and '.join(map(str, shapes[:2]))} do not go together"
        )
        result.append(others.pop() if others else 1)
    return tuple(result[::-1])


def unchanged(values: Values, *_: Values) -> Values:
    """Return the first of an operator's values."""
    return values
