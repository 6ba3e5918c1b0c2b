from __future__ import annotations

import sys

import pytest

from ganctl.cli.progress import Bar


def shown(capsys: pytest.CaptureFixture[str], in_bytes: bool) -> str:
    with Bar(in_bytes) as bar:
        bar.show("first.gz", 500_000, None)
        bar.show("[second].gz", 1_000_000, 2_000_000)
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_a_pipe_gets_no_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bar, "DELAY", 0.0)
    assert shown(capsys, in_bytes=True) == ""


@pytest.mark.parametrize(("in_bytes", "counts"), [(True, "1.0/2.0 MB"), (False, "1000000/2000000")])
def test_a_terminal_gets_one_when_it_takes_long(
    in_bytes: bool,
    counts: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert shown(capsys, in_bytes) == ""
    monkeypatch.setattr(Bar, "DELAY", 0.0)
    seen = shown(capsys, in_bytes)
    assert "[second].gz" in seen and counts in seen
