"""Load an ONNX generator and run it with onnxruntime; everything it needs is in the file.

The file may come from anyone. Its bytes are read once and looked through before onnxruntime sees
them: no other file is read, operators are those of an allow-list, and the memory that a batch needs
is known beforehand. Waiting for it can be interrupted, and ends.
"""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnxruntime as ort

from ganctl.errors import BadInput, OutOfResources
from ganctl.inference.checksum import check_entry, check_metadata
from ganctl.inference.known import Known
from ganctl.inference.onnx_file import parse_model
from ganctl.inference.onnx_model import ELEMENTS, REMAKE, Model
from ganctl.inference.reading import read_model
from ganctl.inference.self_test import SELF_TEST_KEY, Verdict, run_self_test
from ganctl.inference.session import LIMITS, Limits, in_time, providers, run, start
from ganctl.inference.signature import NOTHING_TOLD, Inputs, Output, Told, read_inputs, read_output
from ganctl.inference.sizes import Sizes, check_images, measure, more
from ganctl.latents import Floats, Labels
from ganctl.model_card import CARD_KEY, Card, card_from_json
from ganctl.text import option

T = TypeVar("T")

INPUT, LABELS, OUTPUT = "latents", "labels", "images"
"""What ``ganctl export`` calls them."""

BATCH = 64
"""Images drawn at once, where nothing else is asked for."""

MOST_FOLDED = 10**8
"""Multiplications with constants alone that onnxruntime may do while it loads: nothing stops it."""


@dataclass(frozen=True)
class OnnxGenerator:
    """A loaded generator: latents (B, latent_dim) → images (B, C, H, W) in [-1, 1].

    A conditional one takes labels (B,) besides, 0 … classes - 1.
    """

    session: ort.InferenceSession
    name: str
    card: Card | None  # None: the file carries none
    sealed: bool  # by a digest of ganctl's, which was right
    batch_size: int  # images drawn at once, at the most
    limits: Limits
    self_test: str | None = field(repr=False)
    _inputs: Inputs
    _output: Output

    @property
    def latent_dim(self) -> int:
        """Return how many values a latent has."""
        return self._inputs.latent_shape[0]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Return (C, H, W)."""
        return self._output.image_shape

    @property
    def fixed_batch(self) -> int | None:
        """Return how many images each run draws, where the file settles it."""
        return self._inputs.batch

    @property
    def guesses(self) -> tuple[str, ...]:
        """Return what was guessed about the file, to be said aloud."""
        return self._inputs.guesses + self._output.guesses

    @property
    def class_names(self) -> tuple[str, ...]:
        """Return what the classes are called; (): unconditional."""
        if self.card and self.card.class_shares:
            return self.card.class_names
        return tuple(map(str, range(self._inputs.classes)))

    @property
    def class_shares(self) -> tuple[float, ...]:
        """Return how often each class is drawn where none is asked for; (): unconditional."""
        if self.card and self.card.class_shares:
            return self.card.class_shares
        return (1 / self._inputs.classes,) * self._inputs.classes if self._inputs.classes else ()

    def __call__(self, latents: Floats, labels: Labels | None = None) -> Floats:
        """Draw one image for each row of ``latents``.

        Args:
            latents: (B, latent_dim).
            labels: (B,), 0 … classes - 1, of a conditional generator; None of any other.

        Raises:
            BadInput: the model loads but fails to run.
            OutOfResources: a batch needs more memory than there is, or more time than its limit.
        """
        size = self._inputs.batch or self.batch_size
        starts = range(0, len(latents), size)
        parts = [
            self._draw(latents[at : at + size], None if labels is None else labels[at : at + size])
            for at in starts
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def verify(self) -> Verdict:
        """Draw the file's self-test again.

        Raises:
            BadInput: it has none, or one that cannot be read.
            CheckFailed: the images are others.
        """
        if self.self_test is None:
            raise BadInput(f"{self.name} brings no self-test", "ganctl export writes one")
        return run_self_test(self.self_test, self, self.name)

    def _draw(self, latents: Floats, labels: Labels | None) -> Floats:
        """Draw what one run can; where the batch is fixed, the rows that lack are drawn and cut."""
        rows = len(latents)
        fed = {self._inputs.latents: self._as_fed(latents)}
        if self._inputs.labels:
            if labels is None:
                raise BadInput(f"{self.name} must be told the class", "say it: --digit 7")
            fed[self._inputs.labels] = self._as_labels(labels)
        if self._inputs.batch:
            lacking = self._inputs.batch - rows
            fed = {key: _padded(value, lacking) for key, value in fed.items()}
        return self._as_images(
            run(
                self.session,
                self._output.images,
                fed,
                self.name,
                self.limits,
                1 if self._inputs.batch else rows,
            )
        )[:rows]

    def _as_fed(self, latents: Floats) -> Floats:
        return latents.reshape(-1, *self._inputs.latent_shape).astype(
            self._inputs.latent_type, copy=False
        )

    def _as_labels(self, labels: Labels) -> Any:
        if labels.max(initial=0) >= self._inputs.classes:
            raise BadInput(f"{self.name} has only {self._inputs.classes} classes", REMAKE)
        if self._inputs.one_hot:
            labels = labels[:, None] == np.arange(self._inputs.classes)
        return labels.reshape(-1, *self._inputs.label_shape).astype(
            self._inputs.label_type, copy=False
        )

    def _as_images(self, drawn: Any) -> Floats:
        """Return what came out as (B, C, H, W) in [-1, 1]."""
        images: Floats = drawn.astype(np.float32, copy=False)
        if self._output.channels_last:
            images = images.transpose(0, 3, 1, 2)
        if images.shape[1:] != self.image_shape:
            raise BadInput(
                f"{self.name} draws {images.shape[1:]}, and its graph says {self.image_shape}",
                REMAKE,
            )
        low, high = self._output.value_range or (0.0, 255.0)
        if (low, high) == (-1.0, 1.0):
            return images
        images -= np.float32(low)  # in place: the batch is ours, and may be large
        images *= np.float32(2 / (high - low))
        images -= np.float32(1)
        return images


def load_onnx(
    path: Path,
    threads: int = 0,
    provider: str = "cpu",
    batch_size: int = BATCH,
    told: Told = NOTHING_TOLD,
    limits: Limits = LIMITS,
) -> OnnxGenerator:
    """Load the generator in the file ``path``.

    Args:
        path: an ONNX file, from ``ganctl export`` or another generator.
        threads: that onnxruntime may use on the CPU; 0 for all cores.
        provider: one of `providers`.
        batch_size: images that are drawn at once, at the most; more are drawn in turns.
        told: what the file itself does not say.
        limits: what it may cost.

    Raises:
        BadInput: the file cannot be read, is no ONNX file, is no generator, or may do what is not
            allowed; or onnxruntime does not have the provider, or cannot start it.
        CheckFailed: it is damaged.
        OutOfResources: it would cost more than ``limits``.
    """
    data = read_model(path, limits.model_mb)
    return parse_onnx(data, str(path), threads, provider, batch_size, told, limits)


def parse_onnx(
    data: bytes,
    name: str,
    threads: int = 0,
    provider: str = "cpu",
    batch_size: int = BATCH,
    told: Told = NOTHING_TOLD,
    limits: Limits = LIMITS,
    parsed: Model | None = None,
) -> OnnxGenerator:
    """Load the generator in ``data``, the bytes of an ONNX file; ``name`` is for the errors.

    Args and errors are as of `load_onnx`; ``parsed`` is what `parse_model` has made of ``data``,
    whose digest was right, if it has.
    """
    offered = providers()
    if provider not in offered:
        raise BadInput(
            f"this onnxruntime has no provider '{provider}', only {', '.join(offered)}",
            "use --provider cpu, or install an onnxruntime that has it",
        )
    if parsed is None:
        check_entry(data, name)  # first: what is damaged may look like anything else
        parsed = in_time(lambda: parse_model(data, name, limits.any_op), name, limits)
    model = parsed
    sealed = check_metadata(data, model.producer[0], model.metadata, name)
    card = card_from_json(model.metadata[CARD_KEY]) if CARD_KEY in model.metadata else None
    inputs = read_inputs(model, told, card, name)
    drawn, folded = None, 0
    if not limits.any_op:
        inputs, sizes = in_time(
            lambda: _sizes(model, inputs, batch_size, told, limits), name, limits
        )
        drawn, folded = {key: _kind(value) for key, value in sizes.outputs.items()}, sizes.folded
    batch = inputs.batch or batch_size
    session = start(data, name, threads, provider, folded <= MOST_FOLDED, limits)
    if drawn is None:
        drawn = _try_out(session, inputs, batch, name, limits)
    output = read_output(model, drawn, batch, told, card, name)
    generator = OnnxGenerator(
        session=session,
        name=name,
        card=card,
        sealed=sealed,
        batch_size=batch_size,
        limits=limits,
        self_test=model.metadata.get(SELF_TEST_KEY),
        _inputs=inputs,
        _output=output,
    )
    _check_card(generator)
    return generator


def _sizes(
    model: Model, inputs: Inputs, batch: int, told: Told, limits: Limits
) -> tuple[Inputs, Sizes]:
    """Return what the images take, drawn one at a time if the graph is made for that."""
    batch = inputs.batch or batch
    try:
        return inputs, _sizes_of(model, inputs, batch, limits)
    except BadInput as error:
        if told.latent_dim:
            error.set_hint(
                f"is {option('latent_dim', told.latent_dim)} right? If it is: {error.hint}"
            )
        if inputs.batch or batch == 1:
            raise
        said = "its graph is made for one image: drawn one at a time"
        alone = dataclasses.replace(inputs, batch=1, guesses=(*inputs.guesses, said))
        with suppress(BadInput):  # what is wrong with many says more
            return alone, _sizes_of(model, alone, 1, limits)
        raise


def _sizes_of(model: Model, inputs: Inputs, batch: int, limits: Limits) -> Sizes:
    try:
        sizes = measure(model, inputs.shapes(batch), limits.image_mb * 10**6)
        if batch > 1 and all(value.shape[:1] == (1,) for value in sizes.outputs.values()):
            raise BadInput(f"{model.name} gives one image for a batch of {batch}", REMAKE)
        check_images(model, sizes, batch, limits.image_mb * 10**6)
    except OutOfResources as error:
        if inputs.batch:
            error.set_hint(more())
        elif batch > 1:
            with suppress(BadInput):
                _sizes_of(model, inputs, 1, limits)  # does not fit either: fewer are no way out
        raise
    return sizes


def _try_out(
    session: ort.InferenceSession, inputs: Inputs, batch: int, name: str, limits: Limits
) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return the type and shape of each output, for a file whose sizes nothing else tells."""
    types = inputs.types()
    fed = {key: np.zeros(shape, types[key]) for key, shape in inputs.shapes(batch).items()}
    drawn = {}
    for value in session.get_outputs():
        array = run(session, value.name, fed, name, limits, 1 if inputs.batch else batch)
        if isinstance(array, np.ndarray):
            drawn[value.name] = (array.dtype.name, array.shape)
    return drawn


def _kind(known: Known) -> tuple[str, tuple[int, ...]]:
    return ELEMENTS[known.elem_type].name, known.shape


def _check_card(generator: OnnxGenerator) -> None:
    """Refuse a card of another generator.

    Raises:
        BadInput: it has other shapes or classes than the graph.
    """
    card, inputs = generator.card, generator._inputs
    if card is None:
        return
    shape = generator.image_shape
    same = card.image_shape == shape
    grey = card.image_shape == (1, *shape[1:])  # its channel may be drawn thrice
    if card.latent_dim != generator.latent_dim or not (same or grey):
        raise BadInput(
            f"{generator.name} draws {shape} from {generator.latent_dim} values, "
            f"and its model card says {card.image_shape} from {card.latent_dim}",
            REMAKE,
        )
    if inputs.one_hot and inputs.classes != len(card.class_names):
        raise BadInput(
            f"{generator.name} takes {inputs.classes} classes, and its model card has "
            f"{len(card.class_names)}",
            REMAKE,
        )
    if bool(inputs.labels) != bool(card.class_shares):
        raise BadInput(
            f"{generator.name} takes classes, and its model card has none"
            if inputs.labels
            else f"{generator.name} takes no classes, and its model card has some",
            REMAKE,
        )


def _padded(rows: Any, lacking: int) -> Any:
    return np.concatenate([rows, np.repeat(rows[-1:], lacking, axis=0)]) if lacking else rows
