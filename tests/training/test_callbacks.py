"""Evaluation, sample grids, health checks and TensorBoard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ganctl.data import load_data
from ganctl.errors import CheckFailed
from ganctl.evaluation.monitor import Monitor
from ganctl.images import Pixels, make_grid
from ganctl.latents import class_labels, draw, seeded
from ganctl.training import callbacks, health, loop
from ganctl.training.callbacks import MONITOR_START, SAMPLES, TAGS, summary_writer
from ganctl.training.checkpoint import as_function, load_checkpoint, load_generator
from ganctl.training.loop import Callback, Training

from .helpers import (
    Diverging,
    assert_equal,
    at,
    checkpoint,
    metrics,
    new_session,
    resumed,
    trained,
)


@pytest.fixture(autouse=True)
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluate few images, for speed."""
    monkeypatch.setattr(callbacks, "MONITOR_IMAGES", 100)


class Shown(Callback):
    """Keeps the sample images that are drawn."""

    def __init__(self) -> None:
        self.images: list[Pixels] = []
        self.epochs: list[int | None] = []

    def on_samples(self, training: Training, images: Pixels, epoch: int | None) -> None:
        self.images.append(images)
        self.epochs.append(epoch)


def drawn(path: Path, start: int, count: int) -> tuple[Pixels, Any]:
    """Draw with a checkpoint's generator as ``ganctl sample`` does."""
    generator, card = load_generator(path)
    inputs = seeded(0, card.latent_dim, card.class_shares)
    images = draw(as_function(generator), inputs, start=start, count=count, batch_size=64)
    return np.concatenate(list(images)), inputs(start, count)[1]


def picture(path: Path) -> Any:
    with Image.open(path) as image:
        return np.asarray(image)


def test_the_evaluation_measures_images_that_a_user_would_hardly_draw(small_data: Path) -> None:
    """Of the generator in the checkpoint and with the classes of the data."""
    run = trained(small_data, epochs=2, eval_every=1, conditional=True)
    data = load_data(str(small_data))
    counts = np.bincount(data.labels, minlength=10)  # type: ignore[arg-type]
    saved = checkpoint(run)
    assert saved.card.class_shares == tuple((counts / 200).tolist())
    images, labels = drawn(run.checkpoint, MONITOR_START, 100)
    assert np.array_equal(labels, class_labels(0, MONITOR_START, 100, saved.card.class_shares))
    expected = Monitor(data, 100, threads=1)(images, labels)
    assert saved.card.quality == expected
    assert expected.items() <= metrics(run)[1].items()
    distances = [line["frechet_distance"] for line in metrics(run)]
    best = load_checkpoint(run.best)
    assert best.card.quality["frechet_distance"] == min(distances) > 0


@pytest.mark.parametrize(("every", "expected"), [(0, []), (1, [1, 2, 3]), (2, [2, 3])])
def test_evaluations_are_made_when_they_are_due(
    every: int, expected: list[int], small_data: Path
) -> None:
    run = trained(small_data, eval_every=every, sample_every=every)
    measured = [line["epoch"] for line in metrics(run) if "frechet_distance" in line]
    assert measured == expected
    grids = [int(path.stem) for path in run.samples()]
    assert grids == ([0, *expected] if every else [])


def test_an_evaluation_changes_nothing_in_the_training(small_data: Path) -> None:
    evaluated = checkpoint(trained(small_data, "evaluated", eval_every=1)).tensors
    assert evaluated.pop("best_distance") > 0
    assert_equal(evaluated, checkpoint(trained(small_data, "other")).tensors)


@pytest.mark.parametrize("asked", [0, 1, 2])
def test_a_stop_interrupts_an_evaluation_anywhere(asked: int, small_data: Path) -> None:
    session, at_the_end = new_session(small_data, eval_every=1), iter(range(10**9))
    stop = lambda: session.state.step == 4 and next(at_the_end) == asked  # noqa: E731
    assert not session.train(should_stop=stop)
    assert session.state.step == 4
    assert not session.run.metrics.exists()
    assert resumed().train()
    assert [line["epoch"] for line in metrics(session.run)] == [1, 2, 3]
    whole = trained(small_data, "whole", eval_every=1)
    assert [line["frechet_distance"] for line in metrics(session.run)] == [
        line["frechet_distance"] for line in metrics(whole)
    ]


@pytest.mark.parametrize("conditional", [False, True])
def test_a_sample_grid_shows_what_the_checkpoint_draws(conditional: bool, small_data: Path) -> None:
    run = trained(small_data, epochs=1, sample_every=1, conditional=conditional)
    images, _ = drawn(run.checkpoint, 0, SAMPLES)
    assert np.array_equal(picture(run.sample(1)), make_grid(images))


@pytest.mark.parametrize("recipe", ["default", "classic"])
def test_previews_change_nothing(
    recipe: str, small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {"recipe": recipe, "sample_every": 2}
    without = trained(small_data, "without", **given)
    monkeypatch.setattr(loop, "REPORT_SECONDS", 0)
    monkeypatch.setattr(callbacks, "PREVIEW_SHARE", 1e9)  # at every report
    monkeypatch.setattr(callbacks, "PREVIEW_SECONDS", 0)
    session, shown = new_session(small_data, "with", **given), Shown()
    assert session.train([shown], previews=True)
    preview: list[int | None] = [None] * 3
    assert shown.epochs == [0, *preview, None, *preview, 2, *preview, 3]
    assert {images.shape for images in shown.images} == {(SAMPLES, 1, 28, 28)}
    assert_equal(checkpoint(session.run).tensors, checkpoint(without).tensors)
    for epoch in (0, 2, 3):
        assert session.run.sample(epoch).read_bytes() == without.sample(epoch).read_bytes()
    assert np.array_equal(picture(session.run.sample(3)), make_grid(shown.images[-1]))


def test_a_preview_that_cannot_be_drawn_stops_nothing(small_data: Path) -> None:
    class Refusing(Callback):
        calls = 0

        def on_samples(self, training: Training, images: Pixels, epoch: int | None) -> None:
            self.calls += 1
            raise CheckFailed("the generator draws NaN", "")

    refusing = Refusing()
    assert new_session(small_data, epochs=1).train([refusing], previews=True)
    assert refusing.calls == 1


@pytest.mark.parametrize("where", ["sample_every", "eval_every"])
@pytest.mark.parametrize(
    ("kinds", "warning"), [(1, "the generator is dead"), (3, "mode collapse"), (200, "")]
)
def test_few_different_images_are_one_warning(
    kinds: int,
    warning: str,
    where: str,
    small_data: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(health, "WARM_UP", 5)  # the second of three epochs
    every: dict[str, Any] = {where: 1}
    session = new_session(small_data, **every)

    def draw_few(_: Training, start: int, count: int) -> Iterator[Pixels]:
        yield np.resize(session.data.images[:kinds], (count, 1, 28, 28))

    monkeypatch.setattr(Training, "draw", draw_few)
    assert not session.train(should_stop=at(session, 7))
    assert caplog.messages == []
    assert resumed().train()
    messages = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert [warning in message for message in messages] == ([True] if warning else [])


@pytest.mark.parametrize(("objective", "warned"), [("hinge", True), ("wasserstein", False)])
def test_a_saturated_discriminator_is_one_warning(
    objective: str,
    warned: bool,
    small_data: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    won = torch.tensor([4.0, 0.01, 0.99, 0.01])  # g_loss, d_loss, D(x), D(G(z))
    monkeypatch.setattr(loop, "adversarial_step", lambda *_: won.clone())
    trained(small_data, objective=objective)
    found = ["the discriminator recognises all images" in message for message in caplog.messages]
    assert found == ([True] if warned else [])


def events(name: str = "run") -> EventAccumulator:
    found = EventAccumulator(f"checkpoints/{name}/tensorboard")
    found.Reload()
    return found


def test_tensorboard_has_metrics_and_samples_also_of_a_resumed_run(small_data: Path) -> None:
    session = new_session(small_data, epochs=2, eval_every=1, sample_every=2, tensorboard=True)
    assert session.train()
    assert set(events().Tags()["scalars"]) == set(TAGS.values()) - {"quality/drawn as asked"}
    assert resumed(epochs=3, tensorboard=True).train()
    found = events()
    epochs = [(event.step, event.value) for event in found.Scalars("epoch")]
    assert epochs == [(4, 1), (8, 2), (12, 3)]
    images = found.Images("samples")
    assert [event.step for event in images] == [8, 12] and images[0].width == 242


def test_tensorboard_has_nothing_of_an_abandoned_future(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = new_session(small_data, max_rollbacks=1, keep=9, checkpoint_every=1, tensorboard=True)
    assert session.train([Diverging({10}, monkeypatch)])

    def assert_as_in_the_metrics() -> None:
        lines = metrics(session.run)
        for name in ("g_loss", "d_real"):
            found = [(event.step, event.value) for event in events().Scalars(TAGS[name])]
            expected = [(line["step"], pytest.approx(line[name])) for line in lines]
            assert found == expected and len(expected) == 3

    assert_as_in_the_metrics()
    assert resumed(session.run.snapshot(4), tensorboard=True).train()
    assert_as_in_the_metrics()


def test_a_full_disk_ends_tensorboard_with_one_warning_and_training_continues(
    small_data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Full:
        def __init__(self, *_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(callbacks, "summary_writer", lambda: Full)
    assert new_session(small_data, epochs=2, tensorboard=True).train()
    (message,) = caplog.messages
    assert "cannot write TensorBoard files: no space left on device" in message


def test_tensorboard_closes_its_files_when_training_diverges(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, writer = [], summary_writer()

    class Writer(writer):  # type: ignore[misc, valid-type]
        def close(self) -> None:
            closed.append(True)
            super().close()

    monkeypatch.setattr(callbacks, "summary_writer", lambda: Writer)
    with pytest.raises(CheckFailed, match="diverged"):
        new_session(small_data, tensorboard=True).train([Diverging({6}, monkeypatch)])
    assert closed
