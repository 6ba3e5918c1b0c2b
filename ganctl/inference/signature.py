"""What a generator takes and gives, as its graph says; what the graph leaves open is guessed aloud.

Understood are one float input of latents, (N, Z) or (N, Z, 1, 1); at most one of classes, whole
numbers (N,) or one-hot (N, K); and one output of images, NCHW or NHWC, floats or uint8.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ganctl.errors import BadInput
from ganctl.inference.onnx_model import ELEMENTS, REMAKE, Model, Node, ValueInfo, quote
from ganctl.model_card import Card
from ganctl.text import option

Shape = tuple[int, ...]

RANGES = {"-1,1": (-1.0, 1.0), "0,1": (0.0, 1.0), "0,255": (0.0, 255.0)}
"""Of float images' values, by how ``--value-range`` spells them."""

USUAL_CLASSES = 10
MAX_CLASSES = MAX_LATENT_DIM = 65_536  # as in a model card

LAYOUTS = ("nchw", "nhwc")

LAST = {"Tanh": "-1,1", "Sigmoid": "0,1", "HardSigmoid": "0,1"}
"""The values that a last layer gives."""

FLOATS = ("float32", "float16", "float64")

PASSED_BY = {"Identity", "Cast", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze"}
"""Operators behind the last layer that change no value."""


@dataclass(frozen=True)
class Told:
    """What the user says of a generator whose file does not; None where nothing is said."""

    latent_dim: int | None = None
    value_range: str | None = None  # of RANGES
    layout: str | None = None  # of LAYOUTS


NOTHING_TOLD = Told()


@dataclass(frozen=True)
class Inputs:
    """What the generator is fed."""

    latents: str
    latent_shape: Shape  # of one image: (Z,) or (Z, 1, 1)
    latent_type: str  # of the elements: float32, …
    batch: int | None  # that every run must have; None: any
    guesses: tuple[str, ...]
    labels: str | None = None
    label_shape: Shape = ()  # of one image: (), (1,) or, one-hot, (K,)
    label_type: str = ""  # int64, float32, …
    one_hot: bool = False
    classes: int = 0  # 0: unconditional

    def shapes(self, batch: int) -> dict[str, Shape]:
        """Return the shape of each input for ``batch`` images."""
        shapes = {self.latents: (batch, *self.latent_shape)}
        if self.labels:
            shapes[self.labels] = (batch, *self.label_shape)
        return shapes

    def types(self) -> dict[str, str]:
        """Return the type of each input's elements."""
        types = {self.latents: self.latent_type}
        if self.labels:
            types[self.labels] = self.label_type
        return types


@dataclass(frozen=True)
class Output:
    """What the generator draws."""

    images: str
    image_shape: tuple[int, int, int]  # (C, H, W)
    channels_last: bool
    value_range: tuple[float, float] | None  # None: grey levels 0 … 255
    guesses: tuple[str, ...]


def read_inputs(model: Model, told: Told, card: Card | None, name: str) -> Inputs:
    """Return what ``model`` is fed; ``card`` is the file's, if it has one.

    Raises:
        BadInput: it is no generator, or it is not clear what its latents are.
    """
    latents, shape = _latents(model, told, name)
    batches = {
        value.shape[0] for value in model.inputs if value.shape and isinstance(value.shape[0], int)
    }
    if len(batches) > 1 or 0 in batches:
        raise _no_generator(model, name)
    found = Inputs(
        latents=latents.name,
        latent_shape=shape,
        latent_type=_type(latents),
        batch=batches.pop() if batches else None,
        guesses=(
            () if latents.name == "latents" else (f"{quote(latents.name)} taken to be the latents",)
        ),
    )
    others = [value for value in model.inputs if value is not latents]
    return _with_labels(found, model, others[0], card, name) if others else found


def _latents(model: Model, told: Told, name: str) -> tuple[ValueInfo, Shape]:
    """Return the input that takes the latents, and the shape of one image's."""
    candidates = [value for value in model.inputs if _could_be_latents(value)]
    if not candidates or len(model.inputs) > 2:
        raise _no_generator(model, name)
    if told.latent_dim:
        sizes = [_width(value) for value in candidates]
        if not {None, told.latent_dim} & set(sizes):
            raise BadInput(
                f"{name} takes latents of {' or '.join(map(str, sizes))} values, "
                f"not {told.latent_dim}",
                "leave --latent-dim out",
            )
        candidates = [value for value in candidates if _width(value) in (None, told.latent_dim)]
    if len(candidates) > 1:
        candidates = [value for value in candidates if not _says_class(value.name)]
    if len(candidates) != 1 and told.latent_dim:
        raise BadInput(
            f"{name} has several inputs of {told.latent_dim} values: "
            + ", ".join(map(shown, model.inputs)),
            "give the one for classes a name with 'label' or 'class' in it",
        )
    if len(candidates) != 1:
        raise BadInput(
            f"{name} has several inputs that could be its latents: "
            + ", ".join(map(shown, model.inputs)),
            "say how many values they have: --latent-dim",
        )
    (latents,) = candidates
    latent_dim = _width(latents) or told.latent_dim
    if latent_dim is None:
        raise BadInput(
            f"{name} does not say how many values its latents have",
            "say it: --latent-dim",
        )
    if latent_dim > MAX_LATENT_DIM:
        raise BadInput(
            f"{name} takes latents of {latent_dim:,} values, more than {MAX_LATENT_DIM:,}", REMAKE
        )
    return latents, (latent_dim, *(1 for _ in (latents.shape or ())[2:]))


def _with_labels(
    found: Inputs, model: Model, value: ValueInfo, card: Card | None, name: str
) -> Inputs:
    """Return ``found`` with the input ``value`` for its classes."""
    shape, one_hot = _label_shape(model, value, name)
    known = len(card.class_names) if card else 0
    classes = shape[0] if one_hot else known or _class_count(model, value.name)
    guesses = list(found.guesses)
    if value.name != "labels" or (one_hot and not card):
        kind = ", one-hot" if one_hot else ""
        guesses.append(f"{quote(value.name)} taken to be the classes{kind}")
    if classes > MAX_CLASSES:
        raise BadInput(f"{name} has {classes:,} classes, more than {MAX_CLASSES:,}", REMAKE)
    if classes < 1:
        classes = USUAL_CLASSES
        guesses.append(f"it does not say how many classes it has: taken to be {classes}")
    return dataclasses.replace(
        found,
        labels=value.name,
        label_shape=shape,
        label_type=_type(value),
        one_hot=one_hot,
        classes=classes,
        guesses=tuple(guesses),
    )


def read_output(
    model: Model,
    drawn: Mapping[str, tuple[str, Shape]],
    batch: int,
    told: Told,
    card: Card | None,
    name: str,
) -> Output:
    """Return what ``model`` draws.

    Args:
        model: the graph.
        drawn: each output's type and shape for ``batch`` images.
        batch: how many images ``drawn`` is of.
        told: what the user says.
        card: the file's, if it has one.
        name: of the file, for errors.

    Raises:
        BadInput: it draws no images, or it is not clear how they lie or what their values are.
    """
    pictures = {
        key: (type_, shape)
        for key, (type_, shape) in drawn.items()
        if len(shape) == 4
        and shape[0] == batch
        and {shape[1], shape[3]} & {1, 3}
        and type_ in (*FLOATS, "uint8")
        and min(shape) > 0
    }
    if len(pictures) != 1:
        raise _no_generator(model, name)
    ((images, (type_, shape)),) = pictures.items()
    layout, guesses = _layout(shape, told, card, name)
    if layout == "nhwc":
        shape = (shape[0], shape[3], shape[1], shape[2])
    value_range = None
    if type_ == "uint8" and told.value_range:
        raise BadInput(
            f"{name} draws grey levels, 0 to 255, which have no other range",
            "leave --value-range out",
        )
    if type_ != "uint8":
        spelt, guess = _value_range(model, images, told, card, name)
        value_range = RANGES[spelt]
        guesses += guess
    _, channels, height, width = shape
    return Output(images, (channels, height, width), layout == "nhwc", value_range, guesses)


def _each(name: str, values: Collection[str]) -> str:
    """Return an option with each of its values, one after the other."""
    return ", or ".join(option(name, value) for value in values)


def shown(value: ValueInfo) -> str:
    """Return an input or output in words: its name, type and shape; "?" is open."""
    sizes = [str(size)[:20] if size is not None else "?" for size in value.shape or ()]
    shape = "?" if value.shape is None else ", ".join(sizes)
    return f"{quote(value.name)} {_type(value)} ({shape})"


def _could_be_latents(value: ValueInfo) -> bool:
    """Return whether it is a float input (N, Z) or (N, Z, 1, 1), or may be."""
    if value.shape is None:
        return _type(value) in FLOATS
    return (
        _type(value) in FLOATS
        and len(value.shape) in (2, 4)
        and value.shape[1] != 0
        and all(size == 1 or not isinstance(size, int) for size in value.shape[2:])
    )


def _width(value: ValueInfo) -> int | None:
    """Return the second size of an input (N, Z, …), or None where the file leaves it open."""
    size = value.shape[1] if value.shape and len(value.shape) > 1 else None
    return size if isinstance(size, int) else None


def _label_shape(model: Model, value: ValueInfo, name: str) -> tuple[Shape, bool]:
    """Return the shape of one image's class, and whether it is one-hot."""
    whole = _type(value) in ("int64", "int32")
    if value.shape and (whole or _type(value) in FLOATS):
        if whole and value.shape[1:] in ((), (1,)):
            return (1,) * (len(value.shape) - 1), False
        classes, column = _width(value) or 0, value.shape[2:]
        if len(value.shape) in (2, 4) and classes > 1 and all(size == 1 for size in column):
            return (classes, *(1 for _ in column)), True
    raise _no_generator(model, name)


def _class_count(model: Model, labels: str) -> int:
    """Return how many rows the table has that the classes are looked up in, or 0."""
    names = {labels}
    for node in model.nodes:  # which are checked later: any may lack its inputs
        first, second = (*node.inputs, "", "")[:2]
        if node.op == "Gather" and second in names and first in model.initializers:
            return (*model.initializers[first].dims, 0)[0]
        if node.op == "OneHot" and first in names and second in model.initializers:
            depth = model.initializers[second].values.reshape(-1)
            return int(depth[0]) if depth.size == 1 and depth.dtype.kind in "iu" else 0
        if node.op in PASSED_BY and first in names:
            names.add(node.outputs[0])
    return 0


def _says_class(name: str) -> bool:
    return any(word in name.lower() for word in ("label", "class", "cond", "hot"))


def _layout(shape: Shape, told: Told, card: Card | None, name: str) -> tuple[str, tuple[str, ...]]:
    first, last = shape[1] in (1, 3), shape[3] in (1, 3)
    if told.layout:
        if not (first if told.layout == "nchw" else last):
            raise BadInput(
                f"{name} draws {' × '.join(map(str, shape))}, which is not {told.layout.upper()} "
                "with 1 or 3 channels",
                "leave --layout out",
            )
        return told.layout, ()
    if card is not None or shape[1:] == (1, 1, 1):
        return "nchw", ()
    if first and last:
        raise BadInput(
            f"{name} draws {' × '.join(map(str, shape))}: its channels could be first or last",
            f"say it: {_each('layout', LAYOUTS)}",
        )
    return ("nchw", ()) if first else ("nhwc", ("channels taken to be last",))


def _value_range(
    model: Model, images: str, told: Told, card: Card | None, name: str
) -> tuple[str, tuple[str, ...]]:
    for usual, values in RANGES.items():
        if card is not None and values == card.value_range:
            if told.value_range not in (None, usual):
                raise BadInput(
                    f"{name} draws values of {usual}, as its model card says, not "
                    f"{told.value_range}",
                    "leave --value-range out",
                )
            return usual, ()
    if told.value_range:
        return told.value_range, ()
    last = _last_layer(model, images)
    spelt = _range_of(model, last) if last else None
    if last is None or spelt is None:
        raise BadInput(
            f"{name} does not say what its images' values are",
            f"say it: {_each('value_range', RANGES)}",
        )
    low, high = (f"{value:g}" for value in RANGES[spelt])
    return spelt, (f"its last layer is {last.op}: values taken to be in [{low}, {high}]",)


def _last_layer(model: Model, images: str) -> Node | None:
    givers = {output: node for node in model.nodes for output in node.outputs}
    node = givers.get(images)
    while node is not None and node.op in PASSED_BY and node.inputs:
        node = givers.get(node.inputs[0])
    return node


def _range_of(model: Model, node: Node) -> str | None:
    """Return the range of a node's values, as `RANGES` spells it, where it is a usual one."""
    if node.op != "Clip":
        return LAST.get(node.op)
    ends = [model.initializers.get(key) for key in node.inputs[1:3]]
    values = [value for end in ends if end for value in end.values.reshape(-1)[:2].tolist()]
    return next((spelt for spelt, usual in RANGES.items() if list(usual) == values), None)


def _type(value: ValueInfo) -> str:
    element = ELEMENTS.get(value.elem_type)
    return element.name if element else "unknown"


def _no_generator(model: Model, name: str) -> BadInput:
    takes = ", ".join(map(shown, model.inputs[:3]))
    gives = ", ".join(map(shown, model.outputs[:3]))
    return BadInput(
        f"{name} is an ONNX file but no generator: it turns {takes or 'nothing'} "
        f"into {gives or 'nothing'}",
        "a generator takes float latents (N, Z), and classes perhaps, and gives images "
        "(N, 1 or 3, H, W) or (N, H, W, 1 or 3)",
    )
