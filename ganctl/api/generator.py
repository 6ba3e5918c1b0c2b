"""A loaded generator, from an ONNX file or a checkpoint, to draw from in Python."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import SupportsIndex

import numpy as np

from ganctl.arguments import one_of, real, text, truth, whole
from ganctl.checkpoint_file import PREFIXES, is_checkpoint, read_header
from ganctl.config import MAX_SEED
from ganctl.environment import cpu_count
from ganctl.errors import BadInput, GanctlError, InvalidOption, OutOfResources, missing_extra
from ganctl.html_page import image
from ganctl.images import Images
from ganctl.inference.watched import Watched
from ganctl.latents import GeneratorFunction, check_indices, class_numbers, draw, seeded
from ganctl.model_card import Card
from ganctl.text import counted, printable

BATCH = 64  # images drawn at once; the memory of an ONNX file is checked for so many
MAX_BATCH = 65_536
MAX_THREADS = 1024
STRIP = 10  # images that a notebook shows of a generator
MAX_SHOWN = 200  # characters of a value in a notebook's table

Class = SupportsIndex | str  # a class by its number, from 0, or by its name

log = logging.getLogger("ganctl")


@contextmanager
def needing_extra() -> Iterator[None]:
    """Name the extra to install if an import in the block fails.

    Raises:
        MissingDependency: a package of ``ganctl[train]`` is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if missing := missing_extra(error, "this"):
            raise missing from error
        raise


@dataclass(frozen=True, eq=False, repr=False)
class Generator:
    """A trained generator: ``generator.sample(16, seed=7)`` draws. `load` returns one.

    A notebook shows its origin and ten images.

    Attributes:
        path: of its file.
        card: its metadata; None for an ONNX file of another tool.
        image_shape: (C, H, W) of an image.
        latent_dim: dimensions of a latent z.
        classes: names of the classes, in the order of their numbers; () if it is not conditional.
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

        ``ganctl sample`` and ``ganctl infer`` draw the same images with the same options.

        Args:
            count: how many; of each class, if ``digit`` has several.
            seed: 0 … 2³² - 1. Image i of a seed is always the same image.
            start: index of the first image.
            digit: a class of a conditional generator, by number or name, or several: a grid of the
                images then has a row for each class, with the same styles. None: each class as
                often as in the training data.
            truncation: ψ, above 0 and up to 1. Below 1: clearer images, less varied.
            batch_size: images drawn at once, which changes none of them. An ONNX file draws at most
                as many as it was loaded for, or its own fixed number.

        Returns:
            (N, C, H, W) uint8, where N is ``count`` for each class.

        Raises:
            BadInput: an argument is out of range, or there is no such class.
            CheckFailed: the generator draws NaN or infinite values.
            OutOfResources: the images do not fit in memory, or a batch of an ONNX file exceeds its
                memory or time limit.
        """
        count, start = whole("count", count, 1), whole("start", start, 0)
        seed, batch_size = whole("seed", seed, 0, MAX_SEED), whole("batch_size", batch_size, 1)
        if not 0 < (truncation := real("truncation", truncation)) <= 1:
            raise InvalidOption("truncation", truncation, "above 0 and up to 1")
        numbers = class_numbers(_classes(digit), self.path, self.classes, self._class_shares)
        check_indices(start, count)
        inputs = seeded(seed, self.latent_dim, self._class_shares).shift(start)
        if truncation < 1:
            inputs = inputs.truncate(truncation)
        if numbers:
            inputs = inputs.class_rows(numbers, count)
        total = count * max(len(numbers), 1)
        images = _allocate(total, self.image_shape)
        images.cols = count if len(numbers) > 1 else 0
        watched, batch_size = Watched(self._function), self._fixed_batch or batch_size
        done = 0
        for batch in draw(watched, inputs, start=0, count=total, batch_size=batch_size):
            images[done : done + len(batch)] = batch
            done += len(batch)
        if self.card is None and watched.share_beyond:
            share = f"{watched.share_beyond:.1%} of the values lay outside the range taken"
            log.warning("%s", printable(f"{self.path}: {share} and were cut off"))
        return images

    def __repr__(self) -> str:
        channels, height, width = self.image_shape
        classes = f", {counted(len(self.classes), 'class', 'classes')}" if self.classes else ""
        return f"<Generator {printable(str(self.path))}: {channels}×{height}×{width}{classes}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows; text from the file is escaped."""
        rows = "".join(
            f'<tr><th style="text-align: left">{name}</th>'
            f'<td style="text-align: left">{_html(value)}</td></tr>'
            for name, value in self._rows()
        )
        return f"<div><table>{rows}</table>{self._strip()}</div>"

    def _rows(self) -> list[tuple[str, str]]:
        """Return names and values of the table."""
        rows = [
            ("generator", str(self.path)),
            ("images", "×".join(map(str, self.image_shape))),
            ("classes", ", ".join(self.classes) or "none, not conditional"),
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
        """Return a row of images as HTML: one of each class, if there are classes."""
        classes = range(min(STRIP, len(self.classes)))
        try:
            images = self.sample(1 if classes else STRIP, digit=classes or None, batch_size=STRIP)
        except GanctlError as error:  # of another tool's file: still show the table
            return f"<p>{_html(error.message)}</p>"
        images.cols = STRIP
        about = f"{counted(len(images), 'image')} of seed 0"
        return image(images._repr_png_() or b"", "png", about)


def _html(value: str) -> str:
    """Return ``value`` as HTML, shortened if necessary."""
    return escape(printable(value if len(value) <= MAX_SHOWN else f"{value[:MAX_SHOWN]} …"))


def _classes(digit: Class | Iterable[Class] | None) -> list[int | str]:
    """Return the classes in ``digit``, by number or name; [] for None."""
    if digit is None:
        return []
    is_one = isinstance(digit, str | bytes) or getattr(digit, "ndim", 1) == 0  # NumPy's array(4)
    classes: list[int | str] = []
    for each in [digit] if is_one or not isinstance(digit, Iterable) else digit:
        try:
            classes.append(each if isinstance(each, str) else whole("digit", each))
        except InvalidOption as error:
            allowed = "a class by number or name, or several"
            raise InvalidOption("digit", each, allowed) from error
    if not classes:
        raise BadInput("digit= names no class", "leave it out, or name one or more")
    return classes


def _allocate(count: int, image_shape: tuple[int, int, int]) -> Images:
    try:
        return np.empty((count, *image_shape), np.uint8).view(Images)
    except (MemoryError, ValueError) as error:  # ValueError: more than an array can have
        raise OutOfResources(
            f"there is not enough memory for {count:,} images",
            "draw fewer at a time: lower --count, and the rest with --start",
        ) from error


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
            its name, which do. None: the newest run, or without any the generator in
            ``checkpoints/`` of ganctl's clone.
        weights: of a checkpoint: "ema", the running average (or the live ones if the run has no
            average), or "live", the weights being trained.
        threads: CPU threads for an ONNX file; 0 for all cores.
        provider: that runs an ONNX file: cpu, or another that onnxruntime has (cuda, …).
        latent_dim: dimensions of a latent, if another tool's ONNX file does not say.
        value_range: likewise, of its images' values: "-1,1", "0,1" or "0,255".
        layout: likewise: "nchw" or "nhwc", channels first or last.
        batch_size: the most images that an ONNX file draws at once.
        max_model_mb: limit for an ONNX file, which is not trusted: its size.
        max_image_mb: likewise: the memory for a batch of images and the values leading to it.
        max_seconds: likewise: the time to load it, and to draw a batch.
        allow_any_op: whether it may have any operator, so that its memory is not known beforehand.

    Raises:
        BadInput: there is no such file or run, it has no generator, or an argument is not valid.
        CheckFailed: it is damaged.
        MissingDependency: a checkpoint needs torch, which is not installed.
        OutOfResources: an ONNX file exceeds its memory or time limit.
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
    if path is None or not _is_onnx(path):
        return _from_checkpoint(path, weights)

    from ganctl.inference.generator import load_onnx
    from ganctl.inference.session import Limits  # imports onnxruntime

    cores = min(threads, cpu_count())
    generator = load_onnx(path, cores, provider, batch_size, told, Limits(*limits))
    for guess in generator.guesses:
        log.warning("%s", printable(f"{path}: {guess}"))
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


def _is_onnx(path: Path) -> bool:
    """Tell a file's kind by its content, or by its name if it cannot be read."""
    try:
        return path.suffix.lower() == ".onnx" or (path.is_file() and not is_checkpoint(path))
    except OSError:
        return False


def _from_checkpoint(source: Path | None, weights: str) -> Generator:
    from ganctl.runs.run_dir import find_checkpoint

    path = find_checkpoint(source)
    read_header(path)  # before torch, which takes seconds to import
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
