from __future__ import annotations

import json
from contextlib import nullcontext
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from benchmarks import soak
from benchmarks.soak import Look, bench_soak, growth, summarize
from ganctl.errors import CheckFailed


def looks_of(memory: list[int], files: list[int], epoch_cpu: list[float]) -> list[Look]:
    return [Look(*each) for each in zip(memory, files, accumulate(epoch_cpu), strict=True)]


def test_the_medians_of_both_ends_are_compared() -> None:
    memory, files = [100] * 60 + [110] * 40, [7] * 100
    memory[3], files[3] = 10**9, 99  # before it has settled
    cpu = [99.0] * 10 + [1.0] * 50 + [1.5] * 40  # the first epochs, with the start, do not count
    lines: list[dict[str, Any]] = [
        {"step": 5 * (epoch + 1), "seconds": 1.0 if epoch < 60 else 2.0} for epoch in range(100)
    ]
    found = summarize(looks_of(memory, files, cpu), lines)
    assert (found["memory_early"], found["memory_late"]) == (100, 110)
    assert found["memory_growth"] == pytest.approx(0.1)
    assert (found["files_early"], found["files_late"]) == (7, 7)
    assert (found["cpu_early"], found["cpu_late"]) == (1.0, 1.5)
    assert found["cpu_growth"] == pytest.approx(0.5)
    assert (found["step_early"], found["step_late"]) == (0.2, 0.4)


@pytest.mark.parametrize(
    ("memory", "files", "cpu", "problem"),
    [
        (101, 7, 1.09, ""),
        (98, 6, 0.5, ""),
        (103, 7, 1.0, "memory grew by 3.0%, more than 2%"),
        (100, 8, 1.0, "open files grew from 7 to 8"),
        (100, 7, 1.2, "the processor time of an epoch grew by 20.0%, more than 10%"),
    ],
)
def test_growth_is_a_failed_check(
    memory: int,
    files: int,
    cpu: float,
    problem: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    looks = looks_of([100] * 80 + [memory] * 20, [7] * 80 + [files] * 20, [1.0] * 80 + [cpu] * 20)
    lines: list[dict[str, Any]] = [{"step": 5, "seconds": 1.0} for _ in looks]
    found = summarize(looks, lines) | {"seconds": 9.0}
    assert growth(found) == problem
    monkeypatch.setattr(soak, "bench_soak", lambda *_: found)
    for options in ([], ["--json"]):
        with pytest.raises(CheckFailed, match=problem) if problem else nullcontext():
            soak.main(options)
    table, _, text = capsys.readouterr().out.partition("{")
    assert "100 epochs in 0:09" in table and json.loads("{" + text) == found


@pytest.mark.slow
def test_a_real_run_is_watched(small_data: Path) -> None:
    found = bench_soak(str(small_data), 16, 1, True)
    assert found["epochs"] == 16
    assert found["memory_early"] > 10**8 and found["files_late"] < 30
    assert found["memory_growth"] < 0.1 and found["files_early"] == found["files_late"]
    assert found["cpu_early"] > 0 and found["step_early"] > 0
