"""Rebuild the shipped statistics of MNIST from its raw files.

    python scripts/rebuild_reference.py RAW_DIRECTORY [OUT]

The result is compared with the file that ships and, if OUT is given, written to it. The last digits
of the features depend on the processor, so values are compared with a tolerance and not byte by
byte: a feature halfway between two rounding steps may be rounded either way.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganctl.checksums import read_shipped
from ganctl.data.digits import load_digits
from ganctl.data.idx import read_pair
from ganctl.errors import CheckFailed, GanctlError
from ganctl.evaluation import classifier as shipped_classifier
from ganctl.evaluation.classifier import Classifier
from ganctl.evaluation.metrics import authenticity, moments
from ganctl.evaluation.reference import FILE, LEVELS, SHA256
from ganctl.files import write_atomic

TEST_FILES = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")

# Rounding steps per standard deviation of the features. With 20, the density of the real images
# falls by 0.003; with 10 it falls by 0.016, and the file is only 0.07 MB smaller.
STEPS = 20

# The largest allowed difference from the shipped values; other values must be equal.
TOLERANCES = {
    "mean": 1e-3,
    "covariance": 1e-2,
    "step": 1e-4,
    "multiples": 1,
    "probabilities": LEVELS // 1000,
    "authenticity": 1e-3,
}


class Shipped(NamedTuple):
    """The arrays of ``mnist.npz``; those of MNIST's test digits are rounded, the rest is exact."""

    judge: NDArray[np.str_]  # the SHA-256 of the classifier
    mean: NDArray[np.float32]  # (128,), of the features of the 60,000 training digits
    covariance: NDArray[np.float32]  # (128, 128)
    step: NDArray[np.float32]  # the features of the test digits are multiples of it
    multiples: NDArray[np.uint8]  # (10000, 128)
    probabilities: NDArray[np.uint16]  # (10000, 10), of the test digits, in units of 1 / LEVELS
    digits: NDArray[np.uint8]  # (10000,), the labels of the test digits
    authenticity: NDArray[np.float64]  # (2,), of the test digits: embedded, all training digits


def load_shipped() -> Shipped:
    """Return the arrays of the shipped file.

    Raises:
        CheckFailed: it is missing or damaged.
    """
    with np.load(io.BytesIO(read_shipped(FILE, SHA256)), allow_pickle=False) as archive:
        return Shipped(*(archive[name] for name in Shipped._fields))


def measure(raw: Path, classifier: Classifier) -> Shipped:
    """Return the statistics of the training and test files in ``raw``.

    Raises:
        BadInput: ``raw`` does not hold the files.
    """
    training = read_pair(raw)[0][:, None]
    test, digits = read_pair(raw, *TEST_FILES)
    test = test[:, None]
    mean, covariance = moments(classifier(training).features)
    features, probabilities = classifier(test)
    step = max(features.std() / STEPS, features.max() / 255)
    return Shipped(
        judge=np.array(shipped_classifier.SHA256),
        mean=mean.astype(np.float32),
        covariance=covariance.astype(np.float32),
        step=np.array(step, np.float32),
        multiples=np.rint(features / step).astype(np.uint8),
        probabilities=np.rint(probabilities * LEVELS).astype(np.uint16),
        digits=digits.astype(np.uint8),
        authenticity=np.array(
            [authenticity(test, known).share for known in (load_digits().images[:, None], training)]
        ),
    )


def pack(shipped: Shipped) -> bytes:
    """Return the .npz file; equal values give equal bytes under the same zlib."""
    content = io.BytesIO()
    np.savez_compressed(content, **shipped._asdict())
    return content.getvalue()


def differences(rebuilt: Shipped, shipped: Shipped) -> list[str]:
    """Return the names of what differs by more than `TOLERANCES`."""
    ours, theirs = rebuilt._asdict(), shipped._asdict()
    return [name for name in ours if not _agree(ours[name], theirs[name], TOLERANCES.get(name))]


def _agree(ours: NDArray[Any], theirs: NDArray[Any], tolerance: float | None) -> bool:
    if tolerance is None or ours.shape != theirs.shape:
        return np.array_equal(ours, theirs)
    return np.allclose(ours.astype(float), theirs.astype(float), rtol=0, atol=tolerance)


def rebuild(raw: Path, out: Path | None) -> None:
    """Compute the statistics of ``raw``, write them to ``out``, and compare them.

    Raises:
        BadInput: ``raw`` does not hold the files, or ``out`` cannot be written.
        CheckFailed: the result differs from the file that ships, or that file is damaged.
    """
    rebuilt = measure(raw, Classifier())
    if out is not None:
        content = pack(rebuilt)
        write_atomic(out, content)
        print(f"wrote {out}: SHA-256 {hashlib.sha256(content).hexdigest()}")
    if different := differences(rebuilt, load_shipped()):
        raise CheckFailed(
            f"the rebuilt {', '.join(different)} differ from the file that ships", f"check {raw}"
        )
    print("equal to the file that ships, except for rounding")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("raw", type=Path, help="directory with MNIST's idx files")
    parser.add_argument("out", type=Path, nargs="?", help="file to write")
    options = parser.parse_args()
    try:
        rebuild(options.raw, options.out)
    except GanctlError as error:
        sys.exit(f"error: {error.message}\nhint: {error.hint}")
