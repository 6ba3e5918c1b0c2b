"""The data sets known by name, from the files in the data directory or from the network.

torchvision says where the files come from and where they go, and unpacks them, so the directory
can be shared with it. The idx files are read here: torchvision checks neither their digests nor
their lengths, wants the test files too, and would bring torch to programs that do not need it.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ganctl.data.download import LIMITS, Limits, fetch
from ganctl.data.idx import REPLACE, find_idx, read_pair
from ganctl.data.image_data import GreyImages
from ganctl.data.known import KNOWN, Known
from ganctl.errors import BadInput, CheckFailed, explain
from ganctl.files import write_error


def load_known(name: str, data_dir: Path) -> GreyImages:
    """Return the training split of a known data set, downloading it if it is not there.

    A file whose SHA-256 is known is read rather than one that cannot be checked, and is checked
    each time. EMNIST's archive is checked when it is downloaded; of what torchvision unpacks from
    it no SHA-256 is known.

    Args:
        name: a key of `KNOWN`.
        data_dir: laid out as torchvision does, such as MNIST/raw/train-images-idx3-ubyte.

    Raises:
        DownloadError: no mirror gave the files.
        BadInput: a file that is there cannot be read, or ``data_dir`` cannot be written.
        CheckFailed: a file that is there has another SHA-256 than is known.
        OutOfResources: the disk is full.
        ModuleNotFoundError: torchvision is needed and not installed.
    """
    known = KNOWN[name]
    if name == "usps":
        return load_usps(known, data_dir)
    folder = known.folder(data_dir)
    if not all(find_idx(folder, file) for file in (known.images, known.labels)):
        download_idx(known, data_dir)
    images, labels = read_pair(folder, known.images, known.labels, known.sha256)
    if name == "emnist-digits":  # stored column by column
        images = images.transpose(0, 2, 1)
    return GreyImages(images, labels, known.class_names)


def load_usps(known: Known, data_dir: Path) -> GreyImages:
    """Return USPS, (7291, 16, 16): one text file, which torchvision parses."""
    from torchvision import datasets

    path = data_dir / known.images
    if not os.path.exists(path):
        fetch_archives(known, datasets.USPS, data_dir)
    if not is_intact(path, known.sha256[path.name]):
        raise CheckFailed(f"{path}: its SHA-256 is wrong", REPLACE)
    usps = datasets.USPS(data_dir, train=True)
    return GreyImages(usps.data, np.array(usps.targets, np.int64), known.class_names)


def download_idx(known: Known, data_dir: Path) -> None:
    """Download a set's archives and let torchvision, which then finds them there, unpack them."""
    from torchvision import datasets

    dataset = getattr(datasets, known.dataset)
    fetch_archives(known, dataset, data_dir)
    try:
        dataset(data_dir, train=True, download=True, **known.options)
    except OSError as error:
        raise write_error(known.folder(data_dir), error) from error


def fetch_archives(known: Known, dataset: Any, data_dir: Path, limits: Limits = LIMITS) -> None:
    """Download each archive that is not there intact; all of them share one connect limit."""
    folder = known.folder(data_dir)
    for file, urls in archives(dataset).items():
        if not is_intact(folder / file, known.sha256[file]):
            left = fetch(urls, folder / file, known.sha256[file], limits)
            limits = replace(limits, connect=left)


def archives(dataset: Any) -> dict[str, list[str]]:
    """Return what a class of torchvision.datasets downloads: file → addresses, best first."""
    if hasattr(dataset, "split_list"):  # USPS
        url, file, _ = dataset.split_list["train"]
        return {file: [url]}
    if hasattr(dataset, "url"):  # EMNIST
        return {PurePosixPath(dataset.url).name: [dataset.url]}
    return {file: [mirror + file for mirror in dataset.mirrors] for file, _ in dataset.resources}


def is_intact(path: Path, sha256: str) -> bool:
    """Tell whether the file is there and has this SHA-256.

    Raises:
        BadInput: it is there and cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while piece := file.read(2**20):
                digest.update(piece)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise BadInput(f"cannot read {path}: {explain(error)}", REPLACE) from error
    return digest.hexdigest() == sha256
