from __future__ import annotations

from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.datasets import MNIST

from benchmarks.note_loop import NoteLoop, write_mnist
from ganctl.config import TrainConfig
from ganctl.data import ImageData, load_data
from ganctl.training.state import new_state

from ..training import test_step as reference


@pytest.fixture
def data(small_data: Path) -> ImageData:
    return load_data(str(small_data))


@pytest.fixture
def loop(data: ImageData, tmp_path: Path) -> NoteLoop:
    write_mnist(tmp_path, data)
    return NoteLoop(tmp_path, 64)


def test_torchvision_reads_back_what_was_written(data: ImageData, tmp_path: Path) -> None:
    write_mnist(tmp_path, data)
    read = MNIST(tmp_path, train=True)
    np.testing.assert_array_equal(read.data.numpy(), data.images[:, 0])
    np.testing.assert_array_equal(read.targets.numpy(), data.labels)


def test_it_sees_every_image_once_an_epoch_scaled(data: ImageData, loop: NoteLoop) -> None:
    seen = torch.cat([next(loop.batches) for _ in range(4)])  # an epoch: 64 + 64 + 64 + 8
    assert seen.min() == -1 and seen.max() == 1
    levels = ((seen + 1) * 127.5).round().to(torch.uint8).numpy()
    assert sorted(map(bytes, levels)) == sorted(map(bytes, data.images))
    assert len(next(loop.batches)) == 64  # and goes on with the next


def test_run_counts_the_images(loop: NoteLoop, capfd: pytest.CaptureFixture[str]) -> None:
    assert loop.run(3) == 192
    assert loop.run(2) == 8 + 64
    assert capfd.readouterr() == ("", "")


def test_it_is_the_notes_loop(loop: NoteLoop) -> None:
    """The same weights and losses as those of the loop in the tests, written independently."""
    state = new_state(TrainConfig(recipe="classic"), torch.device("cpu"))
    reference.copy_weights(state.generator, loop.generator)
    reference.copy_weights(state.discriminator, loop.discriminator)
    torch.manual_seed(1)
    batches = torch.rand(5, 64, 1, 28, 28) * 2 - 1
    latents = torch.randn(5, 64, 100)
    expected_losses, expected_weights = reference.note_loop(state, list(batches), list(latents))
    drawn = iter(latents)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "randn", lambda *_: next(drawn))
        losses = [loop.step(real) for real in batches]
    torch.testing.assert_close(torch.tensor(losses), expected_losses)
    networks = loop.generator, loop.discriminator
    values = chain.from_iterable(network.state_dict().values() for network in networks)
    for value, expected in zip(values, expected_weights, strict=True):
        torch.testing.assert_close(value, expected)
