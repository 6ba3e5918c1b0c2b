"""A run that is stopped or killed anywhere, and resumed, ends bit for bit as one that was not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from ganctl.config import TrainConfig
from ganctl.models import networks
from ganctl.runs.run_dir import RunDir
from ganctl.training import callbacks
from ganctl.training.session import Session

from .helpers import Diverging, assert_equal, checkpoint, new_session, resumed, trained

# Each with a learning rate that falls, an average, sample grids, evaluations and the best one kept.
KINDS: dict[str, dict[str, Any]] = {
    "default": {"keep": 2},
    "classic": {"recipe": "classic", "decay_after": 0},
    "conditional": {"conditional": True, "batch_size": 50, "precision": "bf16"},
    "wasserstein": {"objective": "wasserstein", "eval_every": 2},
    "conv conditional": {"arch": "conv", "conditional": True, "objective": "hinge"},
}
EVERY_EPOCH: dict[str, Any] = {"sample_every": 1, "eval_every": 1, "checkpoint_every": 1}
SCHEDULE: dict[str, Any] = {"decay_after": 4, "decay_floor": 0.1}


@pytest.fixture(autouse=True)
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callbacks, "MONITOR_IMAGES", 60)


def left(run: RunDir) -> dict[str, bytes]:
    """Return all files of a run, without the times that it took."""
    files = {
        path.relative_to(run.folder).as_posix(): path.read_bytes()
        for path in sorted(run.folder.rglob("*"))
        if path.is_file()
    }
    lines = [json.loads(line) for line in files.pop("metrics.jsonl").splitlines()]
    for line in lines:
        del line["images_per_second"], line["seconds"]
    return files | {"metrics": json.dumps(lines).encode()}


class Killed(BaseException):
    """The process ends without saving."""


def killed_at(session: Session, step: int) -> Callable[[], bool]:
    def kill() -> bool:
        if session.state.step == step:
            raise Killed
        return False

    return kill


def stopped_at(session: Session, step: int, evaluated: bool = True) -> Callable[[], bool]:
    """Return a ``should_stop`` for ``step``; at an epoch's end: after or in its evaluation."""
    state, ends = session.state, step % session.steps == 0

    def should_stop() -> bool:
        in_evaluation = ends and bool(state.epoch_totals.any())
        return state.step == step and not (in_evaluation and evaluated)

    return should_stop


@pytest.mark.parametrize("kind", KINDS)
def test_a_stopped_run_ends_as_the_one_that_was_not(
    kind: str, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = EVERY_EPOCH | SCHEDULE | KINDS[kind]

    def new(folder: str) -> Session:
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        return new_session(small_data, **given)

    whole = new("whole")
    assert whole.train()
    expected = left(whole.run)
    assert {"last.safetensors", "best.safetensors", "samples/000003.png"} <= expected.keys()

    # Before the first step, during an evaluation, after it, and within an epoch.
    session, steps = new("stopped"), whole.steps
    for step, evaluated in ((0, True), (steps, False), (steps, True), (steps + 1, True)):
        if step == steps and not evaluated and given["eval_every"] > 1:
            continue
        assert not session.train(should_stop=stopped_at(session, step, evaluated))
        assert session.state.step == step
        session = resumed()
    assert session.train()
    assert left(session.run) == expected

    session = new("killed")
    for step in (steps - 1, steps, 2 * steps + 1):
        with pytest.raises(Killed):
            session.train(should_stop=killed_at(session, step))
        session = resumed()
    assert session.train()
    assert left(session.run) == expected


@pytest.mark.parametrize("stop", [2, 7])
def test_a_run_that_went_back_ends_as_the_one_that_was_not_stopped(
    stop: int, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped before the checkpoint that it goes back to, or after the rollback."""
    found = []
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        diverging = Diverging({6}, monkeypatch)
        given: dict[str, Any] = (
            EVERY_EPOCH | SCHEDULE | {"max_rollbacks": 1, "eval_every": 0, "keep": 2}
        )
        session = new_session(small_data, **given)
        if name == "stopped":
            state, rollbacks = session.state, int(stop > 6)
            where = lambda s=state, r=rollbacks: (s.step, s.rollbacks) == (stop, r)  # noqa: E731
            assert not session.train([diverging], where)
            session = resumed()
        assert session.train([diverging])
        assert session.state.rollbacks == 1
        found.append(left(session.run))
    assert found[0] == found[1]


def test_a_run_that_is_made_longer_ends_as_the_longer_one(small_data: Path) -> None:
    """With a constant rate: one that falls to the end depends on where the end is."""
    trained(small_data, decay_after=0)
    assert resumed(epochs=5).train()
    longer = trained(small_data, "five", decay_after=0, epochs=5)
    run = RunDir(longer.folder.with_name("run"))
    assert_equal(checkpoint(run).tensors, checkpoint(longer).tensors)


class Residual(nn.Module):
    """x + f(x), with layers that need only autograd."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.GroupNorm(2, channels), nn.SiLU(), nn.Conv2d(channels, channels, 3, padding=1)
        )

    def forward(self, x: Any) -> Any:
        return x + self.branch(x)


class OwnNetworks:
    """An architecture of a user's own, as a module of ``ganctl.models`` would define it."""

    @staticmethod
    def generator_layers(config: TrainConfig) -> list[nn.Module]:
        layers = [nn.Linear(config.latent_dim, 4 * 49), nn.Unflatten(1, (4, 7, 7)), Residual(4)]
        up = nn.Upsample(scale_factor=4)
        return [*layers, up, nn.InstanceNorm2d(4), nn.Conv2d(4, 1, 3, padding=1), nn.Tanh()]

    @staticmethod
    def discriminator_layers(config: TrainConfig) -> list[nn.Module]:
        first = nn.utils.parametrizations.spectral_norm(nn.Conv2d(1, 4, 4, stride=4))
        return [first, Residual(4), nn.Dropout(0), nn.Flatten(), nn.Linear(4 * 49, 1)]


def test_networks_of_other_layers_train_and_resume_too(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(networks.ARCHITECTURES, "conv", OwnNetworks)
    given = EVERY_EPOCH | {"arch": "conv", "epochs": 2}
    whole = trained(small_data, "whole", **given)
    session = new_session(small_data, **given)
    assert not session.train(should_stop=stopped_at(session, 5))
    again = resumed(session.run.folder)
    assert again.train()
    assert_equal(checkpoint(again.run).tensors, checkpoint(whole).tensors)
