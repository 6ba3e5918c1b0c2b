"""Samples against real images: all the figures, and what is to be looked at."""

from __future__ import annotations

import numpy as np

from ganctl.data.image_data import DIGIT_NAMES
from ganctl.evaluation.classifier import SIDE, Judge, Looks, as_digits
from ganctl.evaluation.figures import Evaluation, Figures, Pair
from ganctl.evaluation.metrics import (
    class_shares,
    distance_from_uniform,
    frechet_distance,
    inception_score,
    kernel_distance,
    manifold_figures,
    moments,
)
from ganctl.evaluation.neighbours import authenticity
from ganctl.evaluation.reference import Reference
from ganctl.evaluation.samples import Samples, spread
from ganctl.latents import Labels
from ganctl.notify import Notify, ignore

SHOWN = 64
"""Samples that an evaluation keeps to be looked at."""

PAIRS = 8
"""Suspicious samples that it keeps."""

ROUGH = 1000
"""Figures of fewer images say little: most of them depend on how many there are."""


def evaluate(
    samples: Samples,
    reference: Reference,
    judge: Judge,
    report: Notify = ignore,
) -> Evaluation:
    """Return the figures of samples beside those of as many real images, where there are as many.

    Args:
        samples: any number of them, of any shape.
        reference: what both are measured against.
        judge: looks at the samples.
        report: called with what is done next.

    Raises:
        BadInput: there are too few samples for the figures.
    """
    report("looking at the samples")
    digits = as_digits(samples.images)
    looks = judge(digits)
    report("seeking copies")
    copies = authenticity(digits, reference.training)
    report("measuring the samples")
    figures = measure(looks, samples.asked, copies.share, reference)
    report("measuring real images")
    held = reference.held
    chosen = spread(len(held.looks.features), len(digits))
    known = held.digits if samples.asked is not None else None
    real = measure(
        Looks(held.looks.features[chosen], held.looks.probabilities[chosen]),
        None if known is None else known[chosen],
        held.authenticity,
        reference,
    )
    return Evaluation(
        target=samples.name,
        reference=reference.name,
        figures=figures,
        real=real,
        real_name=f"{real.samples:,} {held.name}",
        images=samples.images[:SHOWN],
        labels=looks.probabilities[:SHOWN].argmax(axis=1),
        pairs=tuple(
            Pair(
                int(index),
                digits[index],
                reference.training[copies.index[index]],
                float(copies.ratio[index]),
            )
            for index in np.argsort(copies.ratio, kind="stable")[:PAIRS]
        ),
        notes=(*samples.notes, *_notes(samples, real), *reference.notes),
        class_names=DIGIT_NAMES,
    )


def measure(looks: Looks, asked: Labels | None, authentic: float, reference: Reference) -> Figures:
    """Return one row of figures.

    Args:
        looks: what the judge makes of the images.
        asked: (N,), the digit that each should be; None where that is not known.
        authentic: the share of them that copies no training image.
        reference: what they are measured against.

    Raises:
        BadInput: there are too few images.
    """
    features, probabilities = looks
    manifold = manifold_figures(features, reference.features)  # refuses too few, so it goes first
    distance, error = kernel_distance(features, reference.features)
    shares = class_shares(probabilities)
    return Figures(
        samples=len(features),
        frechet_distance=frechet_distance(*moments(features), reference.mean, reference.covariance),
        kernel_distance=distance,
        kernel_distance_error=error,
        inception_score=inception_score(probabilities),
        precision=manifold.precision,
        recall=manifold.recall,
        density=manifold.density,
        coverage=manifold.coverage,
        authenticity=authentic,
        class_shares=shares,
        distance_from_uniform=distance_from_uniform(shares),
        confidence=float(probabilities.max(axis=1).mean(dtype=np.float64)),
        drawn_as_asked=(
            None if asked is None else float((probabilities.argmax(axis=1) == asked).mean())
        ),
    )


def _notes(samples: Samples, real: Figures) -> list[str]:
    """Return what the numbers and the shape of the samples make the reader need to know."""
    notes = []
    count, channels, height, width = samples.images.shape
    if (channels, height, width) != (1, SIDE, SIDE):
        notes.append(f"scaled from {channels}×{height}×{width} to the judge's 1×{SIDE}×{SIDE}")
    if count < ROUGH:
        notes.append(f"fewer than {ROUGH:,} samples: the figures are rough")
    if real.samples < count:
        notes.append("the real row has fewer images: compare its recall and coverage with care")
    return notes
