"""Train the digit classifier whose features `ganctl evaluate` uses, and write one ONNX file.

    python scripts/train_classifier.py RAW_DIRECTORY OUT

RAW_DIRECTORY holds MNIST's four files, unpacked. The accuracy on the test images is printed.
Training takes seven minutes on two cores.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

from ganctl.data.idx import read_pair
from ganctl.data.image_data import DIGIT_NAMES, GreyImages
from ganctl.errors import GanctlError
from ganctl.export.onnx import to_onnx
from ganctl.files import write_atomic
from ganctl.training.loop import scale

TEST_FILES = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")

EPOCHS = 10
BATCH = 128
PEAK_RATE = 2e-3


class Classifier(nn.Module):
    """Digits (B, 1, 28, 28) in [-1, 1] → logits (B, 10) and features (B, 128), 0 or more.

    The features are the output of the hidden layer, which keeps the position of the strokes. The
    loss has no label smoothing, which would pull the features of a class together and hide variety.
    """

    def __init__(self) -> None:
        super().__init__()

        def block(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
            convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
            return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]

        self.layers = nn.Sequential(
            *block(1, 32, 1),
            *block(32, 32, 2),
            *block(32, 64, 1),
            *block(64, 64, 2),
            nn.Flatten(),
            nn.Linear(64 * 7 * 7, 128),
            nn.ReLU(),
        )
        self.classify = nn.Sequential(nn.Dropout(0.5), nn.Linear(128, 10))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and features."""
        features: Tensor = self.layers(images)
        return self.classify(features), features


def train_classifier(digits: GreyImages, epochs: int, seed: int = 0) -> Classifier:
    """Return a classifier in eval mode, trained on slightly rotated, shifted and scaled digits.

    Args:
        digits: images (N, 28, 28) and labels (N,).
        epochs: passes over the images.
        seed: seed of the weights, the order and the transformations.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = Classifier().to(memory_format=torch.channels_last)
        images = torch.from_numpy(digits.images)[:, None]
        labels = torch.from_numpy(digits.labels)
        steps = epochs * -(-len(images) // BATCH)
        optimizer = torch.optim.AdamW(classifier.parameters(), weight_decay=0.02)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, steps)
        for epoch in range(epochs):
            for indices in torch.split(torch.randperm(len(images)), BATCH):
                batch = jitter(scale(images[indices]))
                loss = functional.cross_entropy(classifier(batch)[0], labels[indices])
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
                schedule.step()
            print(f"epoch {epoch + 1}/{epochs}  loss {loss.item():.3f}", flush=True)
    return classifier.eval()


def jitter(images: Tensor) -> Tensor:
    """Rotate each image by up to 10°, scale it by up to 10 % and shift it by up to 1 pixel."""
    count, side = len(images), images.shape[-1]
    turn = (torch.rand(count) * 2 - 1) * 10 / 180 * torch.pi
    size = 1 + (torch.rand(count) * 2 - 1) * 0.1
    shift = (torch.rand(count, 2, 1) * 2 - 1) * 2 / side
    cosine, sine = size * turn.cos(), size * turn.sin()
    rotation = torch.stack((cosine, -sine, sine, cosine), 1).view(-1, 2, 2)
    grid = functional.affine_grid(
        torch.cat((rotation, shift), 2), list(images.shape), align_corners=False
    )
    return functional.grid_sample(images + 1, grid, align_corners=False) - 1  # outside is black


def accuracy(classifier: Classifier, digits: GreyImages) -> float:
    """Return the share of ``digits`` that are classified correctly."""
    images = torch.from_numpy(digits.images)[:, None]
    with torch.inference_mode():
        named = torch.cat(
            [classifier(scale(part))[0].argmax(1) for part in torch.split(images, 1000)]
        )
    return float(np.mean(named.numpy() == digits.labels))


def classifier_onnx(classifier: Classifier) -> bytes:
    """Return the bytes of the ONNX file: ``images`` → ``logits`` and ``features``."""
    model = to_onnx(
        classifier, {"images": torch.zeros(2, 1, 28, 28)}, ["logits", "features"], opset=20
    )
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def main(raw: Path, out: Path, epochs: int) -> None:
    """Train on the files in ``raw``, print the accuracy, and write the ONNX file ``out``."""
    training = GreyImages(*read_pair(raw), DIGIT_NAMES)
    test = GreyImages(*read_pair(raw, *TEST_FILES), DIGIT_NAMES)
    classifier = train_classifier(training, epochs)
    print(f"{accuracy(classifier, test):.2%} of {len(test.images):,} test digits are correct")
    write_atomic(out, classifier_onnx(classifier))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("raw", type=Path, help="directory with MNIST's idx files")
    parser.add_argument("out", type=Path, help="ONNX file to write")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="passes over the images")
    options = parser.parse_args()
    try:
        main(options.raw, options.out, options.epochs)
    except GanctlError as error:
        sys.exit(f"error: {error.message}\nhint: {error.hint}")
