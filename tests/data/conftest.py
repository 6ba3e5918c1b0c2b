from __future__ import annotations

from collections.abc import Iterator

import pytest

from .server import Server


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A web server on this machine, reached without any proxy."""
    monkeypatch.setenv("no_proxy", "*")
    with Server() as running:
        yield running
