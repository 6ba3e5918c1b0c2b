from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.ganctl_loop import GanctlLoop
from ganctl.config import TrainConfig
from ganctl.data import load_data
from ganctl.training.callbacks import SampleGrids
from ganctl.training.loop import Training
from ganctl.training.run_files import RunFiles

Loop = Callable[..., GanctlLoop]


class StepClock:
    """Says one second a finished step, and so much a finished epoch, a sample and a checkpoint."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        for owner, name, seconds in (
            (Training, "_step", 1.0),
            (Training, "_check_weights", 5.0),
            (SampleGrids, "_draw", 20.0),
            (RunFiles, "_save", 100.0),
        ):
            patch.setattr(owner, name, self._slower(getattr(owner, name), seconds))

    def _slower(self, method: Callable[..., None], seconds: float) -> Callable[..., None]:
        def slower(*arguments: object) -> None:
            method(*arguments)
            self.now += seconds

        return slower

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def loop(small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GanctlLoop:
    config = TrainConfig(recipe="classic", precision="fp32")
    data, clock = load_data(str(small_data)), StepClock(monkeypatch)
    return GanctlLoop(config, data, tmp_path / "run", clock)


def test_the_clock_runs_over_the_steps_alone(loop: GanctlLoop) -> None:
    assert loop.run(1, 2) == 64  # images a second, a step taking one; what is saved is outside
    assert loop.session.state.step == 3
    assert loop.session.run.checkpoint.exists()


def test_it_goes_on_where_it_stopped_and_counts_partial_batches(loop: GanctlLoop) -> None:
    loop.run(0, 2)
    # 64 and 8 images to the epoch's end, which checks the weights, then 64 of the next
    assert loop.run(0, 3) == pytest.approx((64 + 8 + 64) / (3 + 5))
    assert loop.session.state.step == 5


def test_around_is_what_an_epochs_end_adds_at_the_default_settings(loop: GanctlLoop) -> None:
    """A check of the weights each epoch; samples and a checkpoint every tenth."""
    assert loop.around(repeats=2) == pytest.approx(5 + (20 + 100) / 10)
    assert loop.session.run.sample(10).exists()
