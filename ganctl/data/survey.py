"""What is in a data set, and what training would make of it, before anything is trained."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from ganctl.data.catalog import is_there, load_known
from ganctl.data.decode import TRAITS, Look, Unreadable, decode, look
from ganctl.data.digits import load_digits
from ganctl.data.folder import Files, Unread, around, classes, is_hidden, open_pictures, too_few
from ganctl.data.idx import IMAGES, find_idx
from ganctl.data.image_data import GreyImages
from ganctl.data.known import KNOWN
from ganctl.data.load import DIGITS, NAMES, default_data_dir, read_idx_folder, unknown
from ganctl.data.transforms import fit_all
from ganctl.errors import BadInput
from ganctl.images import Pixels
from ganctl.text import option

ROWS, COLS = 20, 10
"""Classes that a contact sheet shows at most, and images of each. Without classes it shows
`UNLABELLED` images."""

UNLABELLED = 100

LARGEST = 32
"""Pixels a side that are proposed for training at most: at 64 it takes five times as long until the
pictures are as good (see the README)."""

USUAL = 1000
"""Images that a GAN is usually trained on at the least: fewer are learnt by heart."""

Size = tuple[int, int]


@dataclass(frozen=True)
class Survey:
    """A data set as it is looked through."""

    name: str
    images: int
    """That can be read."""
    classes: dict[str, int]
    """Images of each class, in the order of their numbers; none where it is unlabelled."""
    gaps: tuple[str, ...]
    """Classes without any image."""
    sizes: Counter[Size]
    """(width, height) in pixels → images, upright."""
    kinds: dict[str, int]
    """"grey" and "colour" → images, where there are any: each is one of them."""
    traits: dict[str, int]
    """`ganctl.data.decode.TRAITS` → images, where there are any: one may have several, or none."""
    unreadable: tuple[Unread, ...]
    """What training skips."""
    others: dict[str, int]
    """Endings of the files that are not called PNG or JPEG → how many."""
    img_size: int
    """Height and width that training would give them: asked for, or proposed."""
    channels: int
    """1 or 3: asked for, or proposed."""
    sheet: Pixels
    """(K, C, S, S): of each class a row of `COLS`, black where it has fewer; else the images."""
    shown: int
    """Images in the sheet."""

    @property
    def size_range(self) -> tuple[Size, Size, Size]:
        """The commonest size, the smallest and the largest by area."""
        (commonest, _), *_ = self.sizes.most_common(1)
        by_area = sorted(self.sizes, key=lambda size: (size[0] * size[1], size))
        return commonest, by_area[0], by_area[-1]

    @property
    def cropped(self) -> int:
        """How many images are not square, and lose what is beside their centre square."""
        return sum(count for (width, height), count in self.sizes.items() if width != height)

    @property
    def enlarged(self) -> int:
        """How many images are smaller than training would have them."""
        return sum(count for size, count in self.sizes.items() if min(size) < self.img_size)


def survey(
    source: str,
    data_dir: Path | None = None,
    img_size: int | None = None,
    channels: int | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Survey:
    """Look through a whole data set; nothing is downloaded.

    Args:
        source: as for `ganctl.data.load_data`.
        data_dir: the same.
        img_size: what they are to be trained at; None: see `proposed_size`.
        channels: 1 or 3; None: 3 where any picture has colour.
        report: called with how many of how many files have been read.

    Raises:
        BadInput: there is nothing of that name, it has not been downloaded, it cannot be read, or
            has fewer than two images.
        CheckFailed: the SHA-256 of a known set's file or of the embedded digits is wrong.
    """
    if source in NAMES:
        return _of_grey(source, _named(source, data_dir or default_data_dir()), img_size, channels)
    path = Path(source)
    if not source or not (os.path.isdir(path) or os.path.isfile(path)):
        raise unknown(source)
    if os.path.isdir(path) and find_idx(path, IMAGES):
        return _of_grey(path.resolve().name, read_idx_folder(path), img_size, channels)
    with open_pictures(path) as files:
        return _of_files(files, img_size, channels, report)


def _named(name: str, data_dir: Path) -> GreyImages:
    if name == DIGITS:
        return load_digits()
    if not is_there(KNOWN[name], data_dir):
        folder = KNOWN[name].folder(data_dir)
        embedded = f"or train on {option('data', DIGITS)}, which needs no network"
        raise BadInput(f"{name} is not in {folder}", f"ganctl data fetch {name}; {embedded}")
    return load_known(name, data_dir)


def _of_grey(name: str, grey: GreyImages, img_size: int | None, channels: int | None) -> Survey:
    """Survey images that lie in memory, labelled and all of one size."""
    count, height, width = grey.images.shape
    counts = np.bincount(grey.labels, minlength=len(grey.class_names))
    sizes = Counter({(width, height): count})
    img_size, channels = img_size or proposed_size(sizes), channels or 1
    picks = chosen(grey.labels, len(grey.class_names), count)
    shown = [index for index in picks if index is not None]
    cells = fit_all(grey.images[shown], img_size, channels)
    return Survey(
        name=name,
        images=count,
        classes=dict(zip(grey.class_names, counts.tolist(), strict=True)),
        gaps=tuple(each for each, there in zip(grey.class_names, counts, strict=True) if not there),
        sizes=sizes,
        kinds={"grey": count},
        traits={},
        unreadable=(),
        others={},
        img_size=img_size,
        channels=channels,
        sheet=spread_out(cells, picks),
        shown=len(shown),
    )


def _of_files(
    files: Files,
    img_size: int | None,
    channels: int | None,
    report: Callable[[int, int], None],
) -> Survey:
    """Survey a folder's or zip's pictures, each of which is decoded once, and the sheet's twice."""
    kept: list[PurePosixPath] = []
    looks: list[Look] = []
    skipped: list[Unread] = []
    for done, name in enumerate(files.pictures, 1):
        try:
            with files.open(name) as file:
                looks.append(look(file))
            kept.append(name)
        except Unreadable as error:
            skipped.append(Unread(str(name), str(error)))
        report(done, len(files.pictures))
    if len(kept) < 2:
        raise too_few(files, len(kept), skipped)
    labels, class_names = classes(kept)
    sizes = Counter((each.width, each.height) for each in looks)
    kinds = Counter("colour" if each.coloured else "grey" for each in looks)
    traits = Counter(trait for each in looks for trait in each.traits)
    img_size = img_size or proposed_size(sizes)
    channels = channels or (3 if kinds["colour"] else 1)
    counts = np.bincount(labels) if labels is not None else np.zeros(0, np.int64)
    picks = chosen(labels, len(class_names), len(kept))
    shown = [index for index in picks if index is not None]
    cells = _decoded(files, [kept[index] for index in shown], img_size, channels)
    return Survey(
        name=files.source.resolve().name if files.source.is_dir() else files.source.stem,
        images=len(kept),
        classes=dict(zip(class_names, counts.tolist(), strict=True)),
        gaps=_empty_folders(files, kept, class_names) if class_names else (),
        sizes=sizes,
        kinds={name: number for name in ("grey", "colour") if (number := kinds[name])},
        traits={name: number for name in TRAITS if (number := traits[name])},
        unreadable=tuple(skipped),
        others=dict(sorted(files.others.items(), key=lambda each: (-each[1], each[0]))),
        img_size=img_size,
        channels=channels,
        sheet=spread_out(cells, picks),
        shown=len(shown),
    )


def _empty_folders(
    files: Files, kept: Sequence[PurePosixPath], class_names: Sequence[str]
) -> tuple[str, ...]:
    """Return the folders that would be classes, were there a readable picture in them."""
    above = around(kept)
    names = {
        name.relative_to(above).parts[0]
        for name in files.pictures
        if name.is_relative_to(above) and len(name.relative_to(above).parts) > 1
    }
    if files.source.is_dir():
        place = files.source / above
        names |= {name for name in os.listdir(place) if os.path.isdir(place / name)}
    return tuple(
        sorted(name for name in names - {*class_names} if not is_hidden(PurePosixPath(name)))
    )


def _decoded(files: Files, names: Sequence[PurePosixPath], size: int, channels: int) -> Pixels:
    images = np.empty((len(names), channels, size, size), np.uint8)
    for index, name in enumerate(names):
        try:
            with files.open(name) as file:
                images[index] = decode(file, size, channels)
        except Unreadable as error:
            raise BadInput(
                f"{files.source}: {str(name)!r} has changed: {error}", "try again"
            ) from error
    return images


def proposed_size(sizes: Counter[Size]) -> int:
    """Return the size to train at: the median shorter side, a multiple of 4, up to `LARGEST`.

    Such a size can be halved twice without a remainder, as conv does.
    """
    shorter = np.repeat([min(size) for size in sizes], list(sizes.values()))
    return min(LARGEST, max(8, int(np.median(shorter)) // 4 * 4))


def chosen(labels: NDArray[np.int64] | None, classes: int, count: int) -> list[int | None]:
    """Return which images a contact sheet shows: of each class `COLS`, None where it has fewer."""
    if labels is None:
        return [*_spread(np.arange(count), UNLABELLED)]
    picks: list[int | None] = []
    for label in range(min(classes, ROWS)):
        row = _spread(np.flatnonzero(labels == label), COLS)
        picks += [*row, *[None] * (COLS - len(row))]
    return picks


def _spread(indices: NDArray[np.int64], most: int) -> list[int]:
    """Return up to ``most`` of the indices, at even distances from each other."""
    places = np.arange(min(most, len(indices))) * len(indices) // max(1, min(most, len(indices)))
    return [int(index) for index in indices[places]]


def spread_out(cells: Pixels, picks: Sequence[int | None]) -> Pixels:
    """Return the images (N, C, S, S) with a black one wherever ``picks`` has None."""
    sheet = np.zeros((len(picks), *cells.shape[1:]), np.uint8)
    sheet[[place for place, pick in enumerate(picks) if pick is not None]] = cells
    return sheet
