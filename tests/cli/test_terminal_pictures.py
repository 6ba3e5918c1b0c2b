from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from ganctl.cli.terminal_pictures import (
    draw_pictures,
    fitting_cols,
    fitting_count,
    fitting_width,
    height_for,
    rendered,
    shows_colours,
    shrink,
)
from ganctl.data.digits import load_digits
from ganctl.images import Pixels

DIGITS = load_digits().images[:10, None]


def noise(*shape: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def console(system: str | None) -> Console:
    options = {"color_system": system, "force_terminal": system is not None, "width": 80}
    return Console(file=io.StringIO(), **options)  # type: ignore[arg-type]


def test_each_character_shows_two_pixels_one_above_the_other() -> None:
    picture = np.array([[[[255, 0], [0, 0], [0, 255]]]], np.uint8)
    first, second = draw_pictures(picture, 1, 2, colours=True)
    assert (first.plain, second.plain) == ("▀▀", "▀▀")
    shown = rendered([first, second], console("truecolor"))
    white, black = "38;2;255;255;255", "38;2;0;0;0"
    under = "48;2;0;0;0"
    upper, lower = shown.split("\n")
    assert upper == f"\x1b[{white};{under}m▀\x1b[0m\x1b[{black};{under}m▀\x1b[0m"
    assert lower == f"\x1b[{black};{under}m▀\x1b[0m\x1b[{white};{under}m▀\x1b[0m"


def test_colours_are_kept_to_the_eye() -> None:
    images = noise(1, 3, 4, 6)
    (*_, last) = draw_pictures(images, 1, 6, colours=True)
    style = last.get_style_at_offset(console("truecolor"), 5)
    assert style.color and style.bgcolor
    for colour, row in ((style.color, 2), (style.bgcolor, 3)):
        assert np.abs(np.array(colour.triplet) - images[0, :, row, 5]).max() <= 5


def test_without_colours_there_are_no_escape_sequences_and_digits_are_seen() -> None:
    lines = draw_pictures(DIGITS[:1], 1, 28, colours=False)
    text = rendered(lines, console(None))
    assert set(text) <= set(" ░▒▓█▀▄\n") and "█" in text
    dark = np.zeros((1, 1, 4, 2), np.uint8)
    assert [line.plain for line in draw_pictures(dark, 1, 2, colours=False)] == ["  ", "  "]
    assert [line.plain for line in draw_pictures(dark + 255, 1, 2, colours=False)] == ["██"] * 2


@pytest.mark.parametrize("colours", [True, False])
@pytest.mark.parametrize(
    ("count", "cols", "width", "lines", "columns"),
    [(1, 1, 28, 14, 28), (10, 5, 14, 15, 74), (7, 5, 14, 15, 74), (3, 5, 28, 14, 86)],
)
def test_rows_are_as_long_as_asked(
    count: int, cols: int, width: int, lines: int, columns: int, colours: bool
) -> None:
    drawn = draw_pictures(DIGITS[:count], cols, width, colours)
    assert [line.cell_len for line in drawn] == [columns] * lines


def test_shrinking_takes_the_mean_of_what_each_pixel_covers() -> None:
    images = noise(2, 3, 8, 12)
    halves = images.reshape(2, 3, 4, 2, 6, 2).mean(axis=(3, 5))
    assert np.abs(shrink(images, 4, 6) - halves).max() <= 0.5
    assert np.array_equal(shrink(images, 8, 12), images)
    three = np.array([[[[0, 90, 240]]]], np.uint8)
    assert shrink(three, 1, 2).ravel().tolist() == [30, 190]  # (0 + 90/2) / 1.5, …
    assert abs(shrink(DIGITS, 11, 11).mean() - DIGITS.mean()) < 0.5


def test_pictures_are_as_large_as_the_terminal_has_room_for() -> None:
    for columns, lines in ((80, 24), (80, 15), (120, 40), (20, 9), (300, 100)):
        for count in (1, 4, 10):
            width = fitting_width(count, (28, 28), columns, lines)
            assert 1 <= width <= 28
            drawn = draw_pictures(DIGITS[:count], fitting_cols(width, columns), width, True)
            assert len(drawn) <= lines and drawn[0].cell_len <= columns
            if width < 28:
                assert fitting_count((28, 28), width + 1, columns, lines) < count
    assert fitting_width(1000, (28, 28), 10, 10) == 0
    assert height_for((64, 32), 16) == 32


def test_sixteen_colours_are_too_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = {name: shows_colours(console(name)) for name in ("truecolor", "256", "standard", None)}
    assert shown == {"truecolor": True, "256": True, "standard": False, None: False}
    monkeypatch.setenv("NO_COLOR", "1")
    assert not shows_colours(console("truecolor"))
