from __future__ import annotations

from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from ganctl.benchmark import soak
from ganctl.benchmark.soak import Look, bench_soak, result_of

from ..conftest import Ganctl


def looks_of(memory: list[int], files: list[int], epoch_cpu: list[float]) -> list[Look]:
    ends = accumulate(epoch_cpu)
    return [
        Look(*each) for each in zip(range(1, len(memory) + 1), memory, files, ends, strict=True)
    ]


def test_the_ends_of_a_run_are_compared_by_their_medians() -> None:
    memory, files = [100] * 60 + [110] * 40, [7] * 100
    memory[3], files[3] = 10**9, 99  # before it has settled
    cpu = [99.0] * 10 + [1.0] * 50 + [1.5] * 40  # and the first, with the start
    lines: list[dict[str, Any]] = [
        {"step": 5 * (epoch + 1), "seconds": 1.0 if epoch < 60 else 2.0} for epoch in range(100)
    ]
    found = result_of(looks_of(memory, files, cpu), lines, 9.0)
    assert (found.memory_early, found.memory_late) == (100, 110)
    assert found.memory_growth == pytest.approx(0.1)
    assert (found.files_early, found.files_late) == (7, 7)
    assert (found.cpu_early, found.cpu_late) == (1.0, 1.5)
    assert found.cpu_growth == pytest.approx(0.5)
    assert (found.step_early, found.step_late) == (0.2, 0.4)


@pytest.mark.parametrize(
    ("memory", "files", "cpu", "said"),
    [
        (101, 7, 1.09, ""),
        (98, 6, 0.5, ""),
        (103, 7, 1.0, "memory grew by 3.0%, more than 2%"),
        (100, 8, 1.0, "open files grew from 7 to 8"),
        (100, 7, 1.2, "an epoch's processor time grew by 20.0%, more than 10%"),
    ],
)
def test_what_grows_exits_5(
    memory: int, files: int, cpu: float, said: str, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = looks_of([100] * 80 + [memory] * 20, [7] * 80 + [files] * 20, [1.0] * 80 + [cpu] * 20)
    lines: list[dict[str, Any]] = [{"step": 5, "seconds": 1.0} for _ in looks]
    found = result_of(looks, lines, 9.0)
    assert found.growth == said
    monkeypatch.setattr(soak, "bench_soak", lambda *_: found)
    for options in ((), ("--json",)):
        outcome = ganctl("bench", "soak", *options)
        assert outcome.code == (5 if said else 0) and outcome.out
        assert outcome.err.startswith(f"error: {said}\nhint: " if said else "")


def test_a_real_run_is_watched(small_data: Path) -> None:
    found = bench_soak(str(small_data), 16, 1, True, lambda _: None)
    assert found.epochs == 16 and found.memory_early > 10**8 and found.files_late < 30
    assert found.memory_growth < 0.1 and found.files_early == found.files_late
    assert found.cpu_early > 0 and found.step_early > 0
