from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ganctl.data.decode import Unreadable, decode, describe_picture, fit, fit_all

from .files import encode, grey_png, png_of_16_bits, small_set


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    values = np.array([[0, 128, 257], [256 * 128, 65407, 65535]], np.uint16)
    square = np.vstack([values, values[:1]])
    pixels = decode(io.BytesIO(encode(Image.fromarray(square))), 3, 1)
    assert pixels[0, :2].tolist() == [[0, 0, 1], [128, 255, 255]]


def test_exif_orientation_is_honoured() -> None:
    picture = Image.fromarray(np.array([[255, 0], [0, 0]], np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    assert decode(io.BytesIO(encode(picture, exif=exif)), 2, 1).tolist() == [[[0, 255], [0, 0]]]


RED, BLACK, WHITE = [255, 0, 0], [0, 0, 0], [255, 255, 255]


def two(mode: str, left: Any, right: Any) -> Image.Image:
    """Return a picture of 2×2 whose columns have these colours."""
    picture = Image.new(mode, (2, 2), left)
    picture.paste(right, (1, 0, 2, 2))
    return picture


GLASS = two("RGBA", (255, 0, 0, 255), (9, 9, 9, 0))
PALETTE = two("P", 0, 1)
PALETTE.putpalette([255, 0, 0, 0, 0, 255])
KINDS = {
    "RGBA": (encode(GLASS), RED, WHITE, ["with transparency"]),
    "RGBA, half": (encode(Image.new("RGBA", (2, 2), (0, 0, 0, 128))), [127] * 3, [127] * 3, None),
    "RGBA, opaque": (encode(Image.new("RGBA", (2, 2), "red")), RED, RED, []),
    "LA": (encode(two("LA", (0, 255), (9, 0))), BLACK, WHITE, ["with transparency"]),
    "palette": (encode(two("RGB", "red", "white").quantize(4)), RED, WHITE, ["with a palette"]),
    "a palette entry to see through": (
        encode(PALETTE, transparency=1),
        *(RED, WHITE, ["with transparency", "with a palette"]),
    ),
    "a colour to see through": (
        encode(two("RGB", "red", "blue"), transparency=(0, 0, 255)),
        *(RED, WHITE, ["with transparency"]),
    ),
    "a grey level to see through": (
        encode(two("L", 0, 7), transparency=7),
        *(BLACK, WHITE, ["with transparency"]),
    ),
    "1 bit": (encode(two("1", 0, 1)), BLACK, WHITE, []),
    "1 bit to see through": (
        encode(two("1", 0, 1), transparency=0),
        *(WHITE, WHITE, ["with transparency"]),
    ),
    "grey": (encode(two("L", 0, 255)), BLACK, WHITE, []),
    "grey stored as colour": (
        encode(two("RGB", "black", "white")),
        *(BLACK, WHITE, ["grey stored as colour"]),
    ),
    "CMYK": (
        encode(Image.new("CMYK", (2, 2), (0, 255, 255, 0)), "JPEG", quality=100),
        *(RED, RED, ["CMYK"]),
    ),
    "16-bit grey": (png_of_16_bits([[128], [65535]]), BLACK, WHITE, ["16 bits"]),
    "16-bit grey to see through": (
        png_of_16_bits([[0], [257 * 9]], see_through=257 * 9),
        *(BLACK, WHITE, ["with transparency", "16 bits"]),
    ),
    "16-bit colour": (png_of_16_bits([[65535, 0, 0], [0] * 3]), RED, BLACK, ["16 bits"]),
    "animated": (
        encode(two("L", 0, 255), save_all=True, append_images=[Image.new("L", (2, 2), 99)]),
        *(BLACK, WHITE, ["animated"]),
    ),
}


@pytest.mark.parametrize(("content", "left", "right", "traits"), KINDS.values(), ids=KINDS)
def test_each_kind_of_picture_is_as_viewers_show_it(
    content: bytes, left: list[int], right: list[int], traits: list[str] | None
) -> None:
    pixels = decode(io.BytesIO(content), 2, 3).astype(int)
    assert (
        np.abs(pixels[:, :, 0].T - left).max() <= 3 and np.abs(pixels[:, :, 1].T - right).max() <= 3
    )
    seen = describe_picture(io.BytesIO(content))
    assert (seen.width, seen.height) == (2, 2)
    assert seen.coloured is (left == RED)
    assert traits is None or seen.traits == traits


def test_a_picture_is_measured_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    seen = describe_picture(io.BytesIO(encode(Image.new("L", (5, 3)), "JPEG", exif=exif)))
    assert seen[:2] == (3, 5) and seen.traits == ["turned by EXIF"]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "LA", "RGBA"])
def test_every_mode_of_a_white_picture_stays_white(mode: str) -> None:
    picture = Image.new("RGB", (4, 4), "white").convert(mode)
    content = encode(picture, "JPEG" if mode == "CMYK" else "PNG")
    assert (decode(io.BytesIO(content), 3, 3) == 255).all()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"not an image", "not a PNG or JPEG"),
        (grey_png(3)[:-20], "truncated"),
        (encode(Image.new("L", (40, 40)), "JPEG")[:-30], "truncated"),
        (encode(Image.new("L", (40, 40)), "JPEG")[:100], "truncated"),
        (encode(Image.new("L", (4, 4)), "GIF"), "not a PNG or JPEG"),
        (grey_png(3)[:45] + b"!" + grey_png(3)[46:], "damaged: "),
    ],
)
def test_unreadable_files_and_why(content: bytes, reason: str) -> None:
    for read in (lambda file: decode(file, 4, 1), describe_picture):
        with pytest.raises(Unreadable) as caught:
            read(io.BytesIO(content))
        assert str(caught.value).startswith(reason) and "BytesIO" not in str(caught.value)


@pytest.mark.parametrize("times", [1.5, 3])  # Pillow warns of the first and refuses the second
def test_a_decompression_bomb_is_unreadable(monkeypatch: pytest.MonkeyPatch, times: float) -> None:
    content = grey_png(3, side=30)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", int(900 / times))
    with pytest.raises(Unreadable, match="00 pixels, Pillow's limit against decompression bombs"):
        decode(io.BytesIO(content), 4, 1)


def test_bytes_changed_at_random_are_read_or_unreadable() -> None:
    rng = np.random.default_rng(0)
    whole = np.frombuffer(encode(Image.new("RGBA", (9, 9), "red"), dpi=(72, 72)), np.uint8)
    outcomes = set()
    for _ in range(300):
        content = whole.copy()
        content[rng.integers(0, len(content), 2)] = rng.integers(0, 256, 2)
        readable = []
        for read in (describe_picture, lambda file: outcomes.add(decode(file, 4, 1).shape)):
            try:
                read(io.BytesIO(content.tobytes()))
                readable.append(True)
            except Unreadable:
                outcomes.add(())
                readable.append(False)
        assert readable[0] is readable[1]
    assert outcomes == {(), (1, 4, 4)}


def by_torchvision(images: NDArray[np.uint8], size: int) -> NDArray[np.float32]:
    """Return what torchvision's Resize and ToTensor make of the images: 0 to 1."""
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
def test_images_of_the_right_size_are_copied_only_to_be_writeable(writeable: bool) -> None:
    images, _ = small_set()
    images.flags.writeable = writeable
    same = fit_all(images, 28, 1)
    assert np.array_equal(same[:, 0], images) and same.flags.writeable
    assert np.shares_memory(same, images) is writeable


def test_grey_is_repeated_in_three_channels() -> None:
    images, _ = small_set(3)
    three = fit_all(images, 20, 3)
    assert three.shape == (3, 3, 20, 20)
    assert all(np.array_equal(three[:, c], fit_all(images, 20, 1)[:, 0]) for c in range(3))


def test_colour_becomes_luma_in_one_channel() -> None:
    red = Image.new("RGB", (4, 4), (255, 0, 0))
    assert (fit(red, 4, 1) == 76).all()  # 0.299 × 255
    assert fit(red, 4, 3)[:, 0, 0].tolist() == [255, 0, 0]


def test_a_wide_picture_is_cropped_to_its_centre() -> None:
    picture = np.zeros((4, 8), np.uint8)
    picture[:, 2:6] = 200
    assert (fit(Image.fromarray(picture), 4, 1) == 200).all()
