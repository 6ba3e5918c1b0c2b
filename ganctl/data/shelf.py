"""The known data sets that are there, and the way to those that are not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ganctl.data.catalog import is_there, load_known
from ganctl.data.digits import COUNT, FILE, SIDE
from ganctl.data.download import DownloadError, Report
from ganctl.data.known import KNOWN, Known
from ganctl.data.load import DIGITS, not_downloaded
from ganctl.errors import BadInput
from ganctl.notify import ignore
from ganctl.text import nearest


@dataclass(frozen=True)
class Shelved:
    """A known data set's training split, there or not."""

    name: str
    images: int
    side: int
    """Height and width in pixels."""
    what: str
    """What the images show."""
    path: str
    """Where its files lie or would lie."""
    here: bool
    size: int
    """Bytes of its files on the disk, archives included; 0 where it is not there."""
    download: int
    """Bytes of its archives, roughly; 0 where there is nothing to download."""
    source: str
    """Whose it is, and under which licence where one is stated."""


def shelf(data_dir: Path) -> list[Shelved]:
    """Return every data set known by name; what is there is not opened."""
    return [*(_shelved(name, KNOWN[name], data_dir) for name in KNOWN), _digits()]


def _shelved(name: str, known: Known, data_dir: Path) -> Shelved:
    path = known.folder(data_dir)
    if known.dataset == "USPS":
        path = path / known.images
    here = is_there(known, data_dir)
    files = [path, *path.iterdir()] if path.is_dir() else [path]
    size = sum(file.stat().st_size for file in files if file.is_file()) if here else 0
    return Shelved(
        *(name, known.count, known.side, known.what, str(path), here, size),
        *(known.download, known.source),
    )


def _digits() -> Shelved:
    mnist = KNOWN["mnist"]
    what = "MNIST's, 1,000 of each, inside ganctl"
    return Shelved(
        *(DIGITS, COUNT, SIDE, what, str(FILE), True, FILE.stat().st_size), 0, mnist.source
    )


def fetch_known(name: str, data_dir: Path, report: Report = ignore) -> bool:
    """See that a known data set is there and intact; return whether it had to be downloaded.

    Args:
        name: a key of `KNOWN`.
        data_dir: as for `ganctl.data.load_data`.
        report: told of the download.

    Raises:
        BadInput: it could not be downloaded, or is damaged, or ``data_dir`` cannot be written.
        CheckFailed: a file that is there has another SHA-256 than is known.
        OutOfResources: the disk is full.
        ModuleNotFoundError: torchvision is needed and not installed.
    """
    missing = not is_there(KNOWN[name], data_dir)
    try:
        load_known(name, data_dir, report)
    except DownloadError as error:
        raise not_downloaded(name, data_dir, error) from error
    return missing


def check_fetchable(name: str) -> None:
    """Refuse what cannot be downloaded.

    Raises:
        BadInput: no known data set has this name, or it is the embedded digits.
    """
    if name == DIGITS:
        raise BadInput(f"{DIGITS} is inside ganctl: nothing to download", "leave it out")
    if name not in KNOWN:
        near = nearest(name, KNOWN)
        guess = f"did you mean {near!r}? " if near else ""
        raise BadInput(f"no data set named {name!r}", f"{guess}known: {', '.join(KNOWN)}")
