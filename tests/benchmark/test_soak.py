from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ganctl.benchmark import soak
from ganctl.benchmark.soak import Look, bench_soak, result_of

from ..conftest import Ganctl


def test_the_ends_of_a_run_are_compared_by_their_medians() -> None:
    looks = [Look(epoch, 100 if epoch < 60 else 110, 7) for epoch in range(100)]
    looks[3] = Look(3, 10**9, 99)  # before it has settled
    lines: list[dict[str, Any]] = [
        {"step": 5 * (epoch + 1), "seconds": 1.0 if epoch < 60 else 2.0} for epoch in range(100)
    ]
    found = result_of(looks, lines, 9.0)
    assert (found.memory_early, found.memory_late) == (100, 110)
    assert found.memory_growth == pytest.approx(0.1)
    assert (found.files_early, found.files_late) == (7, 7)
    assert (found.step_early, found.step_late) == (0.2, 0.4)


@pytest.mark.parametrize(
    ("memory", "files", "said"),
    [
        (101, 7, ""),
        (98, 6, ""),
        (103, 7, "memory grew by 3.0%, more than 2%"),
        (100, 8, "open files grew from 7 to 8"),
    ],
)
def test_what_grows_is_a_leak_and_exits_5(
    memory: int, files: int, said: str, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = [Look(epoch, 100 if epoch < 50 else memory, 7) for epoch in range(80)]
    looks += [Look(epoch, memory, files) for epoch in range(80, 100)]
    lines: list[dict[str, Any]] = [{"step": 5, "seconds": 1.0} for _ in looks]
    found = result_of(looks, lines, 9.0)
    assert found.leak == said
    monkeypatch.setattr(soak, "bench_soak", lambda *_: found)
    for options in ((), ("--json",)):
        outcome = ganctl("bench", "soak", *options)
        assert outcome.code == (5 if said else 0) and outcome.out
        assert outcome.err.startswith(f"error: {said}\nhint: " if said else "")


def test_a_real_run_is_watched(small_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "EVERY_EPOCH", ["--eval-every", "0"])
    found = bench_soak(str(small_data), 12, 1, True, lambda _: None)
    assert found.epochs == 12 and found.memory_early > 10**8 and found.files_late < 30
