from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganctl.text import did_you_mean, format_bytes, is_plain, nearest, printable


@pytest.mark.parametrize("text", ["", "a b", "Fréchet ×", "日本\u3000語", "[bold]x[/]", "\udc80"])
def test_one_line_is_plain(text: str) -> None:
    assert is_plain(text)


@pytest.mark.parametrize("char", "\0\t\n\r\x1b\x7f\x85\x9b\u2028\u2029")
def test_a_control_character_is_not(char: str) -> None:
    assert not is_plain(f"a{char}b")


def test_what_a_terminal_would_obey_is_written_out() -> None:
    assert printable("a\x1b[2Jb\n") == r"a\x1b[2Jb\n"
    assert printable("\u202egnp.exe \udc80") == r"\u202egnp.exe \udc80"


def test_bytes_are_told_in_their_largest_unit() -> None:
    told = {1: "1 byte", 999: "999 bytes", 46_080: "46.1 kB", 1_204_500_000: "1,204.5 MB"}
    assert {count: format_bytes(count) for count in told} == told


@given(st.text())
def test_text_is_inert_and_otherwise_as_it_was(text: str) -> None:
    shown = printable(text)
    assert is_plain(shown) and printable(shown) == shown
    shown.encode()
    if text.isprintable():
        assert shown == text


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
def test_the_word_that_was_meant(word: str, near: str | None) -> None:
    assert nearest(word, ("train", "batch-size", "first-try")) == near
    assert did_you_mean(word, ()) == ""


def test_an_error_may_end_in_what_was_meant() -> None:
    assert did_you_mean("tain", ["train"]) == ": did you mean 'train'?"
