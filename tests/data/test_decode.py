from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from ganctl.data.decode import Unreadable, decode

from .files import encode, grey_png


def test_transparency_lies_over_white() -> None:
    picture = Image.new("RGBA", (2, 2), (0, 0, 0, 0))
    picture.putpixel((0, 0), (0, 0, 0, 255))
    assert decode(io.BytesIO(encode(picture)), 2, 1).tolist() == [[[0, 255], [255, 255]]]


def test_a_transparent_palette_entry_lies_over_white() -> None:
    picture = Image.new("P", (2, 2), 1)
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putpixel((0, 0), 0)
    pixels = decode(io.BytesIO(encode(picture, transparency=1)), 2, 3)
    assert pixels[:, 0, 0].tolist() == [10, 20, 30]
    assert pixels[:, 1, 1].tolist() == [255, 255, 255]


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


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "LA", "RGBA"])
def test_every_mode_of_a_white_picture_stays_white(mode: str) -> None:
    picture = Image.new("RGB", (4, 4), "white").convert(mode)
    content = encode(picture, "JPEG" if mode == "CMYK" else "PNG")
    assert (decode(io.BytesIO(content), 3, 3) == 255).all()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not an image",
        grey_png(3)[:-20],
        encode(Image.new("L", (40, 40)), "JPEG")[:-30],
        encode(Image.new("L", (4, 4)), "GIF"),
    ],
    ids=["empty", "text", "cut PNG", "cut JPEG", "another format"],
)
def test_what_cannot_be_read(content: bytes) -> None:
    with pytest.raises(Unreadable):
        decode(io.BytesIO(content), 4, 1)


@pytest.mark.parametrize("times", [1.5, 3])  # Pillow warns of the first and refuses the second
def test_a_decompression_bomb_is_unreadable(monkeypatch: pytest.MonkeyPatch, times: float) -> None:
    content = grey_png(3, side=30)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", int(900 / times))
    with pytest.raises(Unreadable):
        decode(io.BytesIO(content), 4, 1)


def test_bytes_changed_at_random_are_read_or_unreadable() -> None:
    rng = np.random.default_rng(0)
    whole = np.frombuffer(encode(Image.new("RGBA", (9, 9), "red"), dpi=(72, 72)), np.uint8)
    outcomes = set()
    for _ in range(300):
        content = whole.copy()
        content[rng.integers(0, len(content), 2)] = rng.integers(0, 256, 2)
        try:
            outcomes.add(decode(io.BytesIO(content.tobytes()), 4, 1).shape)
        except Unreadable:
            outcomes.add(())
    assert outcomes == {(), (1, 4, 4)}
