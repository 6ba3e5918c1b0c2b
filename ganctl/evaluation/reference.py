"""The real images that generated ones are measured against.

Statistics of MNIST are shipped as ``mnist.npz``: the moments of the features of its 60,000 training
digits, and the classifier's output for its 10,000 test digits, rounded so that the file is small,
which changes the Fréchet distance of the two by a thousandth. They are made by
``scripts/rebuild_reference.py``. The statistics of other data are computed and cached per data
fingerprint.
"""

from __future__ import annotations

import hashlib
import io
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganctl.checksums import read_shipped
from ganctl.data import ImageData, load_data
from ganctl.data.digits import load_digits
from ganctl.data.registry import DIGITS, default_data_dir, is_downloaded, load_dataset
from ganctl.errors import CheckFailed, GanctlError
from ganctl.evaluation import classifier as shipped
from ganctl.evaluation.classifier import Classifier, Predictions, labels_to_digits, to_input
from ganctl.evaluation.metrics import Doubles, authenticity, caveat, moments
from ganctl.files import make_folder, write_atomic
from ganctl.images import Pixels
from ganctl.latents import Labels

log = logging.getLogger("ganctl")

FILE = Path(__file__).with_name("mnist.npz")
SHA256 = "abcd508b0b9e70e3af6125e5f80c49238edeb79508d790405492140762cb1b2c"
LEVELS = 65535  # how the file stores a probability of 1

MNIST = "mnist"
# The data sets whose statistics are shipped. At 28×28 they have these fingerprints, and data with
# one of these fingerprints has these statistics, whatever its name.
FINGERPRINTS = {
    MNIST: "71d3be42f93ad20da73bb4a9744d0bebdaa6832be56dc010e21940e72c4c8b1e",
    DIGITS: "bbe98594824860641460c76e0bb10fd0632e4d52fd3a44480caa4b4f904641a6",
}

MOST = 10_000  # the most images in the row of real images, and with features in the reference


@dataclass(frozen=True)
class Reference:
    """Real images, classified: those to measure against, and others for the row of real images."""

    name: str  # such as "MNIST, 60,000 training digits"
    mean: Doubles  # (128,), of the features of all images
    covariance: Doubles  # (128, 128)
    features: NDArray[np.float32]  # (M, 128), of up to 10,000 of them
    training: Pixels  # (T, 1, 28, 28), in which originals of copies are searched
    notes: tuple[str, ...]  # what a reader of the metrics must know
    real_name: str  # such as "MNIST test digits"
    real: Predictions  # of real images that are not in the reference
    real_digits: Labels | None  # (N,), which digits they show; None if they are not digits
    real_authenticity: float  # the share of them that copies none of ``training``


class MnistStatistics(NamedTuple):
    """The content of ``mnist.npz``."""

    mean: Doubles  # (128,), of the features of the 60,000 training digits
    covariance: Doubles  # (128, 128)
    test: Predictions  # of the 10,000 test digits
    test_digits: Labels  # (10000,)
    authenticity: Doubles  # (2,), of the test digits: among the embedded and all training digits


def mnist_statistics() -> MnistStatistics:
    """Return the shipped statistics of MNIST.

    Raises:
        CheckFailed: the file is missing, damaged, or was made with another classifier.
    """
    with np.load(io.BytesIO(read_shipped(FILE, SHA256)), allow_pickle=False) as archive:
        stored = dict(archive)
    if str(stored["judge"]) != shipped.SHA256:
        raise CheckFailed(
            f"{FILE} was made with another classifier than {shipped.FILE.name}", "reinstall ganctl"
        )
    probabilities = (stored["probabilities"] / LEVELS).astype(np.float32)
    return MnistStatistics(
        stored["mean"].astype(np.float64),
        stored["covariance"].astype(np.float64),
        Predictions(stored["multiples"] * stored["step"], probabilities),
        stored["digits"].astype(np.int64),
        stored["authenticity"],
    )


def find_reference(
    source: str, image_shape: tuple[int, ...], classifier: Classifier, data_dir: Path | None
) -> Reference:
    """Return the reference for a data set; for mnist and digits nothing is downloaded.

    Args:
        source: the name or path of a data set, as for `load_data`.
        image_shape: (C, H, W) of the generated images. Other data is scaled to it first.
        classifier: classifies the real images.
        data_dir: the folder of data sets and of the cache; None for the default.

    Raises:
        BadInput: as `load_data`, or there are too few images.
        CheckFailed: a shipped file or a data set's file is damaged.
    """
    folder = data_dir or default_data_dir()
    if source in FINGERPRINTS:
        has_files = source == MNIST and is_downloaded(MNIST, folder)
        training = load_dataset(MNIST, folder).images[:, None] if has_files else None
        return mnist_reference(classifier, training)
    channels, height, _ = image_shape
    data = load_data(source, data_dir=data_dir, img_size=height, channels=channels)
    if data.fingerprint in FINGERPRINTS.values():
        return mnist_reference(classifier, data.images)
    return data_reference(data, classifier, folder / "quality")


def mnist_reference(classifier: Classifier, training: Pixels | None) -> Reference:
    """Return the shipped reference.

    Copies are searched in ``training`` (T, 1, 28, 28), all of MNIST's training digits or, also if
    None, the embedded ones.
    """
    mnist = mnist_statistics()
    embedded = load_digits().images[:, None]
    training = embedded if training is None else training
    return Reference(
        name="MNIST, 60,000 training digits",
        mean=mnist.mean,
        covariance=mnist.covariance,
        features=classifier(embedded).features,
        training=training,
        notes=(
            "the Fréchet distance is from all training digits; the kernel distance, precision, "
            f"recall, density and coverage are from {len(embedded):,} of them",
            f"copies are searched in {len(training):,} training digits",
        ),
        real_name="MNIST test digits",
        real=mnist.test,
        real_digits=mnist.test_digits,
        real_authenticity=float(mnist.authenticity[int(len(training) > len(embedded))]),
    )


class Cached(NamedTuple):
    """What is computed of a data set and cached; see `Reference`."""

    held: NDArray[np.int64]  # (N,), the indices of the images in the row of real images
    mean: Doubles
    covariance: Doubles
    features: NDArray[np.float32]
    held_features: NDArray[np.float32]
    held_probabilities: NDArray[np.float32]
    authenticity: Doubles  # (), of the images in the row of real images


def data_reference(data: ImageData, classifier: Classifier, folder: Path) -> Reference:
    """Return the reference of any data set: half of its images, or all but 10,000.

    ``data`` has the size of the generated images, and ``folder`` is the cache.

    Raises:
        BadInput: there are too few images.
    """
    path = folder / f"{data.fingerprint[:16]}-{shipped.SHA256[:16]}.npz"
    found = _read(path)
    if found is None:
        log.info("classifying %s images of %s", f"{len(data.images):,}", data.name)
        found = _compute(to_input(data.images), classifier)
        _write(path, found)
    rest = np.delete(np.arange(len(data.images)), found.held)
    digits = labels_to_digits(data.labels, data.class_names)
    about_real = f"the real row is of training images of {data.name} that are not in the reference"
    return Reference(
        name=f"{data.name}, {len(rest):,} training images",
        mean=found.mean,
        covariance=found.covariance,
        features=found.features,
        training=to_input(data.images[rest]),
        notes=tuple(filter(None, (about_real, caveat(data.class_names)))),
        real_name=f"other images of {data.name}",
        real=Predictions(found.held_features, found.held_probabilities),
        real_digits=None if digits is None else digits[found.held],
        real_authenticity=float(found.authenticity),
    )


def _compute(images: Pixels, classifier: Classifier) -> Cached:
    order = np.random.default_rng(0).permutation(len(images))
    held, rest = np.split(order, [min(len(images) // 2, MOST)])
    features = classifier(images[rest]).features
    mean, covariance = moments(features)
    share = np.array(authenticity(images[held], images[rest]).share)
    return Cached(held, mean, covariance, features[:MOST], *classifier(images[held]), share)


def _read(path: Path) -> Cached | None:
    """Return what is cached; None if there is nothing, or it is damaged or from another ganctl."""
    try:
        data = path.read_bytes()
        if hashlib.sha256(data[:-32]).digest() != data[-32:]:
            return None
        with np.load(io.BytesIO(data[:-32]), allow_pickle=False) as archive:
            return Cached(*(archive[name] for name in Cached._fields))
    except (OSError, KeyError, ValueError):
        return None


def _write(path: Path, computed: Cached) -> None:
    """Cache what was computed. Its SHA-256 follows the archive, where NumPy ignores it."""
    archive = io.BytesIO()
    np.savez(archive, **computed._asdict())
    content = archive.getvalue()
    try:
        make_folder(path.parent)
        write_atomic(path, content + hashlib.sha256(content).digest())
    except GanctlError as error:
        log.warning("%s: the next evaluation will classify the images again", error.message)
