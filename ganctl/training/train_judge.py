"""Train the judge, the digit classifier whose features `ganctl evaluate` measures in.

``python -m ganctl.training.train_judge RAW_DIRECTORY OUT`` trains on MNIST's training files, which
lie unpacked in RAW_DIRECTORY beside the test files, prints the accuracy on the test files, and
writes one ONNX file. Seven minutes on two cores.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

from ganctl.data.idx import read_pair
from ganctl.data.image_data import DIGIT_NAMES, GreyImages
from ganctl.errors import GanctlError
from ganctl.export.to_onnx import to_onnx
from ganctl.files import write_atomic
from ganctl.training.batches import scale

TEST_FILES = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")

EPOCHS = 10
BATCH = 128
PEAK_RATE = 2e-3


class Judge(nn.Module):
    """Digits (B, 1, 28, 28) in [-1, 1] → logits (B, 10) and features (B, 128), 0 or more.

    The features are the hidden layer's, which knows where in the picture a stroke lies, and no
    label smoothing draws the digits of a class together in them: variety is to be seen there too.
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


def train_judge(digits: GreyImages, epochs: int, seed: int = 0) -> Judge:
    """Return a judge in eval mode, trained on ``digits`` turned, shifted and scaled a little.

    Args:
        digits: (N, 28, 28) and their labels.
        epochs: passes over them.
        seed: of the weights, the order and the changes.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        judge = Judge().to(memory_format=torch.channels_last)
        images = torch.from_numpy(digits.images)[:, None]
        labels = torch.from_numpy(digits.labels)
        steps = epochs * -(-len(images) // BATCH)
        optimizer = torch.optim.AdamW(judge.parameters(), weight_decay=0.02)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, steps)
        for epoch in range(epochs):
            for indices in torch.split(torch.randperm(len(images)), BATCH):
                batch = jitter(scale(images[indices]))
                loss = functional.cross_entropy(judge(batch)[0], labels[indices])
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
                schedule.step()
            print(f"epoch {epoch + 1}/{epochs}  loss {loss.item():.3f}", flush=True)
    return judge.eval()


def jitter(images: Tensor) -> Tensor:
    """Return each image turned by up to 10°, scaled by up to 10 % and shifted by up to 1 pixel."""
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


def accuracy(judge: Judge, digits: GreyImages) -> float:
    """Return the share of ``digits`` that the judge names rightly."""
    images = torch.from_numpy(digits.images)[:, None]
    with torch.inference_mode():
        named = torch.cat([judge(scale(part))[0].argmax(1) for part in torch.split(images, 1000)])
    return float(np.mean(named.numpy() == digits.labels))


def judge_onnx(judge: Judge) -> bytes:
    """Return the bytes of the ONNX file: ``images`` → ``logits`` and ``features``."""
    model = to_onnx(judge, {"images": torch.zeros(2, 1, 28, 28)}, ["logits", "features"], opset=20)
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="train_judge", description=__doc__)
    parser.add_argument("raw", type=Path, help="directory with MNIST's idx files")
    parser.add_argument("out", type=Path, help="ONNX file to write")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args(arguments)
    try:
        training = GreyImages(*read_pair(options.raw), DIGIT_NAMES)
        test = GreyImages(*read_pair(options.raw, *TEST_FILES), DIGIT_NAMES)
        judge = train_judge(training, options.epochs)
        print(f"{accuracy(judge, test):.2%} of {len(test.images):,} test digits named rightly")
        write_atomic(options.out, judge_onnx(judge))
    except GanctlError as error:
        print(f"error: {error.message}\nhint: {error.hint}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
