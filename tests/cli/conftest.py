"""What the tests of commands share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, on a machine that does nothing else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ganctl.training.device._busy_cores", lambda: 0.0)
