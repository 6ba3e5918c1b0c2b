"""The digit classifier in whose features and probabilities images are measured.

It was trained on MNIST's 60,000 training digits by ``scripts/train_classifier.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from PIL import Image

from ganctl.checksums import read_shipped
from ganctl.data.decode import fit
from ganctl.data.image_data import DIGIT_NAMES
from ganctl.images import Pixels, picture
from ganctl.latents import Labels

FILE = Path(__file__).with_name("classifier.onnx")
SHA256 = "e3cb23964a828a3e97b806a4d762d08bf44476e5c2fc62c1b6431589abf35ee4"

SIDE = 28  # height and width of the input, which has one channel
BATCH = 50  # images per call: the fastest measured, as the activations fit into a core's cache


class Predictions(NamedTuple):
    """What the classifier computes for N images."""

    features: NDArray[np.float32]  # (N, 128), 0 or more: the evaluation features
    probabilities: NDArray[np.float32]  # (N, 10), one for each digit; a row adds up to 1


class Classifier:
    """The shipped classifier. Several threads may use it at once.

    Args:
        threads: the number of threads to use; 0 for all cores.

    Raises:
        CheckFailed: the file is missing or is not the one that was shipped.
    """

    def __init__(self, threads: int = 0) -> None:
        data = read_shipped(FILE, SHA256)
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        # Threads that spin while they wait would slow down a training in the same process.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])

    def __call__(self, images: Pixels, between: Callable[[], None] = lambda: None) -> Predictions:
        """Classify images (N, C, H, W) of any size; ``between`` is called before each `BATCH`."""
        features = np.empty((len(images), 128), np.float32)
        logits = np.empty((len(images), 10), np.float32)
        for start in range(0, len(images), BATCH):
            between()
            part = slice(start, start + BATCH)
            scaled = to_input(images[part]).astype(np.float32)
            scaled /= np.float32(127.5)
            scaled -= np.float32(1)
            features[part], logits[part] = self._session.run(
                ["features", "logits"], {"images": scaled}
            )
        return Predictions(features, softmax(logits))


def to_input(images: Pixels) -> Pixels:
    """Return images (N, C, H, W) in the classifier's format, (N, 1, 28, 28).

    Colours become luma. The centre square is scaled with Pillow's bilinear filter.
    """
    if images.shape[1:] == (1, SIDE, SIDE):
        return images
    scaled = np.empty((len(images), 1, SIDE, SIDE), np.uint8)
    for index, image in enumerate(images):
        scaled[index] = fit(Image.fromarray(picture(image)), SIDE, 1)
    return scaled


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities (N, K) of logits (N, K)."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def labels_to_digits(labels: Labels | None, class_names: Sequence[str]) -> Labels | None:
    """Return the digits (N,) that labels (N,) stand for; None unless every class is a digit."""
    if labels is None or not set(class_names) <= set(DIGIT_NAMES):
        return None
    return np.array([int(name) for name in class_names], np.int64)[labels]
