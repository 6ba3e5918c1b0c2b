"""What ``sample`` and ``infer`` are asked to draw: their options as a generator's inputs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import typer

from ganctl.latents import Inputs, check_indices, class_numbers, seeded
from ganctl.text import counted

MAX_CLASS = 65535


@dataclass(frozen=True)
class Drawing:
    """What is to be drawn, and what it is called."""

    inputs: Inputs
    start: int  # index of the first
    count: int
    cols: int  # a row of a grid; 0: a square
    what: str  # as a result line calls it


@dataclass(frozen=True)
class Asked:
    """What a command line asks for, of a generator that is not loaded yet.

    Raises:
        typer.BadParameter: an option cannot be used, or not beside another.
    """

    out: Path | None
    count: int | None  # of images, of each class, or of numbers; None for the usual number
    seed: int
    start: int
    cols: int
    digit: str | None
    digits: str | None
    truncation: float
    interpolate: int | None
    show: bool = False

    def __post_init__(self) -> None:
        if self.digit is not None and self.digits is not None:
            raise typer.BadParameter("choose one of --digit and --digits", param_hint="--digits")
        several = len(self._classes) > 1
        if not 0 < self.truncation <= 1:
            raise typer.BadParameter(
                f"{self.truncation:g} is not above 0 and up to 1", param_hint="--truncation"
            )
        if self.interpolate is None and self.out and self.out.suffix.lower() == ".gif":
            raise typer.BadParameter(
                "a .gif shows a walk between images: add --interpolate 8", param_hint="OUT"
            )
        if self.interpolate is not None and self._images < 2:
            raise typer.BadParameter(
                "a walk needs two images or more: raise -n", param_hint="--interpolate"
            )
        if self.cols and (self.interpolate or self.digits or several):
            raise typer.BadParameter(
                "the rows are settled by --digit, --digits or --interpolate", param_hint="--cols"
            )

    @cached_property
    def _classes(self) -> tuple[int | str, ...]:
        """Those asked for, by number or name, in their order; (): none."""
        if self.digits is not None:
            return written(self.digits)
        return () if self.digit is None else listed(self.digit)

    @property
    def _each(self) -> int:
        """How many images are drawn of each class, or how often a number is."""
        if self.count is not None:
            return self.count
        several = len(self._classes) > 1
        if self.digits or (self.interpolate and several):
            return 1
        if self.interpolate:
            return 8
        if self.show and self.out is None and not several:
            from ganctl.cli.terminal_pictures import screenful  # with rich: slow to import

            return screenful()
        return 10 if several else 64

    @property
    def _images(self) -> int:
        """How many images are drawn, or walked between."""
        return self._each * max(len(self._classes), 1)

    def of(
        self,
        path: Path,
        latent_dim: int,
        class_names: Sequence[str],
        class_shares: Sequence[float],
    ) -> Drawing:
        """Return what is to be drawn from the generator in ``path``.

        Args:
            path: for the errors.
            latent_dim: the generator's.
            class_names: of the data that it was trained on.
            class_shares: how often each class is drawn; none where it cannot be asked for one.

        Raises:
            BadInput: it has no such class, or an index is too large.
        """
        classes = class_numbers(self._classes, path, class_names, class_shares)
        check_indices(self.start, self._images if self.digits else self._each)
        inputs = seeded(self.seed, latent_dim, class_shares)
        if self.truncation < 1:
            inputs = inputs.truncate(self.truncation)
        images = self._drawn_from(inputs, classes)
        return images if self.interpolate is None else self._between(images, self.interpolate)

    def _drawn_from(self, inputs: Inputs, classes: Sequence[int]) -> Drawing:
        """Return the images, which a walk would lead through."""
        each, count = self._each, self._images
        what = f"{counted(count, 'image')} of seed {self.seed}"
        if not classes:
            return Drawing(inputs, self.start, count, self.cols, what)
        if self.digits:
            number = inputs.shift(self.start).cycle_classes(classes)
            return Drawing(number, 0, count, len(classes), f"{what}, digits {self.digits}")
        what += f", digit {self.digit}"
        if len(classes) == 1:
            return Drawing(inputs.cycle_classes(classes), self.start, count, self.cols, what)
        rows = inputs.shift(self.start).class_rows(classes, each)
        return Drawing(rows, 0, count, each, what)

    def _between(self, images: Drawing, frames: int) -> Drawing:
        """Return the walk: a strip ends at the last image, all else comes back to the first."""
        strip = self.out is None or self.out.suffix.lower() == ".png"
        cols = frames + strip
        count = cols * (images.count - strip)
        path = images.inputs.shift(images.start).interpolate(images.count, frames, ends=strip)
        return Drawing(path, 0, count, cols, f"{counted(count, 'frame')} between {images.what}")


def listed(text: str) -> tuple[int | str, ...]:
    """Return the classes that ``7``, ``0-9``, ``1,3,5-7`` or ``star,heart`` lists, in that order.

    What has a letter is a name, which nobody checks here.

    Raises:
        typer.BadParameter: it lists none, or one twice, or a number above `MAX_CLASS`.
    """
    classes: dict[int | str, None] = {}
    for each in _each_of(text):
        if each in classes:
            raise typer.BadParameter(f"'{text}' has {each} twice", param_hint="--digit")
        classes[each] = None
    return tuple(classes)


def _each_of(text: str) -> Iterator[int | str]:
    for part in text.split(","):
        found = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if first <= last <= MAX_CLASS:
            yield from range(first, last + 1)
        elif any(map(str.isalpha, part)):
            yield part
        else:
            raise typer.BadParameter(
                f"'{text}' is no class, list or range, such as 7, 0-9, 1,3,5-7 or a name",
                param_hint="--digit",
            )


def written(text: str) -> tuple[int, ...]:
    """Return the digits of ``text``.

    Raises:
        typer.BadParameter: it has none, or something else.
    """
    if not re.fullmatch("[0-9]+", text):
        raise typer.BadParameter(
            f"'{text}' is no number of digits 0 to 9 alone", param_hint="--digits"
        )
    return tuple(map(int, text))
