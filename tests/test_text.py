from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganctl.text import did_you_mean, format_bytes, is_plain, nearest, printable


@pytest.mark.parametrize("text", ["", "a b", "Fréchet ×", "日本\u3000語", "[bold]x[/]", "\udc80"])
def test_one_line_without_controls_is_plain(text: str) -> None:
    assert is_plain(text)
    for char in "\0\t\n\r\x1b\x7f\x85\x9b\u2028\u2029":
        assert not is_plain(f"{text}{char}b")


@given(st.text())
def test_text_is_made_printable_and_otherwise_kept(text: str) -> None:
    shown = printable(text)
    assert is_plain(shown) and printable(shown) == shown
    shown.encode()
    assert shown == text or not text.isprintable()
    assert printable("a\x1b[2Jb\n\u202egnp.exe \udc80") == r"a\x1b[2Jb\n\u202egnp.exe \udc80"


def test_bytes_have_a_unit() -> None:
    shown = {1: "1 byte", 999: "999 bytes", 46_080: "46.1 kB", 1_204_500_000: "1,204.5 MB"}
    assert {count: format_bytes(count) for count in shown} == shown


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("tain", "train"),
        ("TRAIN", "train"),
        ("batch_size", "batch-size"),
        ("frist-try", "first-try"),
        ("xyz", None),
        ("", None),
        ("t" * 10_000, None),
    ],
)
def test_an_error_suggests_a_similar_word(word: str, near: str | None) -> None:
    words = ("train", "batch-size", "first-try")
    assert nearest(word, words) == near
    assert did_you_mean(word, words) == (f": did you mean '{near}'?" if near else "")
    assert did_you_mean(word, ()) == ""
