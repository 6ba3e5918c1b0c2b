from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ganctl.data.transforms import fit, fit_all

from .files import small_set


def by_torchvision(images: NDArray[np.uint8], size: int) -> NDArray[np.float32]:
    """Return what the study note's Resize and ToTensor make of the images: 0 … 1."""
    transforms = pytest.importorskip("torchvision.transforms")
    pipeline = transforms.Compose([transforms.Resize(size), transforms.ToTensor()])
    result: NDArray[np.float32] = np.stack([pipeline(Image.fromarray(i)).numpy() for i in images])
    return result


@pytest.mark.parametrize("size", [16, 32, 64])
def test_scaling_equals_torchvision(size: int) -> None:
    images, _ = small_set(5)
    difference = np.abs(fit_all(images, size, 1) / 255 - by_torchvision(images, size))
    assert difference.max() <= 1 / 255 + 1e-6


@pytest.mark.parametrize("writeable", [True, False])
def test_the_right_size_is_left_alone_and_copied_only_to_be_writeable(writeable: bool) -> None:
    images, _ = small_set()
    images.flags.writeable = writeable
    same = fit_all(images, 28, 1)
    assert np.array_equal(same[:, 0], images)
    assert same.flags.writeable
    assert np.shares_memory(same, images) is writeable


def test_grey_is_repeated_in_three_channels() -> None:
    images, _ = small_set(3)
    three = fit_all(images, 20, 3)
    assert three.shape == (3, 3, 20, 20)
    for channel in range(3):
        assert np.array_equal(three[:, channel], fit_all(images, 20, 1)[:, 0])


def test_colour_becomes_luma_in_one_channel() -> None:
    red = Image.new("RGB", (4, 4), (255, 0, 0))
    assert (fit(red, 4, 1) == 76).all()  # 0.299 × 255
    assert fit(red, 4, 3)[:, 0, 0].tolist() == [255, 0, 0]


def test_a_wide_picture_is_cropped_to_its_centre() -> None:
    picture = np.zeros((4, 8), np.uint8)
    picture[:, 2:6] = 200
    assert (fit(Image.fromarray(picture), 4, 1) == 200).all()
