"""A loaded generator, from an ONNX file or a checkpoint, to be drawn from in Python."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, SupportsIndex

import numpy as np

from ganctl.api.notes import needing_extra, note
from ganctl.api.pictures import SHOWN_SIDE, Images, enlarged
from ganctl.arguments import one_of, real, text, truth, whole
from ganctl.checkpoint_file import PREFIXES, is_checkpoint, read_checkpoint, read_header
from ganctl.config import MAX_SEED
from ganctl.drawing import GeneratorFunction, check_indices, draw
from ganctl.errors import BadInput, GanctlError, InvalidOption, OutOfResources
from ganctl.images import encode_png
from ganctl.images import grid as grid_of
from ganctl.inference.watched import Watched
from ganctl.inputs import class_numbers, in_rows, in_turn, seeded, since, truncated
from ganctl.machine import usable_cores
from ganctl.model_card import Card
from ganctl.text import counted, inert

if TYPE_CHECKING:
    from ganctl.inference.signature import Told

BATCH = 64
"""Images drawn at once; an ONNX file's memory is checked for so many."""

MAX_BATCH = 65_536

MAX_THREADS = 1024

STRIP = 10
"""Images that a notebook shows of a generator."""

LONGEST = 200
"""Characters of a value in a notebook's table."""

Class = SupportsIndex | str
"""A class by its number, from 0, or by its name."""


@dataclass(frozen=True, eq=False, repr=False)
class Generator:
    """A trained generator: ``generator.sample(16, seed=7)`` draws.

    In a notebook it shows what it is and a strip of ten images. `load` makes one.

    Attributes:
        path: of its file.
        card: where it comes from; None for another tool's ONNX file, which has none.
        image_shape: (C, H, W) of an image.
        latent_dim: values of a latent z.
        classes: names of the classes that can be asked for, in the order of their numbers; () where
            it is not conditional.
    """

    path: Path
    card: Card | None
    image_shape: tuple[int, int, int]
    latent_dim: int
    classes: tuple[str, ...]
    _class_shares: tuple[float, ...] = field(default=())
    _function: GeneratorFunction = field(kw_only=True)
    _fixed_batch: int | None = field(default=None, kw_only=True)

    def sample(
        self,
        count: int = 64,
        *,
        seed: int = 0,
        start: int = 0,
        digit: Class | Iterable[Class] | None = None,
        truncation: float = 1.0,
        batch_size: int = BATCH,
    ) -> Images:
        """Draw images ``start`` … ``start + count - 1`` of ``seed``.

        They are those that ``ganctl sample`` and ``ganctl infer`` draw with the same options.

        Args:
            count: how many; of each digit, where several are asked for.
            seed: 0 … 2³² - 1. Image i of a seed is always the same image.
            start: index of the first.
            digit: a class of a conditional generator, by number or name; or several, whose images
                come one class after the other, in the same styles: a grid of them has a row each.
                None: each class as often as the data has it.
            truncation: ψ, above 0 and up to 1. Below 1: clearer images, less varied.
            batch_size: images drawn at once, which changes none; an ONNX file draws at most what
                it was loaded with, or what it settles.

        Returns:
            (N, C, H, W) uint8, N being ``count`` for each digit.

        Raises:
            BadInput: an argument is out of its range, or there is no such class.
            CheckFailed: the generator draws NaN or infinite values.
            OutOfResources: the images need more memory than there is, or an ONNX file's batch more
                memory or time than it may.
        """
        count, start = whole("count", count, 1), whole("start", start, 0)
        seed, batch_size = whole("seed", seed, 0, MAX_SEED), whole("batch_size", batch_size, 1)
        if not 0 < (truncation := real("truncation", truncation)) <= 1:
            raise InvalidOption("truncation", truncation, "above 0 and up to 1")
        numbers = class_numbers(_classes(digit), self.path, self.classes, self._class_shares)
        check_indices(start, count)
        inputs = since(seeded(seed, self.latent_dim, self._class_shares), start)
        if truncation < 1:
            inputs = truncated(inputs, truncation)
        if len(numbers) > 1:
            inputs = in_rows(inputs, numbers, count)
        elif numbers:
            inputs = in_turn(inputs, numbers)
        total = count * max(len(numbers), 1)
        images = _room(total, self.image_shape)
        images.cols = count if len(numbers) > 1 else 0
        watched, at_once = Watched(self._function), self._fixed_batch or batch_size
        done = 0
        for batch in draw(watched, inputs, start=0, count=total, batch_size=at_once):
            images[done : done + len(batch)] = batch
            done += len(batch)
        if self.card is None and watched.share_beyond:
            note(
                f"{self.path}: {watched.share_beyond:.1%} of the values lay outside the range "
                "taken and were cut off"
            )
        return images

    def __repr__(self) -> str:
        channels, height, width = self.image_shape
        classes = f", {counted(len(self.classes), 'class', 'classes')}" if self.classes else ""
        return f"<Generator {inert(str(self.path))}: {channels}×{height}×{width}{classes}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows; whatever came from the file is escaped."""
        rows = "".join(
            f'<tr><th style="text-align: left">{name}</th>'
            f'<td style="text-align: left">{_text(value)}</td></tr>'
            for name, value in self._rows()
        )
        return f"<div><table>{rows}</table>{self._strip()}</div>"

    def _rows(self) -> list[tuple[str, str]]:
        """Return names and values of the table."""
        rows = [
            ("generator", str(self.path)),
            ("images", "×".join(map(str, self.image_shape))),
            ("classes", ", ".join(self.classes) or "none to be asked for"),
        ]
        if card := self.card:
            rows += [
                ("network", f"{card.architecture}, weights: {card.weights}"),
                ("data", f"{card.data_name}, {counted(card.data_count, 'image')}"),
                ("note", card.data_note),
                ("trained", f"{counted(card.epochs, 'epoch')}, {counted(card.steps, 'step')}"),
            ]
            if (distance := card.quality.get("frechet_distance")) is not None:
                rows.append(("Fréchet distance", f"{distance:.1f}, while training"))
        return [(name, value) for name, value in rows if value]

    def _strip(self) -> str:
        """Return the images as an element: a class each, where there are classes."""
        each = range(min(STRIP, len(self.classes)))
        try:
            images = self.sample(1 if each else STRIP, digit=each or None, batch_size=STRIP)
        except GanctlError as error:  # of another tool's file: the table is still of use
            return f"<p>{_text(error.message)}</p>"
        png = encode_png(enlarged(grid_of(images, STRIP), SHOWN_SIDE))
        data = base64.b64encode(png).decode()
        about = f"{counted(len(images), 'image')} of seed 0"
        return f'<img alt="{about}" src="data:image/png;base64,{data}">'


def _classes(digit: Class | Iterable[Class] | None) -> list[int | str]:
    """Return the classes asked for, by number or name; [] for none."""
    if digit is None:
        return []
    one = isinstance(digit, str | bytes) or getattr(digit, "ndim", 1) == 0  # NumPy's array(4)
    if one or not isinstance(digit, Iterable):
        return [_class(digit)]
    asked = [_class(each) for each in digit]
    if not asked:
        raise BadInput("digit= names no class", "leave it out, or name one or more")
    return asked


def _class(digit: object) -> int | str:
    if isinstance(digit, str):
        return digit
    try:
        return whole("digit", digit)
    except InvalidOption:
        raise InvalidOption("digit", digit, "a class by number or name, or several") from None


def load(
    source: str | os.PathLike[str] | None = None,
    *,
    weights: str = "ema",
    threads: int = 0,
    provider: str = "cpu",
    latent_dim: int | None = None,
    value_range: str | None = None,
    layout: str | None = None,
    batch_size: int = BATCH,
    max_model_mb: int = 512,
    max_image_mb: int = 1024,
    max_seconds: int = 60,
    allow_any_op: bool = False,
) -> Generator:
    """Load a generator to draw from.

    Args:
        source: an ONNX file, which needs no torch; or a ``.safetensors`` file, a run's folder or
            its name, which do. None: the newest run; where there is none, the one in
            ``checkpoints/`` of ganctl's clone.
        weights: of a checkpoint: "ema", the running average (the live ones where the run keeps
            none), or "live", the weights that train.
        threads: that an ONNX file may use on the CPU; 0 for all cores.
        provider: what runs an ONNX file: cpu, or another that onnxruntime has (cuda, …).
        latent_dim: values of a latent, where another tool's ONNX file does not say.
        value_range: likewise, of its images' values: "-1,1", "0,1" or "0,255".
        layout: likewise: "nchw" or "nhwc", channels first or last.
        batch_size: images that an ONNX file draws at once, at the most.
        max_model_mb: what an ONNX file may cost, since none is trusted: its own size.
        max_image_mb: likewise, the memory of a batch of images and all that leads to it.
        max_seconds: likewise, the time to load it, and for each batch.
        allow_any_op: whether it may hold any operator, its memory not known beforehand.

    Raises:
        BadInput: there is no such file or run, it holds no generator, or an argument cannot be
            used.
        CheckFailed: it is damaged.
        MissingDependency: a checkpoint needs torch, which is not installed.
        OutOfResources: an ONNX file needs more memory or time than it may.
    """
    from ganctl.inference.signature import LAYOUTS, MAX_LATENT_DIM, RANGES, Told

    path = None if source is None else Path(text("source", source, "a path, or a run's name"))
    one_of("weights", weights, PREFIXES)
    threads = whole("threads", threads, 0, MAX_THREADS)
    provider = text("provider", provider, "a name, such as 'cpu'")
    batch_size = whole("batch_size", batch_size, 1, MAX_BATCH)
    told = Told(
        None if latent_dim is None else whole("latent_dim", latent_dim, 1, MAX_LATENT_DIM),
        None if value_range is None else one_of("value_range", value_range, RANGES),
        None if layout is None else one_of("layout", layout, LAYOUTS),
    )
    limits = (
        whole("max_model_mb", max_model_mb, 1, 10**6),
        whole("max_image_mb", max_image_mb, 1, 10**6),
        whole("max_seconds", max_seconds, 1, 86_400),
        truth("allow_any_op", allow_any_op),
    )
    if path is not None and _is_onnx(path):
        return _from_onnx(path, threads, provider, batch_size, told, limits)
    return _from_checkpoint(path, weights)


def _is_onnx(path: Path) -> bool:
    """Tell a file's kind by its content; what cannot be read, by its name."""
    try:
        return path.suffix.lower() == ".onnx" or (path.is_file() and not is_checkpoint(path))
    except OSError:
        return False


def _room(count: int, image_shape: tuple[int, int, int]) -> Images:
    try:
        return np.empty((count, *image_shape), np.uint8).view(Images)
    except (MemoryError, ValueError) as error:  # the latter: more than an array can have
        raise OutOfResources(
            f"there is not enough memory for {count:,} images",
            "draw fewer at a time: lower --count, and the rest with --start",
        ) from error


def _from_onnx(
    path: Path,
    threads: int,
    provider: str,
    batch_size: int,
    told: Told,
    limits: tuple[int, int, int, bool],
) -> Generator:
    from ganctl.inference.generator import load_onnx
    from ganctl.inference.session import Limits  # and with it onnxruntime

    threads = min(threads, usable_cores())
    generator = load_onnx(path, threads, provider, batch_size, told, Limits(*limits))
    for guess in generator.guesses:
        note(f"{path}: {guess}")
    return Generator(
        path,
        generator.card,
        generator.image_shape,
        generator.latent_dim,
        generator.class_names,
        generator.class_shares,
        _function=generator,
        _fixed_batch=generator.fixed_batch,
    )


def _from_checkpoint(source: Path | None, weights: str) -> Generator:
    from ganctl.runs.run_dir import find_checkpoint

    path = find_checkpoint(source)
    read_header(read_checkpoint(path), str(path))  # before torch, which takes seconds to load
    with needing_extra():
        from ganctl.training.checkpoint import as_function, load_generator
    generator, card = load_generator(path, weights)
    return Generator(
        path,
        card,
        generator.image_shape,
        generator.latent_dim,
        card.class_names if card.class_shares else (),
        card.class_shares,
        _function=as_function(generator),
    )


def _text(value: str) -> str:
    """Return ``value`` as HTML, not longer than is of use."""
    return escape(inert(value if len(value) <= LONGEST else f"{value[:LONGEST]} …"))
