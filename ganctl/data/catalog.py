"""The data sets known by name, from the files in the data directory or from the network.

torchvision says where the files come from and where they go, so the directory can be shared with
it. They are unpacked and read here: torchvision unpacks under the final name, where another process
would read a part, checks neither digests nor lengths, and would bring torch to programs that do not
need it.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np

from ganctl.data.download import LIMITS, Limits, Report, fetch
from ganctl.data.idx import REPLACE, find_idx, read_pair
from ganctl.data.image_data import GreyImages
from ganctl.data.known import KNOWN, Known
from ganctl.errors import BadInput, CheckFailed, explain
from ganctl.files import atomic_file
from ganctl.notify import ignore


def load_known(name: str, data_dir: Path, report: Report = ignore) -> GreyImages:
    """Return the training split of a known data set, downloading it if it is not there.

    A file whose SHA-256 is known is read rather than one that cannot be checked, and is checked
    each time. EMNIST's archive is checked when it is downloaded; of what is unpacked from it no
    SHA-256 is known.

    Args:
        name: a key of `KNOWN`.
        data_dir: laid out as torchvision does, such as MNIST/raw/train-images-idx3-ubyte.
        report: told of the download.

    Raises:
        DownloadError: no mirror gave the files.
        BadInput: a file that is there cannot be read or is damaged, or ``data_dir`` cannot be
            written.
        CheckFailed: a file that is there has another SHA-256 than is known.
        OutOfResources: the disk is full.
        ModuleNotFoundError: torchvision is needed and not installed.
    """
    known = KNOWN[name]
    if name == "usps":
        return load_usps(known, data_dir, report)
    folder = known.folder(data_dir)
    if not is_there(known, data_dir):
        download_idx(known, data_dir, report)
    classes = len(known.class_names)
    images, labels = read_pair(folder, known.images, known.labels, known.sha256, classes)
    if name == "emnist-digits":  # stored column by column
        images = images.transpose(0, 2, 1)
    return GreyImages(images, labels, known.class_names)


def is_there(known: Known, data_dir: Path) -> bool:
    """Tell whether the files of the training split are there, intact or not."""
    folder = known.folder(data_dir)
    if known.dataset == "USPS":
        return os.path.exists(folder / known.images)
    return all(find_idx(folder, file) for file in (known.images, known.labels))


def load_usps(known: Known, data_dir: Path, report: Report) -> GreyImages:
    """Return USPS, (7291, 16, 16): one text file, which torchvision parses."""
    from torchvision import datasets

    path = data_dir / known.images
    if not is_there(known, data_dir):
        fetch_archives(known, datasets.USPS, data_dir, report=report)
    if not is_intact(path, known.sha256[path.name]):
        raise CheckFailed(f"{path}: its SHA-256 is wrong", REPLACE)
    usps = datasets.USPS(data_dir, train=True)
    return GreyImages(usps.data, np.array(usps.targets, np.int64), known.class_names)


def download_idx(known: Known, data_dir: Path, report: Report) -> None:
    """Download a set's archives and unpack them where torchvision looks for the files."""
    from torchvision import datasets

    dataset = getattr(datasets, known.dataset)
    fetch_archives(known, dataset, data_dir, report=report)
    folder = known.folder(data_dir)
    for archive in archives(dataset):
        if archive.endswith(".zip"):
            with zipfile.ZipFile(folder / archive) as members:
                for name in (known.images, known.labels):
                    with members.open(f"gzip/{name}.gz") as packed:
                        unpack(packed, folder / name)
        else:
            with open(folder / archive, "rb") as packed:
                unpack(packed, folder / archive.removesuffix(".gz"))


def unpack(packed: IO[bytes], path: Path) -> None:
    """Write what the gzip data holds to ``path``, where others see all of it or nothing."""
    with gzip.open(packed) as content, atomic_file(path) as file:
        shutil.copyfileobj(content, file)


def fetch_archives(
    known: Known,
    dataset: Any,
    data_dir: Path,
    limits: Limits = LIMITS,
    report: Report = ignore,
) -> None:
    """Download each archive that is not there intact; all of them share one connect limit."""
    folder = known.folder(data_dir)
    for file, urls in archives(dataset).items():
        if not is_intact(folder / file, known.sha256[file]):
            left = fetch(urls, folder / file, known.sha256[file], limits, report)
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
    if os.path.exists(path) and not os.path.isfile(path):  # a FIFO would be waited for
        raise BadInput(f"cannot read {path}: it is not a file", REPLACE)
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
