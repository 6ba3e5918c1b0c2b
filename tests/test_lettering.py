from __future__ import annotations

import string

import pytest

from ganctl.lettering import DRAWABLE, cut, drawable, font, length


def test_the_font_is_asked_for_nothing_that_it_lacks() -> None:
    assert drawable("Fréchet – 1 × 2 ± 3 · é中\udcff\n…") == "Frechet - 1 x 2 ± 3 · e???…"
    lacked = bytes(font(20).getmask("\uffff"))
    for char in set(DRAWABLE + string.printable) - set(string.whitespace):
        assert bytes(font(20).getmask(char)) != lacked, char


@pytest.mark.parametrize("room", [30.0, 60.0, 100.0])
def test_a_long_line_is_cut_to_its_room(room: float) -> None:
    assert cut("star", 11, 200) == "star"
    short = cut("a long name of a class", 11, room)
    assert short.endswith("…") and room - 12 < length(short, 11) <= room
