"""A name or a path to a data set in memory, at its final size."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ganctl.card_rules import MAX_SIZE, MAX_TEXT, is_text
from ganctl.data.catalog import load_known
from ganctl.data.digits import load_digits
from ganctl.data.download import DownloadError
from ganctl.data.folder import Pictures, load_pictures
from ganctl.data.idx import IMAGES, find_idx, read_pair
from ganctl.data.image_data import GreyImages, ImageData, fingerprint
from ganctl.data.known import KNOWN
from ganctl.data.transforms import fit_all
from ganctl.errors import BadInput
from ganctl.notify import Notify, ignore
from ganctl.text import nearest, option

DIGITS = "digits"
NAMES = (*KNOWN, DIGITS)
"""Every data set known by name."""


def load_data(
    source: str,
    *,
    data_dir: Path | None = None,
    img_size: int = 28,
    channels: int = 1,
    fallback: bool = True,
    notify: Notify = ignore,
) -> ImageData:
    """Load a whole data set and scale it, once, to (channels, img_size, img_size).

    Args:
        source: a name from `NAMES`; or a folder or .zip of PNG and JPEG files; or a folder with
            the training files of MNIST's format. A name wins over a path of the same spelling.
        data_dir: where known sets are looked for and downloaded to, laid out as torchvision does;
            by default what `default_data_dir` returns.
        img_size: height and width, 1 or more.
        channels: 1 or 3.
        fallback: whether the embedded digits stand in for mnist when it cannot be downloaded.
        notify: called with each line that the user should see.

    Raises:
        BadInput: there is nothing of that name, it cannot be read or downloaded, or the size or
            the channels are out of range.
        CheckFailed: the SHA-256 of a known set's file or of the embedded digits is wrong.
        OutOfResources: the disk is full.
        ModuleNotFoundError: torchvision is needed and not installed.
    """
    if img_size < 1 or channels not in (1, 3):
        raise BadInput(
            f"cannot make images of {channels} × {img_size} × {img_size}",
            "use 1 or 3 channels and a size of 1 or more",
        )

    def scaled(name: str, grey: GreyImages, note: str = "") -> ImageData:
        images = fit_all(grey.images, img_size, channels)
        return finish(name, Pictures(images, grey.labels, grey.class_names), note)

    if source in NAMES:
        return scaled(*load_named(source, data_dir or default_data_dir(), fallback, notify))
    path = Path(source)
    if source and os.path.isdir(path):
        name = path.resolve().name
        if find_idx(path, IMAGES):
            return scaled(name, read_idx_folder(path))
        return finish(name, load_pictures(path, img_size, channels, notify))
    if os.path.isfile(path):
        return finish(path.stem, load_pictures(path, img_size, channels, notify))
    raise unknown(source)


def load_named(
    name: str, data_dir: Path, fallback: bool, notify: Notify
) -> tuple[str, GreyImages, str]:
    """Return what was loaded, its images, and a note if that is not what was asked for."""
    if name == DIGITS:
        return DIGITS, load_digits(), ""
    try:
        return name, load_known(name, data_dir), ""
    except DownloadError as error:
        failure = not_downloaded(name, data_dir, error)
        if name != "mnist" or not fallback:
            raise failure from error
    note = f"{failure.message}: the 10,000 embedded digits instead"
    notify(note)
    return DIGITS, load_digits(), note


def not_downloaded(name: str, data_dir: Path, error: DownloadError) -> BadInput:
    """Return the error for a known set that no mirror has given."""
    folder = KNOWN[name].folder(data_dir)
    hint = f"use {option('data', DIGITS)}, which needs no network, or put the files in {folder}"
    return BadInput(f"{name} could not be downloaded ({error})", hint)


def default_data_dir() -> Path:
    """Return $GANCTL_DATA, or else ganctl's folder in the user's cache directory."""
    if chosen := os.environ.get("GANCTL_DATA"):
        return Path(chosen)
    if sys.platform == "darwin":
        cache = "~/Library/Caches"
    elif sys.platform == "win32":
        cache = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    else:
        cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.path.expanduser(cache)) / "ganctl"


def read_idx_folder(folder: Path) -> GreyImages:
    """Return a folder's training images; its classes are called 0, 1, … by their labels."""
    images, labels = read_pair(folder)
    return GreyImages(images, labels, tuple(str(label) for label in range(labels.max() + 1)))


def finish(name: str, pictures: Pictures, note: str = "") -> ImageData:
    """Add the name, the fingerprint and the note.

    Raises:
        BadInput: a model card could not hold the names.
    """
    images, labels, class_names = pictures
    if len(class_names) > MAX_SIZE:
        raise BadInput(
            f"'{name}' has {len(class_names):,} classes, at most {MAX_SIZE:,} can be told apart",
            "give fewer folders of images",
        )
    for each in (name, *class_names):
        if not is_text(each):
            raise BadInput(
                f"'{each:.100}' cannot be the name of data or of a class: it has control "
                f"characters or more than {MAX_TEXT:,}",
                "rename it",
            )
    return ImageData(name, images, labels, class_names, fingerprint(images, labels), note)


def unknown(source: str) -> BadInput:
    """Return the error for a source that is neither a name nor a path."""
    path = Path(source)
    like = {name: name for name in NAMES} | beside(path)
    near = nearest(path.name, like)
    guess = f"did you mean {like[near]!r}? " if near else ""
    return BadInput(
        f"no data set or path named {source!r}",
        f"{guess}known: {', '.join(NAMES)}; or give a folder, a .zip or a directory of idx files",
    )


def beside(path: Path) -> dict[str, str]:
    """Return the folders and .zip files that lie where ``path`` would: lower case → path."""
    try:
        with os.scandir(path.parent) as entries:
            seen = [each for each in entries if not each.name.startswith(".")]
            names = [each.name for each in seen if each.is_dir() or each.name.endswith(".zip")]
    except (OSError, ValueError):
        return {}
    return {name.lower(): str(path.parent / name) for name in sorted(names)}
