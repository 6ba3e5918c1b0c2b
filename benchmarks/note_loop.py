"""The baseline: the study note's training loop as one would type it.

It follows a widely copied script (eriklindernoren/PyTorch-GAN, ``gan.py``): torchvision's MNIST
through a DataLoader with PIL transforms, ``BatchNorm1d(n, 0.8)``, a sigmoid and BCELoss, two
default Adams, three discriminator passes, and ``.item()`` and a print in each step. Do not make it
faster or slower: all other figures are relative to it.

    python -m benchmarks.note_loop ROOT BATCH_SIZE STEPS THREADS   # prints the peak memory in bytes
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import MNIST

from ganctl.data import ImageData
from ganctl.environment import peak_memory

IMG_SIZE = 28
LATENT_DIM = 100


class NoteLoop:
    """The note's loop over the images that `write_mnist` wrote into ``root``."""

    def __init__(self, root: Path, batch_size: int) -> None:
        self.generator = note_generator()
        self.discriminator = note_discriminator()
        self.adversarial_loss = nn.BCELoss()
        adam = {"lr": 0.0002, "betas": (0.5, 0.999)}
        self.optimizer_G = torch.optim.Adam(self.generator.parameters(), **adam)  # type: ignore[arg-type]
        self.optimizer_D = torch.optim.Adam(self.discriminator.parameters(), **adam)  # type: ignore[arg-type]
        transform = transforms.Compose(
            [
                transforms.Resize(IMG_SIZE),
                transforms.ToTensor(),
                transforms.Normalize([0.5], [0.5]),
            ]
        )
        dataset = MNIST(root, train=True, transform=transform)
        self.dataloader = DataLoader(dataset, batch_size=batch_size, shuffle=True)
        self.batches = self._epochs()
        self.steps = 0

    def run(self, steps: int) -> int:
        """Train on the next ``steps`` batches and return how many images they have."""
        images = 0
        with open(os.devnull, "w", encoding="utf-8") as terminal:
            for imgs in islice(self.batches, steps):
                g_loss, d_loss = self.step(imgs)
                self.steps += 1
                print(f"[Batch {self.steps}] [D loss: {d_loss}] [G loss: {g_loss}]", file=terminal)
                images += len(imgs)
        return images

    def step(self, real_imgs: Tensor) -> tuple[float, float]:
        """Train both networks on real images (B, 1, 28, 28) in [-1, 1]; return G's and D's loss."""
        valid = torch.ones(real_imgs.size(0), 1)
        fake = torch.zeros(real_imgs.size(0), 1)

        self.optimizer_G.zero_grad()
        z = torch.randn(real_imgs.size(0), LATENT_DIM)
        gen_imgs = self.generator(z)
        g_loss = self.adversarial_loss(self.discriminator(gen_imgs), valid)
        g_loss.backward()
        self.optimizer_G.step()

        self.optimizer_D.zero_grad()
        real_loss = self.adversarial_loss(self.discriminator(real_imgs), valid)
        fake_loss = self.adversarial_loss(self.discriminator(gen_imgs.detach()), fake)
        d_loss = (real_loss + fake_loss) / 2
        d_loss.backward()
        self.optimizer_D.step()
        return g_loss.item(), d_loss.item()

    def _epochs(self) -> Iterator[Tensor]:
        while True:
            for imgs, _ in self.dataloader:
                yield imgs


def note_generator() -> nn.Sequential:
    """Return the note's generator: z (B, 100) → images (B, 1, 28, 28)."""

    def block(in_feat: int, out_feat: int, normalize: bool = True) -> list[nn.Module]:
        layers: list[nn.Module] = [nn.Linear(in_feat, out_feat)]
        if normalize:
            layers.append(nn.BatchNorm1d(out_feat, 0.8))
        layers.append(nn.LeakyReLU(0.2, inplace=True))
        return layers

    return nn.Sequential(
        *block(LATENT_DIM, 128, normalize=False),
        *block(128, 256),
        *block(256, 512),
        *block(512, 1024),
        nn.Linear(1024, IMG_SIZE * IMG_SIZE),
        nn.Tanh(),
        nn.Unflatten(1, (1, IMG_SIZE, IMG_SIZE)),
    )


def note_discriminator() -> nn.Sequential:
    """Return the note's discriminator: images (B, 1, 28, 28) → probabilities (B, 1)."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(IMG_SIZE * IMG_SIZE, 512),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Linear(512, 256),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Linear(256, 1),
        nn.Sigmoid(),
    )


def write_mnist(root: Path, data: ImageData) -> None:
    """Write 1×28×28 images to ``root``/MNIST/raw, where torchvision's MNIST looks for them."""
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    images = data.images[:, 0]  # (N, 28, 28)
    known = data.labels if data.labels is not None else np.zeros(len(images), np.int64)
    labels = (known % 256).astype(np.uint8)
    for split, count in (("train", len(images)), ("t10k", 1)):  # the second one only has to exist
        (folder / f"{split}-images-idx3-ubyte").write_bytes(idx_bytes(images[:count]))
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(idx_bytes(labels[:count]))


def idx_bytes(array: NDArray[Any]) -> bytes:
    """Return the idx file with a uint8 array."""
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


if __name__ == "__main__":
    batch_size, steps, threads = map(int, sys.argv[2:])
    torch.set_num_threads(threads)
    NoteLoop(Path(sys.argv[1]), batch_size).run(steps)
    print(peak_memory())
