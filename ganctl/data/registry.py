"""Data sets known by name: where they come from, whether they are downloaded, how they are read.

Files lie where torchvision keeps them, so that a data directory can be shared with it, and come
from the same mirrors. Every archive is checked against its SHA-256.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import os
import re
import shutil
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from ganctl.data import digits
from ganctl.data.download import CONNECT_SECONDS, DownloadError, Progress, fetch
from ganctl.data.idx import IMAGES, LABELS, REPLACE, find_idx, read_checked, read_pair
from ganctl.data.image_data import DIGIT_NAMES, GreyImages
from ganctl.errors import BadInput, explain
from ganctl.files import atomic_file
from ganctl.text import did_you_mean, option

DIGITS = "digits"  # name of the embedded digits


@dataclass(frozen=True)
class DataSet:
    """The training split of a data set."""

    folder: str  # under the data directory
    mirrors: tuple[str, ...]  # addresses of the archives without their names, best first
    sha256: Mapping[str, str]  # of archives, and of unpacked files where known, in hexadecimal
    what: str
    source: str  # authors, and the licence if one is stated
    download: int = 0  # bytes of the archives, approximate
    class_names: tuple[str, ...] = DIGIT_NAMES
    images: str = IMAGES  # file with the images
    labels: str = LABELS  # file with the labels
    count: int = 60_000
    side: int = 28  # height and width in pixels

    @property
    def archives(self) -> list[str]:
        """The names of the files that are downloaded."""
        return [name for name in self.sha256 if name.endswith((".gz", ".zip", ".bz2"))]


def _checksums(lines: str) -> dict[str, str]:
    """Return name → SHA-256 from lines as sha256sum prints them."""
    return {name: sha256 for sha256, name in map(str.split, lines.strip().splitlines())}


DATASETS = {
    "mnist": DataSet(
        folder="MNIST/raw",
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "http://yann.lecun.com/exdb/mnist/",
        ),
        sha256=_checksums("""
        ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db  train-images-idx3-ubyte
        65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5  train-labels-idx1-ubyte
        440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609  train-images-idx3-ubyte.gz
        3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c  train-labels-idx1-ubyte.gz
        8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6  t10k-images-idx3-ubyte.gz
        f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6  t10k-labels-idx1-ubyte.gz
        """),
        what="handwritten digits",
        source="LeCun, Cortes and Burges; CC BY-SA 3.0",
        download=11_600_000,
    ),
    "fashion-mnist": DataSet(
        folder="FashionMNIST/raw",
        mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        sha256=_checksums("""
        3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84  train-images-idx3-ubyte.gz
        a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845  train-labels-idx1-ubyte.gz
        346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073  t10k-images-idx3-ubyte.gz
        67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5  t10k-labels-idx1-ubyte.gz
        """),
        what="garments",
        source="Zalando Research; MIT",
        download=30_900_000,
        class_names=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
    ),
    "kmnist": DataSet(
        folder="KMNIST/raw",
        mirrors=("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
        sha256=_checksums("""
        51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4  train-images-idx3-ubyte.gz
        e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17  train-labels-idx1-ubyte.gz
        edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5  t10k-images-idx3-ubyte.gz
        20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c  t10k-labels-idx1-ubyte.gz
        """),
        what="kuzushiji, cursive Japanese",
        source="CODH, after NIJL's Kuzushiji data; CC BY-SA 4.0",
        download=21_200_000,
        class_names=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    ),
    "emnist-digits": DataSet(
        folder="EMNIST/raw",
        mirrors=("https://biometrics.nist.gov/cs_links/EMNIST/",),
        sha256=_checksums("""
        fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e  gzip.zip
        """),
        what="handwritten digits",
        source="Cohen et al. 2017, from NIST's Special Database 19",
        download=562_000_000,
        images="emnist-digits-train-images-idx3-ubyte",
        labels="emnist-digits-train-labels-idx1-ubyte",
        count=240_000,
    ),
    "usps": DataSet(
        folder="",
        mirrors=("https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/",),
        sha256=_checksums("""
        3771e9dd6ba685185f89867b6e249233dd74652389f263963b3b741e994b034f  usps.bz2
        """),
        what="digits from envelopes",
        source="Hull 1994, by way of LIBSVM",
        download=6_600_000,
        images="usps.bz2",
        labels="usps.bz2",
        count=7_291,
        side=16,
    ),
    DIGITS: DataSet(
        folder=str(digits.FILE.parent),
        mirrors=(),
        sha256={digits.FILE.name: digits.SHA256},
        what="1,000 of each digit of MNIST, part of ganctl",
        source="LeCun, Cortes and Burges; CC BY-SA 3.0",
        images=digits.FILE.name,
        labels=digits.FILE.name,
        count=digits.COUNT,
    ),
}
NAMES = tuple(DATASETS)
DOWNLOADABLE = tuple(name for name in NAMES if name != DIGITS)


class NotDownloaded(BadInput):
    """No mirror served a data set."""


def default_data_dir() -> Path:
    """Return $GANCTL_DATA, or ganctl's folder in the user's cache directory."""
    if chosen := os.environ.get("GANCTL_DATA"):
        return Path(chosen)
    if sys.platform == "darwin":
        cache = "~/Library/Caches"
    elif sys.platform == "win32":
        cache = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    else:
        cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.path.expanduser(cache)) / "ganctl"


def find_dataset(name: str, data_dir: Path) -> tuple[Path, int]:
    """Return the folder or file of a data set, and the bytes on the disk; 0 if it is not there."""
    dataset = DATASETS[name]
    folder = data_dir / dataset.folder
    path = folder / dataset.images if dataset.images == dataset.labels else folder
    if not is_downloaded(name, data_dir):
        return path, 0
    files = path.iterdir() if path.is_dir() else [path]
    return path, sum(file.stat().st_size for file in files if file.is_file())


def is_downloaded(name: str, data_dir: Path) -> bool:
    """Tell whether the files of a data set exist. They may be damaged."""
    dataset = DATASETS[name]
    folder = data_dir / dataset.folder
    return all(find_idx(folder, file) for file in (dataset.images, dataset.labels))


def check_downloadable(name: str) -> None:
    """Raise BadInput unless ``name`` is a data set that can be downloaded."""
    if name == DIGITS:
        raise BadInput(f"{DIGITS} is part of ganctl, nothing to download", "leave it out")
    if name not in DATASETS:
        guess = did_you_mean(name, DOWNLOADABLE)
        raise BadInput(f"no data set named {name!r}{guess}", f"known: {', '.join(DOWNLOADABLE)}")


def load_dataset(
    name: str, data_dir: Path, progress: Progress | None = None, download: bool = True
) -> GreyImages:
    """Return the training split of a data set; download it if it is missing and ``download``.

    A file with a known checksum is preferred to one without, and is checked each time. The archive
    of emnist-digits is checked, its unpacked files are not. ``data_dir`` is laid out like
    torchvision's root, such as MNIST/raw/train-images-idx3-ubyte.

    Raises:
        NotDownloaded: no mirror served the files.
        BadInput: a file is missing, unreadable or damaged, or ``data_dir`` cannot be written.
        CheckFailed: a file does not have its known SHA-256.
        OutOfResources: the disk is full.
    """
    if name == DIGITS:
        return digits.load_digits()
    dataset = DATASETS[name]
    folder = data_dir / dataset.folder
    if not is_downloaded(name, data_dir):
        if not download:
            embedded = f"or train on {option('data', DIGITS)}, which needs no network"
            raise BadInput(f"{name} is not in {folder}", f"ganctl data fetch {name}; {embedded}")
        _download(name, dataset, folder, progress)
    if name == "usps":
        return _read_usps(folder / dataset.images, dataset)
    classes = len(dataset.class_names)
    images, labels = read_pair(folder, dataset.images, dataset.labels, dataset.sha256, classes)
    if name == "emnist-digits":  # stored column by column
        images = images.transpose(0, 2, 1)
    return GreyImages(images, labels, dataset.class_names)


def _read_usps(path: Path, dataset: DataSet) -> GreyImages:
    """Read LIBSVM's text: each line has the digit plus 1, then 256 pairs N:value in [-1, 1]."""
    text = bz2.decompress(read_checked(path, dataset.sha256[path.name])).decode()
    table = np.array(re.sub(r"\b\d+:", "", text).split(), np.float32).reshape(-1, 257)
    images = ((table[:, 1:] + 1) / 2 * 255).astype(np.uint8).reshape(-1, 16, 16)
    return GreyImages(images, table[:, 0].astype(np.int64) - 1, dataset.class_names)


def _download(name: str, dataset: DataSet, folder: Path, progress: Progress | None) -> None:
    """Download the archives that are missing or damaged, and unpack all."""
    seconds = CONNECT_SECONDS
    try:
        for file, sha256 in ((file, dataset.sha256[file]) for file in dataset.archives):
            if not _is_intact(folder / file, sha256):
                urls = [mirror + file for mirror in dataset.mirrors]
                seconds = fetch(urls, folder / file, sha256, seconds, progress)
    except DownloadError as error:
        hint = f"use {option('data', DIGITS)}, which needs no network, or put the files in {folder}"
        raise NotDownloaded(f"{name} could not be downloaded ({error})", hint) from error
    for file in dataset.archives:
        if file.endswith(".zip"):
            with zipfile.ZipFile(folder / file) as archive:
                for unpacked in (dataset.images, dataset.labels):
                    with archive.open(f"gzip/{unpacked}.gz") as packed:
                        _gunzip(packed, folder / unpacked)
        elif file.endswith(".gz"):
            with open(folder / file, "rb") as packed:
                _gunzip(packed, folder / file.removesuffix(".gz"))


def _gunzip(packed: IO[bytes], path: Path) -> None:
    """Unpack gzip data to ``path``, where other processes see all of it or nothing."""
    with gzip.open(packed) as content, atomic_file(path) as file:
        shutil.copyfileobj(content, file)


def _is_intact(path: Path, sha256: str) -> bool:
    """Tell whether the file exists and has this SHA-256; BadInput if it is unreadable."""
    if os.path.exists(path) and not os.path.isfile(path):  # reading a FIFO would wait
        raise BadInput(f"cannot read {path}: it is not a file", REPLACE)
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while chunk := file.read(2**20):
                digest.update(chunk)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise BadInput(f"cannot read {path}: {explain(error)}", REPLACE) from error
    return digest.hexdigest() == sha256
