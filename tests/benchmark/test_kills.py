from __future__ import annotations

from pathlib import Path

import pytest

from ganctl.benchmark import kills
from ganctl.benchmark.kills import EVERY_EPOCH, bench_kills
from ganctl.training.run import Run


def test_nothing_is_lost_by_kills(monkeypatch: pytest.MonkeyPatch) -> None:
    """The short version of ``ganctl bench kills``: nine lives and the one that is not disturbed."""
    monkeypatch.setattr(kills, "IMAGES", 200)
    monkeypatch.setattr(kills, "EVERY_EPOCH", [*EVERY_EPOCH, "--eval-every", "5"])
    found = bench_kills(8, "mlp", False, 0, lambda _: None)
    assert (found.kills, found.lost, found.same) == (8, 0, True)
    assert found.recovered + found.from_the_beginning == 8


def test_what_is_left_is_compared_without_times(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.append_metrics({"step": 1, "seconds": 2.0, "images_per_second": 3.0})
    for name in (".x.tmp", "curves.png", ".report.html.0123.tmp"):  # speeds are drawn in them
        (tmp_path / name).touch()
    assert kills.left(run) == {".x.tmp": b"", "metrics.jsonl": b'[{"step": 1}]'}
