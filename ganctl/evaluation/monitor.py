"""The cheap measure of a generator while it trains."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from ganctl.data import ImageData
from ganctl.evaluation.classifier import Looks, digits_of, load_judge
from ganctl.evaluation.metrics import Doubles, class_shares, frechet_distance, moments
from ganctl.evaluation.reference import FINGERPRINTS, MOST, Shipped, load_shipped
from ganctl.evaluation.samples import spread
from ganctl.images import Pixels
from ganctl.latents import Labels


def real_distance(data: ImageData, count: int) -> float | None:
    """Return the Fréchet distance of ``count`` real test digits: the scale of a `Monitor`'s.

    It is known of MNIST and of the embedded digits at 28×28; of other data it is None.

    Raises:
        CheckFailed: a file that ships is damaged.
    """
    if data.fingerprint not in FINGERPRINTS.values():
        return None
    return real_figures(count)["frechet_distance"]


class Monitor:
    """Measures images by their Fréchet distance from the training data, in the judge's features.

    Equal images give equal figures. The distance of few images is larger than that of many: compare
    it at the same number only.

    Args:
        data: what the generator trains on. MNIST and the embedded digits at 28×28 are measured
            against the statistics that ship; of other data up to 10,000 images are looked at, once,
            when they are first needed.
        count: how many images are to be drawn each time.
        threads: that the judge may use; 0 for all cores.
        between: called every few images; what it raises ends the measurement.

    Raises:
        CheckFailed: a file that ships is damaged.
    """

    def __init__(
        self,
        data: ImageData,
        count: int,
        threads: int,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        self.count = count
        self._between = between
        self._data = data
        self._judge = load_judge(threads)

    def __call__(self, images: Pixels, labels: Labels | None = None) -> dict[str, float]:
        """Return the figures of images (N, C, H, W) by their names.

        ``frechet_distance``; ``confidence``, the mean of the judge's largest probability;
        ``smallest_share``, how often the rarest digit is drawn; and, where each image was asked to
        show one of the data's classes, labels (N,), and these are digits: ``drawn_as_asked``, the
        share in which the judge sees it.

        Raises:
            BadInput: there are fewer than two.
        """
        asked = digits_of(labels, self._data.class_names)
        return _figures(self._judge(images, self._between), self._moments, asked)

    @cached_property
    def _moments(self) -> tuple[Doubles, Doubles]:
        """The mean and the covariance of the training data's features."""
        if self._data.fingerprint in FINGERPRINTS.values():
            return _moments(load_shipped())
        images = self._data.images
        chosen = images[spread(len(images), MOST)]
        return moments(self._judge(chosen, self._between).features)


def real_figures(count: int) -> dict[str, float]:
    """Return the figures of ``count`` of MNIST's test digits, measured as `Monitor` measures.

    They are what a generator of digits can hope for.

    Raises:
        BadInput: there are fewer than two.
        CheckFailed: the file that ships is damaged.
    """
    shipped = load_shipped()
    chosen = spread(len(shipped.digits), count)
    features, probabilities = shipped.looks
    looks = Looks(features[chosen], probabilities[chosen])
    return _figures(looks, _moments(shipped), shipped.digits[chosen].astype(np.int64))


def _moments(shipped: Shipped) -> tuple[Doubles, Doubles]:
    return shipped.mean.astype(np.float64), shipped.covariance.astype(np.float64)


def _figures(
    looks: Looks, reference: tuple[Doubles, Doubles], asked: Labels | None
) -> dict[str, float]:
    features, probabilities = looks
    figures = {
        "frechet_distance": frechet_distance(*moments(features), *reference),
        "confidence": float(probabilities.max(axis=1).mean(dtype=np.float64)),
        "smallest_share": min(class_shares(probabilities)),
    }
    if asked is not None:
        figures["drawn_as_asked"] = float((probabilities.argmax(axis=1) == asked).mean())
    return figures
