"""What real images look like to the judge: shipped for MNIST, computed and cached for other data.

``mnist.npz`` holds the mean and the covariance of the features of MNIST's 60,000 training digits,
and what the judge makes of its 10,000 test digits, rounded so that the file is small: the Fréchet
distance of the two changes by a thousandth. `ganctl.evaluation.rebuild_reference` makes it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganctl.data import ImageData, load_data
from ganctl.data.catalog import load_known
from ganctl.data.digits import load_digits
from ganctl.data.idx import find_idx
from ganctl.data.known import KNOWN
from ganctl.data.load import DIGITS, default_data_dir
from ganctl.errors import CheckFailed, GanctlError
from ganctl.evaluation import classifier as judges
from ganctl.evaluation.classifier import CLASSES, FEATURES, Judge, Looks, as_digits, digits_of
from ganctl.evaluation.explain import doubt
from ganctl.evaluation.metrics import moments
from ganctl.evaluation.neighbours import authenticity
from ganctl.files import make_folder, write_atomic
from ganctl.images import Pixels
from ganctl.latents import Labels
from ganctl.shipped import read_shipped

Doubles = NDArray[np.float64]

FILE = Path(__file__).with_name("mnist.npz")
SHA256 = "abcd508b0b9e70e3af6125e5f80c49238edeb79508d790405492140762cb1b2c"

MNIST = "mnist"
FINGERPRINTS = {
    MNIST: "71d3be42f93ad20da73bb4a9744d0bebdaa6832be56dc010e21940e72c4c8b1e",
    DIGITS: "bbe98594824860641460c76e0bb10fd0632e4d52fd3a44480caa4b4f904641a6",
}
"""The data whose statistics ship, by its names; at 28×28 it has these, whatever it is called."""

MOST = 10_000
"""So many real images make the real row, and so many others the reference's single points."""

DIGEST = 32
"""Bytes of the SHA-256 at the end of what is kept."""

LEVELS = 65535
"""What a shipped probability of 1 is written as."""


@dataclass(frozen=True)
class Held:
    """Real images that are not in the reference: the row beside the samples'."""

    name: str  # such as "MNIST test digits"
    looks: Looks
    digits: Labels | None  # (N,), which they are; None where they are no digits
    authenticity: float  # as measured against the reference's training images


@dataclass(frozen=True)
class Reference:
    """Real images that samples are measured against, as the judge sees them."""

    name: str  # such as "MNIST, 60,000 training digits"
    mean: Doubles  # (128,), of the features of all of them
    covariance: Doubles  # (128, 128)
    features: NDArray[np.float32]  # (M, 128), of up to 10,000 of them
    training: Pixels  # (T, 1, 28, 28), among which copies are sought
    held: Held
    notes: tuple[str, ...]  # what the reader of the figures must know


class Shipped(NamedTuple):
    """What `FILE` holds; MNIST's test digits are evenly rounded, the rest is exact."""

    judge: NDArray[np.str_]
    """The SHA-256 of the judge that the features are of."""
    mean: NDArray[np.float32]
    """(128,), of the features of the 60,000 training digits."""
    covariance: NDArray[np.float32]
    """(128, 128)."""
    step: NDArray[np.float32]
    """What the test digits' features are multiples of."""
    multiples: NDArray[np.uint8]
    """(10000, 128)."""
    probabilities: NDArray[np.uint16]
    """(10000, 10), of the test digits, in units of 1 / `LEVELS`."""
    digits: NDArray[np.uint8]
    """(10000,), which the test digits are."""
    authenticity: Doubles
    """(2,), of the test digits against the embedded digits and against all training digits."""

    @property
    def looks(self) -> Looks:
        """What the judge makes of the test digits."""
        features = self.multiples * self.step
        return Looks(features, (self.probabilities / LEVELS).astype(np.float32))


def load_shipped() -> Shipped:
    """Return the statistics of MNIST that ship.

    Raises:
        CheckFailed: the file is missing, is not the one that was shipped, or is of another judge.
    """
    data = read_shipped(FILE, SHA256)
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        shipped = Shipped(*(archive[name] for name in Shipped._fields))
    if str(shipped.judge) != judges.SHA256:
        raise CheckFailed(
            f"{FILE} was made with another judge than {judges.FILE.name}",
            "install ganctl anew, or run python -m ganctl.evaluation.rebuild_reference",
        )
    return shipped


def find_reference(
    source: str,
    image_shape: tuple[int, ...],
    judge: Judge,
    data_dir: Path | None,
    notify: Callable[[str], None],
) -> Reference:
    """Return the reference for what `load_data` calls ``source``.

    For mnist and digits it is the shipped one, and nothing is downloaded.

    Args:
        source: a data set's name or path.
        image_shape: (C, H, W) of the samples: other data is scaled to it before the judge's look.
        judge: looks at the real images.
        data_dir: where data sets lie and what is computed is kept; None for the default.
        notify: called with each line that the user should see.

    Raises:
        BadInput: as `load_data`, or there are too few images.
        CheckFailed: a file that ships or a data set's file is damaged.
    """
    place = data_dir or default_data_dir()
    if source in FINGERPRINTS:
        return mnist_reference(judge, _training_digits(source, place))
    channels, height, _ = image_shape
    data = load_data(source, data_dir=data_dir, img_size=height, channels=channels, notify=notify)
    if data.fingerprint in FINGERPRINTS.values():
        return mnist_reference(judge, data.images)
    return data_reference(data, judge, place / "quality", notify)


def _training_digits(source: str, place: Path) -> Pixels | None:
    """Return MNIST's training digits where they are wanted and there; nothing is downloaded."""
    known = KNOWN[MNIST]
    there = all(find_idx(known.folder(place), file) for file in (known.images, known.labels))
    return load_known(MNIST, place).images[:, None] if source == MNIST and there else None


def mnist_reference(judge: Judge, training: Pixels | None) -> Reference:
    """Return the shipped reference.

    Args:
        judge: looks at the embedded digits, the reference's single points.
        training: (T, 1, 28, 28), the digits among which copies are sought, all of MNIST's or those
            embedded; None for the latter.

    Raises:
        CheckFailed: a file that ships is damaged.
    """
    shipped = load_shipped()
    embedded = load_digits().images[:, None]
    sought = embedded if training is None else training
    return Reference(
        name="MNIST, 60,000 training digits",
        mean=shipped.mean.astype(np.float64),
        covariance=shipped.covariance.astype(np.float64),
        features=judge(embedded).features,
        training=sought,
        held=Held(
            "MNIST test digits",
            shipped.looks,
            shipped.digits.astype(np.int64),
            float(shipped.authenticity[int(len(sought) > len(embedded))]),
        ),
        notes=(
            f"the Fréchet distance is from all training digits, the kernel distance, precision, "
            f"recall, density and coverage from {len(embedded):,} of them",
            f"copies are sought among {len(sought):,} training digits",
        ),
    )


class Measured(NamedTuple):
    """What is computed of a data set, and kept; see `Reference`."""

    held: NDArray[np.int64]
    """(H,), the indices of the images that make the real row."""
    mean: Doubles
    covariance: Doubles
    features: NDArray[np.float32]
    held_features: NDArray[np.float32]
    held_probabilities: NDArray[np.float32]
    authenticity: Doubles
    """(), of the held images."""


def data_reference(
    data: ImageData, judge: Judge, folder: Path, notify: Callable[[str], None]
) -> Reference:
    """Return the reference of any data set: half of its images, or all but 10,000.

    Args:
        data: at the samples' size.
        judge: looks at them.
        folder: where what is computed is kept; nothing else depends on it.
        notify: called where it takes a while, or cannot be kept.

    Raises:
        BadInput: there are too few images.
    """
    path = folder / f"{data.fingerprint[:16]}-{judges.SHA256[:16]}.npz"
    measured = _read(path, len(data.images))
    if measured is None:
        notify(f"looking at {len(data.images):,} images of {data.name}")
        measured = _measure(as_digits(data.images), judge)
        _write(path, measured, notify)
    rest = np.delete(np.arange(len(data.images)), measured.held)
    digits = digits_of(data.labels, data.class_names)
    notes = [f"the real row is of training images of {data.name} that are not in the reference"]
    if doubtful := doubt(data.class_names):
        notes.append(doubtful)
    return Reference(
        name=f"{data.name}, {len(rest):,} training images",
        mean=measured.mean,
        covariance=measured.covariance,
        features=measured.features,
        training=as_digits(data.images[rest]),
        held=Held(
            f"other images of {data.name}",
            Looks(measured.held_features, measured.held_probabilities),
            None if digits is None else digits[measured.held],
            float(measured.authenticity),
        ),
        notes=tuple(notes),
    )


def _measure(images: Pixels, judge: Judge) -> Measured:
    order = np.random.default_rng(0).permutation(len(images))
    held, rest = np.split(order, [min(len(images) // 2, MOST)])
    features = judge(images[rest]).features
    return Measured(
        held,
        *moments(features),
        features[:MOST],
        *judge(images[held]),
        np.array(authenticity(images[held], images[rest]).share),
    )


def _read(path: Path, count: int) -> Measured | None:
    """Return what is kept of ``count`` images; None where there is nothing, or nothing whole."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    content, digest = data[:-DIGEST], data[-DIGEST:]
    if hashlib.sha256(content).digest() != digest:
        return None
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            measured = Measured(*(archive[name] for name in Measured._fields))
    except (KeyError, ValueError):  # another ganctl wrote it
        return None
    held = min(count // 2, MOST)
    shapes = [(held,), (FEATURES,), (FEATURES, FEATURES), (min(count - held, MOST), FEATURES)]
    shapes += [(held, FEATURES), (held, CLASSES), ()]
    return measured if [array.shape for array in measured] == shapes else None


def _write(path: Path, measured: Measured, notify: Callable[[str], None]) -> None:
    """Keep what was computed, if that can be done.

    The SHA-256 stands behind the archive, where other readers pass over it.
    """
    archive = io.BytesIO()
    np.savez(archive, **measured._asdict())
    content = archive.getvalue()
    try:
        make_folder(path.parent)
        write_atomic(path, content + hashlib.sha256(content).digest())
    except GanctlError as error:
        notify(f"{error.message}: the next evaluation will look at the images again")
