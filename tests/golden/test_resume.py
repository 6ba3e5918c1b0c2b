"""A run that was stopped, and then killed, ends as the run that nobody disturbed: to the bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from .conftest import in_process, write_digits

OPTIONS = "--epochs 4 --batch-size 4 --checkpoint-every 2 --sample-every 2 --eval-every 0"
RUNS = {
    "mlp": "",
    "conv conditional": "--arch conv --conditional",
    "classic": "--recipe classic",
}
IMAGES, EPOCHS, STEPS = 80, 4, 20
TIMES = ("images_per_second", "seconds")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which every run was trained twice; see `tests.golden.killed`."""
    folder = tmp_path_factory.mktemp("killed")
    write_digits(folder / "data", IMAGES)
    options = [f"{each} {OPTIONS} --precision fp32" for each in RUNS.values()]
    program = ("-m", "tests.golden.killed", folder / "data", STEPS)
    done = in_process(*program, *options, cwd=folder, PYTHONPATH=str(Path(__file__).parents[2]))
    assert done.returncode == 0, done.stderr.decode()
    return folder


@pytest.mark.parametrize("kind", RUNS)
def test_a_killed_run_ends_as_the_one_that_was_not(kind: str, trained: Path) -> None:
    number = str(list(RUNS).index(kind))
    killed = trained / "killed" / number
    assert STEPS < int((killed / "stopped_at").read_text()) < STEPS * 2  # in the second epoch
    ours, theirs = killed / "checkpoints/run", trained / "whole" / number / "checkpoints/run"
    tensors, expected = (load_file(run / "last.safetensors") for run in (ours, theirs))
    assert tensors.keys() == expected.keys() and len(tensors) > 20
    for name, values in expected.items():
        assert np.array_equal(tensors[name], values), name
    assert figures(ours) == figures(theirs) and len(figures(ours)) == EPOCHS
    names = [path.name for path in sorted(ours.glob("samples/*.png"))]
    assert names == [f"{epoch:06}.png" for epoch in (0, 2, EPOCHS)]
    for name in names:
        assert (ours / "samples" / name).read_bytes() == (theirs / "samples" / name).read_bytes()


def figures(run: Path) -> list[dict[str, float]]:
    """Return the lines of metrics.jsonl without the times."""
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [{key: value for key, value in line.items() if key not in TIMES} for line in lines]
