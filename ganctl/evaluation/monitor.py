"""The cheap evaluation of a generator during training."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from ganctl.data import ImageData
from ganctl.evaluation.classifier import Classifier, Predictions, labels_to_digits
from ganctl.evaluation.metrics import Doubles, class_shares, frechet_distance, moments
from ganctl.evaluation.reference import FINGERPRINTS, MOST, mnist_statistics
from ganctl.evaluation.samples import spread
from ganctl.images import Pixels
from ganctl.latents import Labels


class Monitor:
    """Measures images against the training data; compare distances at equal numbers only.

    Args:
        data: the training data. Of other data than MNIST and the embedded digits at 28×28, up to
            10,000 images are classified once, when first needed.
        count: the number of images that each call will get.
        threads: the number of threads of the classifier; 0 for all cores.
        between: called every few images; an exception that it raises ends the measurement.

    Raises:
        CheckFailed: a shipped file is damaged.
    """

    def __init__(
        self,
        data: ImageData,
        count: int,
        threads: int,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        self.count, self._data, self._between = count, data, between
        self._classifier = Classifier(threads)

    def __call__(self, images: Pixels, labels: Labels | None = None) -> dict[str, float]:
        """Return the metrics of images (N, C, H, W), with keys from `MONITORED`.

        ``drawn_as_asked`` needs the labels (N,) that were requested, and digits as classes.

        Raises:
            BadInput: there are fewer than two images.
        """
        asked = labels_to_digits(labels, self._data.class_names)
        return _metrics(self._classifier(images, self._between), self._moments, asked)

    @cached_property
    def _moments(self) -> tuple[Doubles, Doubles]:
        if self._data.fingerprint in FINGERPRINTS.values():
            mnist = mnist_statistics()
            return mnist.mean, mnist.covariance
        images = self._data.images
        chosen = images[spread(len(images), MOST)]
        return moments(self._classifier(chosen, self._between).features)


def real_metrics(count: int) -> dict[str, float]:
    """Return the metrics of ``count`` of MNIST's test digits, as `Monitor` measures them.

    Raises:
        CheckFailed: the shipped file is damaged.
    """
    mnist = mnist_statistics()
    chosen = spread(len(mnist.test_digits), count)
    predictions = Predictions(*(values[chosen] for values in mnist.test))
    return _metrics(predictions, (mnist.mean, mnist.covariance), mnist.test_digits[chosen])


def real_distance(data: ImageData, count: int) -> float | None:
    """Return the Fréchet distance in `real_metrics` if ``data`` is MNIST or the embedded digits."""
    known = data.fingerprint in FINGERPRINTS.values()
    return real_metrics(count)["frechet_distance"] if known else None


def _metrics(
    predictions: Predictions, reference: tuple[Doubles, Doubles], asked: Labels | None
) -> dict[str, float]:
    features, probabilities = predictions
    metrics = {
        "frechet_distance": frechet_distance(*moments(features), *reference),
        "confidence": float(probabilities.max(axis=1).mean(dtype=np.float64)),
        "smallest_share": min(class_shares(probabilities)),
    }
    if asked is not None:
        metrics["drawn_as_asked"] = float((probabilities.argmax(axis=1) == asked).mean())
    return metrics
