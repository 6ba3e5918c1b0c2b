"""Rebuild the shipped statistics of MNIST from its raw files.

``python -m ganctl.evaluation.rebuild_reference RAW_DIRECTORY [OUT]`` compares the result with the
file that ships and, where OUT is given, writes it. The features differ in their last digits from
one kind of processor to another, so the values are compared, not the bytes: where a feature lies
between two of the steps that it is rounded to, it may take either.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganctl.data.digits import load_digits
from ganctl.data.idx import read_pair
from ganctl.errors import CheckFailed, GanctlError
from ganctl.evaluation import classifier as judges
from ganctl.evaluation.classifier import Judge, load_judge
from ganctl.evaluation.metrics import moments
from ganctl.evaluation.neighbours import authenticity
from ganctl.evaluation.reference import LEVELS, Shipped, load_shipped
from ganctl.files import write_atomic

TEST_FILES = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")

STEPS = 20
"""To a standard deviation of the features: with half as many, the density of the real row falls by
0.016 for 0.07 MB less; with these by 0.003."""

TOLERANCES = {
    "mean": 1e-3,
    "covariance": 1e-2,
    "step": 1e-4,
    "multiples": 1,
    "probabilities": LEVELS // 1000,
    "authenticity": 1e-3,
}
"""How far a value may be from the one that ships; those which are not named must be the same."""


def measure(raw: Path, judge: Judge) -> Shipped:
    """Return the statistics of the training and test files in ``raw``.

    Raises:
        BadInput: ``raw`` does not hold the files.
    """
    training = read_pair(raw)[0][:, None]
    test, digits = read_pair(raw, *TEST_FILES)
    test = test[:, None]
    mean, covariance = moments(judge(training).features)
    features, probabilities = judge(test)
    step = max(features.std() / STEPS, features.max() / 255)
    return Shipped(
        judge=np.array(judges.SHA256),
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="rebuild_reference", description=__doc__)
    parser.add_argument("raw", type=Path, help="directory with MNIST's idx files")
    parser.add_argument("out", type=Path, nargs="?", help="file to write")
    options = parser.parse_args(arguments)
    try:
        rebuild(options.raw, options.out)
    except GanctlError as error:
        print(f"error: {error.message}\nhint: {error.hint}", file=sys.stderr)
        return error.exit_code
    print("the same as the file that ships, but for rounding")
    return 0


def rebuild(raw: Path, out: Path | None) -> None:
    """Compute the statistics of ``raw``, write them to ``out`` if given, and compare them.

    Raises:
        BadInput: ``raw`` does not hold the files, or ``out`` cannot be written.
        CheckFailed: the result differs from the file that ships, or that file is damaged.
    """
    rebuilt = measure(raw, load_judge())
    if out is not None:
        content = pack(rebuilt)
        write_atomic(out, content)
        print(f"wrote {out}: SHA-256 {hashlib.sha256(content).hexdigest()}")
    if different := differences(rebuilt, load_shipped()):
        raise CheckFailed(
            f"the rebuilt {', '.join(different)} differ from the file that ships", f"check {raw}"
        )


if __name__ == "__main__":
    sys.exit(main())
