from __future__ import annotations

from pathlib import Path

import pytest

from ganctl.environment import RUNS
from ganctl.errors import CheckFailed
from ganctl.runs.run_dir import RunDir
from ganctl.training.describe import describe_run


def test_a_run_is_what_its_folder_holds(workplace: Path) -> None:
    run = RunDir(RUNS / "small")
    found = describe_run(run)
    assert found.best is not None and found.best.card.quality["frechet_distance"] > 0
    assert found.best.groups.keys() == {"generator_ema"}
    assert found.samples == 2  # the first of the untrained generator
    assert found.size == sum(path.stat().st_size for path in RUNS.rglob("*") if path.is_file())
    run.best.unlink()
    assert describe_run(run).best is None


def test_a_damaged_best_is_no_best(workplace: Path) -> None:
    run = RunDir(RUNS / "small")
    run.best.write_bytes(run.best.read_bytes()[:-1])
    with pytest.raises(CheckFailed, match="best.safetensors is damaged"):
        describe_run(run)
