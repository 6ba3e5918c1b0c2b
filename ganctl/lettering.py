"""Words in pictures, in the font that comes with Pillow."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from itertools import accumulate

from PIL import ImageFont

DRAWABLE = "·±…"
"""What the font has beside ASCII and is used here."""


def drawable(text: str) -> str:
    """Return a text in what the font can show: without accents, and ? for what it lacks."""
    plain = unicodedata.normalize("NFD", text.replace("–", "-").replace("×", "x"))
    kept = (char for char in plain if not unicodedata.combining(char))
    return "".join(
        char if char in DRAWABLE or (char.isascii() and char.isprintable()) else "?"
        for char in kept
    )


@lru_cache(maxsize=16)
def font(pixels: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font at a height of so many pixels."""
    return ImageFont.load_default(pixels)


def length(text: str, pixels: int) -> float:
    """Return how many pixels wide a line is at a height of ``pixels``."""
    return font(pixels).getlength(drawable(text))


def cut(text: str, pixels: int, room: float) -> str:
    """Return as much of a line as ``room`` pixels hold."""
    if length(text, pixels) <= room:
        return text
    starts = (start for start in accumulate(text) if length(f"{start}…", pixels) > room)
    return f"{next(starts)[:-1]}…"
