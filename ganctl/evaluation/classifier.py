"""The judge: a small digit classifier, in whose features and probabilities the figures are taken.

``python -m ganctl.training.train_judge`` has trained it on MNIST's 60,000 training digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from PIL import Image

from ganctl.data.image_data import DIGIT_NAMES
from ganctl.data.transforms import fit
from ganctl.images import Pixels, picture
from ganctl.latents import Labels
from ganctl.shipped import read_shipped

FILE = Path(__file__).with_name("classifier.onnx")
SHA256 = "e3cb23964a828a3e97b806a4d762d08bf44476e5c2fc62c1b6431589abf35ee4"

SIDE = 28
"""Height and width of what the judge looks at, which has one channel."""

FEATURES, CLASSES = 128, 10
"""Columns of what the judge says of an image."""

BATCH = 50
"""Images judged at once: the fastest that was measured, what lies between two layers being small
enough for a core's cache."""


class Looks(NamedTuple):
    """What the judge makes of images."""

    features: NDArray[np.float32]
    """(N, 128), 0 or more."""
    probabilities: NDArray[np.float32]
    """(N, 10), of each digit; a row adds up to 1."""


@dataclass(frozen=True)
class Judge:
    """A loaded judge; it may be used by several threads at once."""

    session: ort.InferenceSession

    def __call__(self, images: Pixels, between: Callable[[], None] = lambda: None) -> Looks:
        """Look at images (N, C, H, W) as `as_digits` shows them.

        ``between`` is called before each `BATCH` of them; what it raises ends the look.
        """
        features = np.empty((len(images), FEATURES), np.float32)
        logits = np.empty((len(images), CLASSES), np.float32)
        for start in range(0, len(images), BATCH):
            between()
            part = slice(start, start + BATCH)
            scaled = as_digits(images[part]).astype(np.float32)
            scaled /= np.float32(127.5)
            scaled -= np.float32(1)
            features[part], logits[part] = self.session.run(
                ["features", "logits"], {"images": scaled}
            )
        return Looks(features, softmax(logits))


def load_judge(threads: int = 0) -> Judge:
    """Load the judge that ships.

    Args:
        threads: that it may use; 0 for all cores.

    Raises:
        CheckFailed: the file is missing or is not the one that was shipped.
    """
    data = read_shipped(FILE, SHA256)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    # Threads that spin while they wait would take the cores from a training beside them.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return Judge(ort.InferenceSession(data, options, providers=["CPUExecutionProvider"]))


def as_digits(images: Pixels) -> Pixels:
    """Return images (N, C, H, W) as what the judge looks at: (N, 1, 28, 28).

    Colours become luma; the centre square is scaled by Pillow's bilinear filter.
    """
    if images.shape[1:] == (1, SIDE, SIDE):
        return images
    digits = np.empty((len(images), 1, SIDE, SIDE), np.uint8)
    for index, image in enumerate(images):
        digits[index] = fit(Image.fromarray(picture(image)), SIDE, 1)
    return digits


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities (N, K) of logits (N, K)."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def digits_of(labels: Labels | None, class_names: Sequence[str]) -> Labels | None:
    """Return the digits (N,) that labels (N,) stand for; None where not all classes are digits.

    Args:
        labels: indices into ``class_names``, or None.
        class_names: such as "0".
    """
    if labels is None or not set(class_names) <= set(DIGIT_NAMES):
        return None
    return np.array([int(name) for name in class_names], np.int64)[labels]
