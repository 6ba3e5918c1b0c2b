"""What a run would take."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganctl.config import RunOptions
from ganctl.errors import BadInput
from ganctl.training import estimate as estimate_module
from ganctl.training.estimate import WARM_UP, estimate

from .helpers import trained


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate_module, "SECONDS", 0.0)


def test_an_estimate_takes_a_few_steps_and_writes_nothing(small_data: Path, tmp_path: Path) -> None:
    given = {"data": str(small_data), "precision": "fp32", "r1_every": 4, "epochs": 1}
    found = estimate(given, RunOptions(name="run", device="cpu"))
    assert list(tmp_path.iterdir()) == []
    assert found.folder == Path("checkpoints/run")
    assert (found.config.data, found.config.epochs) == (str(small_data), 1)
    assert (found.generator, found.discriminator) == (1_510_032, 533_505)
    assert (found.steps, found.measured) == (4, 4)  # as many penalties as in a run
    assert found.step_seconds > 0
    assert found.epoch_seconds == pytest.approx(4 * found.step_seconds)
    assert found.images_per_second == pytest.approx(200 / found.epoch_seconds)
    assert found.memory > 50_000_000 and found.gpu_memory is None
    assert WARM_UP > 0


def test_what_a_run_would_refuse_is_refused(small_data: Path) -> None:
    trained(small_data, epochs=1)
    with pytest.raises(BadInput, match="exists"):
        estimate({"data": str(small_data)}, RunOptions(name="run", device="cpu"))
    with pytest.raises(BadInput, match="none"):
        estimate({"data": "none"}, RunOptions(device="cpu"))
