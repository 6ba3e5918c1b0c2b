from __future__ import annotations

import logging
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Work in a folder of the test's own, and collect all notes for the user."""
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.INFO, "ganctl")
