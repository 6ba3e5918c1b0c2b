from __future__ import annotations

from pathlib import Path

import pytest

from ganctl.benchmark import kills
from ganctl.benchmark.kills import DAMAGED, EVERY_EPOCH, NONE, Tally, bench_kills
from ganctl.benchmark.processes import watched
from ganctl.runs.run_dir import RunDir


def test_nothing_is_lost_by_kills(monkeypatch: pytest.MonkeyPatch) -> None:
    """The short version of ``ganctl bench kills``: runs of three epochs, one after another."""
    monkeypatch.setattr(kills, "IMAGES", 200)
    monkeypatch.setattr(kills, "EPOCHS", 3)
    monkeypatch.setattr(kills, "EVERY_EPOCH", [*EVERY_EPOCH, "--eval-every", "5"])
    found = bench_kills(8, "mlp", False, 0, lambda _: None)
    assert (found.kills, found.lost, found.same) == (8, 0, True)
    assert found.recovered + found.from_the_beginning + found.after_the_end == 8
    assert found.finished >= 1


@pytest.mark.parametrize(
    ("lives", "expected"),
    [
        ([(True, NONE), (True, NONE)], {"anew": 2}),
        ([(True, 5), (True, 5), (True, 5)], {"pending": 3}),  # nothing has gone on from it
        ([(True, 5), (True, 5), (True, 10)], {"recovered": 2, "pending": 1}),
        ([(True, 5), (False, 20)], {"recovered": 1}),
        ([(True, 5), (True, 20)], {"recovered": 1, "too_late": 1}),
        ([(True, 10), (True, 5)], {"lost": 2}),
        ([(True, 10), (True, NONE)], {"lost": 2}),
        ([(True, DAMAGED)], {"lost": 1}),
    ],
)
def test_a_kill_is_recovered_from_once_a_step_is_taken(
    lives: list[tuple[bool, int]], expected: dict[str, int]
) -> None:
    tally = Tally(last=20)
    for was_killed, step in lives:
        tally.add(was_killed, step)
    kinds = ("recovered", "anew", "too_late", "lost", "pending")
    assert {kind: getattr(tally, kind) for kind in kinds if getattr(tally, kind)} == expected
    assert sum(expected.values()) == tally.kills == sum(was_killed for was_killed, _ in lives)


def test_a_run_that_ends_by_itself_is_not_killed(tmp_path: Path) -> None:
    """As one does that was killed after its last save, and is begun again."""
    with watched(["--version"], tmp_path) as process:
        assert not kills._finish(process)


def test_what_is_left_is_compared_without_times(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    run.append_metrics({"step": 1, "seconds": 2.0, "images_per_second": 3.0})
    for name in ("curves.png", "report.html", ".report.html.0123.tmp"):  # speeds are drawn in them
        (tmp_path / name).touch()
    (tmp_path / ".lock").write_text("1\n")
    assert kills.left(run) == {".report.html.0123.tmp": b"", "metrics.jsonl": b'[{"step": 1}]'}
