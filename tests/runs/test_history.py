from __future__ import annotations

import os
from pathlib import Path

from ganctl.runs.history import History, read_history
from ganctl.runs.run_dir import RunDir

from .made_up import config, lines, made_up


def test_what_is_torn_or_no_figures_is_left_out(tmp_path: Path) -> None:
    made_up(tmp_path / "run", config(), lines(4))
    path = tmp_path / "run/metrics.jsonl"
    whole = path.read_text()
    path.write_text(
        f'[1]\nnull\n{{"epoch": 1e999}}\n{"[" * 100_000}\n\x00\n{whole}{{"epoch": 5, "ste'
    )
    history = read_history(RunDir(tmp_path / "run"))
    assert history.lines == lines(4)
    assert history.series("frechet_distance") == ([2, 4], [50, 51])
    assert history.series("g_loss", "step")[0] == [157, 314, 471, 628]
    assert history.best == (50, 2) and history.measured["frechet_distance"] == 51
    assert (history.last("epoch"), history.last("frechet_distance")) == (4, 51)


def test_missing_figures_are_no_figures(tmp_path: Path) -> None:
    nothing = read_history(RunDir(tmp_path))
    assert (nothing.best, nothing.measured, nothing.last("epoch")) == (None, {}, None)
    odd = History([{"epoch": "one", "g_loss": None}, {"g_loss": True}, {"epoch": 3}])
    assert odd.series("g_loss") == ([], [])
    os.mkfifo(tmp_path / "metrics.jsonl")
    assert read_history(RunDir(tmp_path)).lines == []
