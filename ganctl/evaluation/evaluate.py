"""Measure images beside real ones: all metrics, and the images to look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganctl.data.image_data import DIGIT_NAMES
from ganctl.evaluation import metrics as formulas
from ganctl.evaluation.classifier import SIDE, Classifier, Predictions, to_input
from ganctl.evaluation.reference import Reference
from ganctl.evaluation.samples import Samples, spread
from ganctl.images import Pixels
from ganctl.latents import Labels
from ganctl.text import counted

SHOWN = 64  # images that an evaluation keeps for its report
PAIRS = 8  # suspected copies that it keeps
FEW = 1000  # the metrics of fewer images are rough, as most depend on the number of images


@dataclass(frozen=True)
class Metrics:
    """The metrics of one set of images: one column of the table."""

    samples: int
    frechet_distance: float  # 0 or more, lower is better
    kernel_distance: float  # about 0 or more, lower is better; slightly negative by chance
    kernel_distance_error: float  # its standard error over the subsets
    inception_score: float  # 1 … classes, higher is better
    precision: float  # 0 … 1, higher is better
    recall: float  # 0 … 1, higher is better
    density: float  # 0 or more, about 1 for real images
    coverage: float  # 0 … 1, higher is better
    authenticity: float  # 0 … 1, the share that copies no training image
    class_shares: tuple[float, ...]  # one for each class, adding up to 1
    distance_from_uniform: float  # 0 … 1, of the class shares
    confidence: float  # 0 … 1, mean of the classifier's largest probability
    drawn_as_asked: float | None  # 0 … 1; None if the generator is not conditional


class Row(NamedTuple):
    """One line of the table."""

    name: str
    better: str  # "↓" or "↑"
    template: str  # formats `Metrics`
    meaning: str  # one short line about "these images"

    def text(self, metrics: Metrics) -> str:
        """Return the value as the table shows it."""
        return self.template.format(metrics)


KERNEL = "{0.kernel_distance:.2f} ± {0.kernel_distance_error:.2f}"

ROWS = (
    Row("Fréchet distance", "↓", "{.frechet_distance:.2f}", "from training images, as Gaussians"),
    Row("kernel distance", "↓", KERNEL, "from training images of any distribution, 0 if the same"),
    Row("inception score", "↑", "{.inception_score:.2f}", "clear images of all classes: 1 to 10"),
    Row("precision", "↑", "{.precision:.3f}", "share of these images that lie among real ones"),
    Row("recall", "↑", "{.recall:.3f}", "share of real images that lie among these"),
    Row("density", "↑", "{.density:.3f}", "real images around these; about 1 if these are real"),
    Row("coverage", "↑", "{.coverage:.3f}", "share of real images with one of these nearby"),
    Row("authenticity", "↑", "{.authenticity:.3f}", "share of these that copy no training image"),
    Row("confidence", "↑", "{.confidence:.3f}", "of the classifier, on average"),
    Row("class imbalance", "↓", "{.distance_from_uniform:.3f}", "0 for equally frequent classes"),
    Row("drawn as asked", "↑", "{.drawn_as_asked:.2%}", "share of these of the requested class"),
)


@dataclass(frozen=True)
class Pair:
    """A suspected copy and the training image that is nearest to it."""

    index: int  # of the generated image
    image: Pixels  # (C, H, W)
    neighbour: Pixels  # (C, H, W)
    ratio: float  # below 1: closer than that training image is to any other


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation."""

    target: str  # what was evaluated
    reference: str  # such as "MNIST, 60,000 training digits"
    metrics: Metrics
    real: Metrics  # of real images that are not in the reference
    real_name: str  # such as "10,000 MNIST test digits"
    images: Pixels  # (n, C, H, W), the first ones evaluated
    labels: NDArray[np.int64]  # (n,), their classes by the classifier
    pairs: tuple[Pair, ...]  # most suspicious first
    notes: tuple[str, ...]  # what a reader must know
    class_names: tuple[str, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """The lines of the table; the last one only if both columns have a value."""
        complete = None not in (self.metrics.drawn_as_asked, self.real.drawn_as_asked)
        return ROWS if complete else ROWS[:-1]

    @property
    def headline(self) -> str:
        """What was measured against what."""
        return (
            f"{counted(self.metrics.samples, 'image')} beside {self.real_name}, "
            f"both measured against {self.reference}"
        )

    @property
    def about_ratios(self) -> str:
        """What the pairs' ratio is, and how often the ratio of a real image is suspicious."""
        return (
            "Ratio: an image's distance from its nearest training image, divided by that one's "
            "distance from the next. 0 is a copy; "
            f"{1 - self.real.authenticity:.0%} of the other real images are below 1, too."
        )


def evaluate(
    samples: Samples,
    reference: Reference,
    classifier: Classifier,
    progress: Callable[[str], None] = lambda phase: None,
) -> Evaluation:
    """Measure images, and as many real images if the reference has as many.

    ``progress`` is called with the name of each phase when it begins.

    Raises:
        BadInput: there are too few images for the metrics.
    """
    progress("classifying the images")
    digits = to_input(samples.images)
    predictions = classifier(digits)
    progress("searching for copies")
    copies = formulas.authenticity(digits, reference.training)
    progress("measuring the images")
    metrics = _measure(predictions, samples.asked, copies.share, reference)
    progress("measuring real images")
    chosen = spread(len(reference.real.features), len(digits))
    known = None if samples.asked is None else reference.real_digits
    real = _measure(
        Predictions(*(values[chosen] for values in reference.real)),
        None if known is None else known[chosen],
        reference.real_authenticity,
        reference,
    )
    notes = list(samples.notes)
    count, channels, height, width = samples.images.shape
    if (channels, height, width) != (1, SIDE, SIDE):
        notes.append(f"scaled from {channels}×{height}×{width} to the classifier's 1×{SIDE}×{SIDE}")
    if count < FEW:
        notes.append(f"fewer than {FEW:,} images: the metrics are rough")
    if real.samples < count:
        notes.append("there are fewer real images: their recall and coverage are not comparable")
    suspects = [
        Pair(index, digits[index], reference.training[copies.index[index]], copies.ratio[index])
        for index in np.argsort(copies.ratio, kind="stable")[:PAIRS].tolist()
    ]
    return Evaluation(
        target=samples.name,
        reference=reference.name,
        metrics=metrics,
        real=real,
        real_name=f"{real.samples:,} {reference.real_name}",
        images=samples.images[:SHOWN],
        labels=predictions.probabilities[:SHOWN].argmax(axis=1),
        pairs=tuple(suspects),
        notes=(*notes, *reference.notes),
        class_names=DIGIT_NAMES,
    )


def _measure(
    predictions: Predictions, asked: Labels | None, authentic: float, reference: Reference
) -> Metrics:
    """Return the metrics of images with these predictions, requested digits and authenticity."""
    features, probabilities = predictions
    manifold = formulas.manifold(features, reference.features)  # first: it needs the most images
    moments = formulas.moments(features)
    kernel_distance, kernel_error = formulas.kernel_distance(features, reference.features)
    shares = formulas.class_shares(probabilities)
    as_asked = None if asked is None else float((probabilities.argmax(axis=1) == asked).mean())
    return Metrics(
        samples=len(features),
        frechet_distance=formulas.frechet_distance(*moments, reference.mean, reference.covariance),
        kernel_distance=kernel_distance,
        kernel_distance_error=kernel_error,
        inception_score=formulas.inception_score(probabilities),
        **manifold._asdict(),
        authenticity=authentic,
        class_shares=shares,
        distance_from_uniform=formulas.distance_from_uniform(shares),
        confidence=float(probabilities.max(axis=1).mean(dtype=np.float64)),
        drawn_as_asked=as_asked,
    )
