"""Which images each step takes, and how they are scaled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from ganctl.data import ImageData, load_data
from ganctl.training.batches import epoch_batches, epoch_steps, place, scale


@pytest.fixture
def data(small_data: Path) -> ImageData:
    return load_data(str(small_data))


def test_scaling_is_the_notes_transforms_to_the_last_bit(data: ImageData) -> None:
    note = transforms.Compose(
        [transforms.Resize(28), transforms.ToTensor(), transforms.Normalize([0.5], [0.5])]
    )
    expected = torch.stack([note(Image.fromarray(image[0])) for image in data.images])
    assert torch.equal(scale(torch.from_numpy(data.images)), expected)


def test_every_grey_level_scales_as_the_transforms_do() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    note = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5], [0.5])])
    expected = note(Image.fromarray(levels))
    assert torch.equal(scale(torch.from_numpy(levels)[None]), expected)


def test_an_epoch_takes_every_image_once_in_a_new_order() -> None:
    epochs = [torch.cat(epoch_batches(7, epoch, 200, 64)) for epoch in (0, 1)]
    assert all(sorted(order.tolist()) == list(range(200)) for order in epochs)
    assert epochs[0].tolist() != epochs[1].tolist()
    assert torch.equal(torch.cat(epoch_batches(7, 0, 200, 64)), epochs[0])


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(128, [64, 64]), (129, [64, 64]), (130, [64, 64, 2]), (2, [2]), (64, [64]), (65, [64])],
)
def test_the_last_batch_is_kept_unless_it_is_one_image(count: int, sizes: list[int]) -> None:
    assert [len(batch) for batch in epoch_batches(0, 0, count, 64)] == sizes
    assert epoch_steps(count, 64) == len(sizes)


def test_every_rollback_has_another_order_of_its_own() -> None:
    orders = [torch.cat(epoch_batches(7, 3, 200, 64, again)).tolist() for again in (0, 1, 2)]
    assert len({tuple(order) for order in orders}) == 3
    assert orders[1] == torch.cat(epoch_batches(7, 3, 200, 64, 1)).tolist()
    assert orders[0] == torch.cat(epoch_batches(7, 3, 200, 64)).tolist()


def test_images_that_would_fill_a_gpu_stay_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.zeros(1000, 784, dtype=torch.uint8)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (2 * 784_000 - 1, 10**9))
    assert place(images, torch.device("cuda")) is images
    assert torch.equal(place(images, torch.device("cpu")), images)
