from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import pytest

from benchmarks import kills
from benchmarks.common import running
from benchmarks.kills import DAMAGED, NONE, OPTIONS, Tally, bench_kills
from ganctl.errors import CheckFailed
from ganctl.runs.run_dir import RunDir


@pytest.mark.slow
def test_nothing_is_lost_by_kills(monkeypatch: pytest.MonkeyPatch) -> None:
    """The short version of ``python -m benchmarks.kills``: runs of three epochs."""
    monkeypatch.setattr(kills, "IMAGES", 200)
    monkeypatch.setattr(kills, "EPOCHS", 3)
    monkeypatch.setattr(kills, "OPTIONS", [*OPTIONS, "--eval-every", "5"])
    found = bench_kills(8, "mlp", False, 0)
    assert (found["kills"], found["lost"], found["same"]) == (8, 0, True)
    assert found["recovered"] + found["from_the_beginning"] + found["after_the_end"] == 8
    assert found["finished"] >= 1


@pytest.mark.parametrize(
    ("lives", "expected"),
    [
        ([(True, NONE), (True, NONE)], {"from_the_beginning": 2}),
        ([(True, 5), (True, 5), (True, 5)], {"pending": 3}),  # nothing has gone on from it
        ([(True, 5), (True, 5), (True, 10)], {"recovered": 2, "pending": 1}),
        ([(True, 5), (False, 20)], {"recovered": 1}),
        ([(True, 5), (True, 20)], {"recovered": 1, "after_the_end": 1}),
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
    kinds = ("recovered", "from_the_beginning", "after_the_end", "lost", "pending")
    assert {kind: getattr(tally, kind) for kind in kinds if getattr(tally, kind)} == expected
    assert sum(expected.values()) == tally.kills == sum(was_killed for was_killed, _ in lives)


def test_a_run_that_ends_by_itself_is_not_killed(tmp_path: Path) -> None:
    """As one does that was killed after its last save, and is begun again."""
    with running(["--version"], tmp_path) as process:
        assert not kills.was_killed(process)


def test_what_is_left_is_compared_without_times(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    run.append_metrics({"step": 1, "seconds": 2.0, "images_per_second": 3.0})
    for name in ("curves.png", "report.html", ".report.html.0123.tmp"):  # speeds are drawn in them
        (tmp_path / name).touch()
    (tmp_path / ".lock").write_text("1\n")
    assert kills.contents(run) == {".report.html.0123.tmp": b"", "metrics.jsonl": b'[{"step": 1}]'}


@pytest.mark.parametrize("lost", [0, 2])
def test_a_loss_is_printed_and_fails(
    lost: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = {"at_start": 1, "while_writing": 0, "recovered": 7, "from_the_beginning": 1}
    counts |= {"after_the_end": 0, "lost": lost, "finished": 1, "same": not lost, "epochs": 8}
    monkeypatch.setattr(
        kills, "bench_kills", lambda times, *_: {"kills": times, **counts} | {"seconds": 9.0}
    )
    for options in ([], ["--json"]):
        with pytest.raises(CheckFailed, match="has lost something") if lost else nullcontext():
            kills.main(["--times", "8", *options])
    table, _, text = capsys.readouterr().out.partition("{")
    assert f"lost: {lost}" in table and json.loads("{" + text)["kills"] == 8
