"""Load a data set, by name or path, at the size that it is used at."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from ganctl.data.decode import fit_all
from ganctl.data.folder import load_pictures
from ganctl.data.idx import IMAGES, find_idx, read_pair
from ganctl.data.image_data import GreyImages, ImageData, fingerprint
from ganctl.data.registry import DIGITS, NAMES, NotDownloaded, default_data_dir, load_dataset
from ganctl.errors import BadInput, InvalidOption
from ganctl.files import near_file
from ganctl.model_card import MAX_SIZE, MAX_TEXT, is_text
from ganctl.text import did_you_mean

log = logging.getLogger("ganctl")


def load_data(
    source: str,
    *,
    data_dir: Path | None = None,
    img_size: int = 28,
    channels: int = 1,
    fallback: bool = True,
) -> ImageData:
    """Load a whole data set and scale it to (channels, img_size, img_size).

    Args:
        source: a name from `ganctl.data.registry.NAMES`, a folder or .zip of PNG and JPEG files,
            or a folder with MNIST's training files. A name wins over a path of the same spelling.
        data_dir: where named sets are looked for and downloaded to; laid out as by torchvision.
            The default is `ganctl.data.registry.default_data_dir`.
        img_size: height and width, 1 or more.
        channels: 1 or 3.
        fallback: use the embedded digits, with a warning, if mnist cannot be downloaded.

    Raises:
        BadInput: there is no such data set, or it cannot be read or downloaded.
        InvalidOption: the size or the number of channels is out of range.
        CheckFailed: a file of a named data set does not have its known SHA-256.
        OutOfResources: the disk is full.
    """
    if img_size < 1:
        raise InvalidOption("img_size", img_size, "1 or more")
    if channels not in (1, 3):
        raise InvalidOption("channels", channels, "1 or 3")
    note = ""
    try:
        grey = load_grey(source, data_dir)
    except NotDownloaded as error:
        if source != "mnist" or not fallback:
            raise
        note = f"{error.message}: using the 10,000 embedded digits instead"
        log.warning("%s", note)
        source, grey = DIGITS, load_grey(DIGITS)
    if grey is None:
        images, labels, class_names = load_pictures(Path(source), img_size, channels)
    else:
        images = fit_all(grey.images, img_size, channels)
        labels, class_names = grey.labels, grey.class_names
    name = data_name(source)
    _check_names(name, class_names)
    return ImageData(name, images, labels, class_names, fingerprint(images, labels), note)


def load_grey(
    source: str, data_dir: Path | None = None, download: bool = True
) -> GreyImages | None:
    """Return a named data set or a folder of idx files; None if it holds pictures.

    The classes of idx files are called 0, 1, … by their labels. Arguments and errors are those of
    `load_data`; ``download=False`` raises BadInput if a named data set is missing.
    """
    if source in NAMES:
        return load_dataset(source, data_dir or default_data_dir(), download=download)
    path = Path(source)
    if not source or not (os.path.isdir(path) or os.path.isfile(path)):
        guess = did_you_mean(path.name, NAMES) or near_file(path)
        hint = f"known: {', '.join(NAMES)}; or give a folder, a .zip or a folder of idx files"
        raise BadInput(f"no data set or path named {source!r}{guess}", hint)
    if not find_idx(path, IMAGES):
        return None
    images, labels = read_pair(path)
    return GreyImages(images, labels, tuple(map(str, range(labels.max() + 1))))


def data_name(source: str) -> str:
    """Return what a data set is called: its known name, or the base name of its path."""
    path = Path(source)
    if source in NAMES:
        return source
    return path.resolve().name if os.path.isdir(path) else path.stem


def _check_names(name: str, class_names: tuple[str, ...]) -> None:
    """Raise BadInput if a model card could not hold the names."""
    if len(class_names) > MAX_SIZE:
        raise BadInput(
            f"'{name}' has {len(class_names):,} classes, more than {MAX_SIZE:,}",
            "give fewer folders of images",
        )
    for each in (name, *class_names):
        if not is_text(each):
            raise BadInput(
                f"'{each:.100}' cannot be the name of data or of a class: it has control "
                f"characters or more than {MAX_TEXT:,} characters",
                "rename it",
            )
