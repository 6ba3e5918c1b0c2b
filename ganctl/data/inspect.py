"""Describe what is in a data set, and propose how to train on it, before anything is trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ganctl.data.decode import PictureInfo, decode, describe_picture, fit_all
from ganctl.data.folder import (
    PictureFiles,
    Skipped,
    classes,
    common_folder,
    is_visible,
    open_pictures,
)
from ganctl.data.load import data_name, load_grey
from ganctl.errors import BadInput
from ganctl.images import PADDING, Pixels, font, font_text, make_grid, shorten, text_width

ROWS, COLS = 20, 10  # classes in a contact sheet at most, and images of each
UNLABELLED = 100  # images in the contact sheet of unlabelled data
MAX_SIDE = 32  # proposed for training; 64 pixels take five times as long (see the README)
FEW_IMAGES = 1000  # with fewer, a GAN memorises them
TEXT_HEIGHT, TEXT_WIDTH, TEXT_GAP = 11, 160, 6  # pixels, of a class name beside its images

Size = tuple[int, int]  # (width, height) in pixels


@dataclass(frozen=True)
class Inspection:
    """What is in a data set."""

    name: str
    images: int  # readable ones
    classes: dict[str, int]  # images of each class, in the order of the labels; {} if unlabelled
    empty_classes: list[str]
    sizes: Counter[Size]  # images of each size, after EXIF rotation
    kinds: dict[str, int]  # "grey" and "colour" → images
    traits: dict[str, int]  # special kinds, such as "animated" → images; may overlap
    skipped: list[Skipped]
    other_suffixes: dict[str, int]  # of files that are not PNG or JPEG → how many
    img_size: int  # as requested, or proposed for training
    channels: int
    sheet: Pixels  # contact sheet, (H, W) or (H, W, 3): each class in a row, named and counted
    shown: int  # images in the sheet

    @property
    def size_range(self) -> tuple[Size, Size, Size]:
        """The most common size, and the smallest and the largest by area."""
        (common, _), *_ = self.sizes.most_common(1)
        by_area = sorted(self.sizes, key=lambda size: (size[0] * size[1], size))
        return common, by_area[0], by_area[-1]

    @property
    def cropped(self) -> int:
        """How many images are not square, and are cropped to the centre."""
        return sum(count for (width, height), count in self.sizes.items() if width != height)

    @property
    def enlarged(self) -> int:
        """How many images are smaller than ``img_size``."""
        return sum(count for size, count in self.sizes.items() if min(size) < self.img_size)


def inspect_data(
    source: str,
    data_dir: Path | None = None,
    img_size: int | None = None,
    channels: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Inspection:
    """Read a whole data set and describe it; nothing is downloaded.

    Arguments and errors are those of `ganctl.data.load_data`. A data set that is not downloaded is
    BadInput.

    Args:
        source: a name or path.
        data_dir: of named data sets.
        img_size: None proposes the median shorter side as a multiple of 4, at most `MAX_SIDE`.
        channels: None means 3 if any picture has colour.
        progress: called with the number of files read and the number of all.
    """
    name, shape = data_name(source), (img_size, channels)
    grey = load_grey(source, data_dir, download=False)
    if grey is not None:
        images, labels, class_names = grey
        infos = [PictureInfo(images.shape[2], images.shape[1], False, [])] * len(images)
        return _inspection(
            *(name, infos, labels, class_names, shape),
            lambda indices, *shape: fit_all(images[indices], *shape),
        )
    with open_pictures(Path(source)) as files:
        described = dict(files.read(describe_picture, progress=progress))
        files.check_enough(len(described))
        names = list(described)

        def load(indices: list[int], size: int, channels: int) -> Pixels:
            chosen = [names[index] for index in indices]
            images = dict(files.read(lambda file: decode(file, size, channels), chosen))
            if len(images) < len(chosen):
                raise BadInput(f"{source}: pictures have changed while they were read", "try again")
            return np.stack(list(images.values()))

        found = _inspection(name, list(described.values()), *classes(names), shape, load)
        return replace(
            found,
            empty_classes=_empty_folders(files, names, found.classes) if found.classes else [],
            skipped=files.skipped,
            other_suffixes=files.other_suffixes,
        )


def _inspection(
    name: str,
    infos: Sequence[PictureInfo],
    labels: NDArray[np.int64] | None,
    class_names: Sequence[str],
    shape: tuple[int | None, int | None],  # requested size and channels
    load: Callable[[list[int], int, int], Pixels],  # (indices, size, channels) → (K, C, S, S)
) -> Inspection:
    sizes = Counter((info.width, info.height) for info in infos)
    kinds = Counter("colour" if info.coloured else "grey" for info in infos)
    traits = Counter(trait for info in infos for trait in info.traits)
    counts = [] if labels is None else np.bincount(labels, minlength=len(class_names)).tolist()
    median = int(np.median([min(info.width, info.height) for info in infos]))
    img_size = shape[0] or min(MAX_SIDE, max(8, median // 4 * 4))  # conv halves the size twice
    channels = shape[1] or (3 if kinds["colour"] else 1)
    if labels is None:
        rows = [_spread(np.arange(len(infos)), UNLABELLED)]
    else:
        first = range(min(ROWS, len(class_names)))
        rows = [_spread(np.flatnonzero(labels == label), COLS) for label in first]
    shown = load([index for row in rows for index in row], img_size, channels)
    return Inspection(
        name=name,
        images=len(infos),
        classes=dict(zip(class_names, counts, strict=True)),
        empty_classes=[each for each, count in zip(class_names, counts, strict=True) if not count],
        sizes=sizes,
        kinds=dict(kinds.most_common()),
        traits=dict(traits.most_common()),
        skipped=[],
        other_suffixes={},
        img_size=img_size,
        channels=channels,
        sheet=_contact_sheet(shown, [len(row) for row in rows], class_names, counts),
        shown=len(shown),
    )


def _spread(indices: NDArray[np.int64], count: int) -> list[int]:
    """Return up to ``count`` of the indices, evenly spread."""
    count = min(count, len(indices))
    return [int(index) for index in indices[np.arange(count) * len(indices) // max(count, 1)]]


def _contact_sheet(
    images: Pixels, lengths: Sequence[int], class_names: Sequence[str], counts: Sequence[int]
) -> Pixels:
    """Draw images (K, C, S, S) in a row per class, black where a class has fewer than `COLS`.

    The names are left out if the rows are too low for them.
    """
    if not class_names:
        return make_grid(images)
    side = images.shape[-1]
    cells = np.zeros((len(lengths), COLS, *images.shape[1:]), np.uint8)
    cells[np.arange(COLS) < np.array(lengths)[:, None]] = images
    sheet = make_grid(cells.reshape(-1, *images.shape[1:]), COLS)
    if side < TEXT_HEIGHT:
        return sheet
    lines = []
    for name, count in list(zip(class_names, counts, strict=True))[: len(lengths)]:
        room = TEXT_WIDTH - text_width(f"  {count:,}", TEXT_HEIGHT)
        lines.append(font_text(f"{shorten(name, TEXT_HEIGHT, room)}  {count:,}"))
    width = round(max(text_width(line, TEXT_HEIGHT) for line in lines)) + 2 * TEXT_GAP
    margin = Image.new("L", (width, len(sheet)))
    pen = ImageDraw.Draw(margin)
    for number, line in enumerate(lines):
        place = (width - TEXT_GAP, number * (side + PADDING) + PADDING + side / 2)
        pen.text(place, line, 255, font(TEXT_HEIGHT), anchor="rm")
    return np.hstack((np.asarray(margin.convert("RGB") if sheet.ndim == 3 else margin), sheet))


def _empty_folders(
    files: PictureFiles, names: Collection[PurePosixPath], class_names: Collection[str]
) -> list[str]:
    """Return the folders beside the class folders that hold no readable picture."""
    above = common_folder(names)
    depth = len(above.parts)
    inside = [name.parts for name in files.pictures if name.is_relative_to(above)]
    folders = {parts[depth] for parts in inside if len(parts) > depth + 1}
    if files.source.is_dir():
        folders |= {each.name for each in (files.source / above).iterdir() if each.is_dir()}
    return sorted(name for name in folders - {*class_names} if is_visible(name))
