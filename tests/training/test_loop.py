"""The loop: batches, schedules, callbacks, stops and divergence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision import transforms

from ganctl.data import load_data
from ganctl.errors import CheckFailed
from ganctl.training import loop
from ganctl.training.distributed import World
from ganctl.training.loop import Callback, Diverged, Training, epoch_batches, epoch_steps, scale
from ganctl.training.progress import Progress

from .helpers import (
    Diverging,
    Measured,
    at,
    checkpoint,
    metrics,
    new_session,
    resumed,
    trained,
)

NOTE = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5], [0.5])])


class Recorder(Callback):
    """Records the callbacks, with the step that each was called at."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self.reports: list[Progress] = []
        for name in [name for name in dir(Callback) if name.startswith("on_")]:
            setattr(self, name, self._record(name))

    def _record(self, name: str) -> Any:
        def call(training: Training, *arguments: Any) -> None:
            self.calls.append((name, training.state.step))
            self.reports += [each for each in arguments if isinstance(each, Progress)]

        return call


def test_images_are_scaled_as_by_torchvision_to_the_last_bit(small_data: Path) -> None:
    images = load_data(str(small_data)).images
    expected = torch.stack([NOTE(Image.fromarray(image[0])) for image in images])
    assert torch.equal(scale(torch.from_numpy(images)), expected)
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert torch.equal(scale(torch.from_numpy(levels)[None]), NOTE(Image.fromarray(levels)))


def test_an_epoch_takes_every_image_once_in_a_new_order() -> None:
    def order(epoch: int, rollbacks: int = 0) -> list[int]:
        return torch.cat(epoch_batches(7, epoch, 200, 64, rollbacks)).tolist()

    orders = [order(0), order(1), order(0, 1), order(0, 2)]
    assert all(sorted(each) == list(range(200)) for each in orders)
    assert len(set(map(tuple, orders))) == 4
    assert order(0, 1) == orders[2]


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(128, [64, 64]), (129, [64, 64]), (130, [64, 64, 2]), (2, [2]), (64, [64]), (65, [64])],
)
def test_the_last_batch_is_kept_unless_it_is_one_image(count: int, sizes: list[int]) -> None:
    assert [len(batch) for batch in epoch_batches(0, 0, count, 64)] == sizes
    assert epoch_steps(count, 64) == len(sizes)


def test_images_that_would_fill_a_gpu_stay_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.zeros(1000, 784, dtype=torch.uint8)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (2 * images.nbytes - 1, 10**9))
    assert loop._place(images, torch.device("cuda")) is images


def test_the_seed_decides_the_weights(small_data: Path) -> None:
    weights = [
        checkpoint(trained(small_data, name, epochs=1, seed=seed)).tensors[
            "generator_ema.layers.0.weight"
        ]
        for name, seed in (("one", 5), ("same", 5), ("other", 6))
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_callbacks_are_called_in_order_and_told_the_progress(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "REPORT_SECONDS", 0)
    seen, session = Recorder(), new_session(small_data, epochs=2)
    assert not session.train([seen], at(session, 6))
    epoch = [("on_progress", 1), ("on_progress", 2), ("on_progress", 3)]
    epoch += [("on_evaluate", 4), ("on_epoch_end", 4)]
    assert seen.calls == [
        ("on_start", 0),
        *epoch,
        ("on_progress", 5),
        ("on_stop", 6),
        ("on_end", 6),
    ]
    progress = seen.reports[1]
    assert (progress.epoch, progress.epochs, progress.step, progress.steps) == (1, 2, 2, 4)
    assert 0 < progress.d_real < 1 and progress.images_per_second > 0
    assert str(progress).startswith("epoch 1/2, step 2/4: G ")

    seen, session = Recorder(), resumed(epochs=3, max_rollbacks=1)
    assert session.train([seen, Diverging({9}, monkeypatch)])
    calls = [call for call in seen.calls if call[0] != "on_progress"]
    assert calls == [
        ("on_start", 6),
        ("on_evaluate", 8),
        ("on_epoch_end", 8),
        ("on_diverged", 9),
        ("on_rollback", 8),
        ("on_evaluate", 12),
        ("on_epoch_end", 12),
        ("on_end", 12),
    ]


def test_all_callbacks_end_also_if_one_raises(small_data: Path) -> None:
    """In reverse order, so that the error of the files that could not be written comes last."""
    ended = []

    class Ending(Callback):
        def __init__(self, name: str) -> None:
            self._name = name

        def on_end(self, training: Training) -> None:
            ended.append(self._name)
            raise ValueError(self._name)

    with pytest.raises(ValueError, match="first"):
        new_session(small_data, epochs=1).train([Ending("first"), Ending("second")])
    assert ended == ["second", "first"]


def test_only_the_main_process_has_callbacks(small_data: Path) -> None:
    session, seen = new_session(small_data), Recorder()
    Training(
        session.state, session.data, session.config, session.run, [seen], world=World(1, 2)
    ).emit("on_start")
    assert seen.calls == []


def test_no_process_ends_before_the_main_one_has_saved(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torchrun takes the first end for a failure, and ends all others."""
    session, saved = new_session(small_data), list[int]()

    def agree(_: World, here: bool, device: torch.device) -> bool:
        if session.run.checkpoint.exists():
            saved.append(checkpoint(session.run).step)
        return here

    monkeypatch.setattr(World, "any", agree)
    assert not session.train(should_stop=at(session, 3))
    assert saved[-1] == 3


@pytest.mark.parametrize(
    ("decay_after", "floor", "rates"),
    [
        (0, 0.0, [1] * 8),
        (8, 0.0, [1] * 8),
        (4, 0.0, [1, 1, 1, 1, 1, 0.75, 0.5, 0.25]),
        (4, 0.6, [1, 1, 1, 1, 1, 0.75, 0.6, 0.6]),
        (6, 0.0, [1] * 7 + [0.5]),
    ],
)
def test_the_learning_rate_falls_linearly_to_its_floor(
    decay_after: int, floor: float, rates: list[float], small_data: Path
) -> None:
    session = new_session(small_data, epochs=2, lr=0.01, decay_after=decay_after, decay_floor=floor)
    seen: list[float] = []

    def look() -> bool:
        seen.append(session.state.adam.lr)
        return False

    assert session.train(should_stop=look)
    seen = [*seen[1:], session.state.adam.lr]
    assert seen == pytest.approx([0.01 * rate for rate in rates])


def test_the_average_is_updated_every_few_steps(small_data: Path) -> None:
    session, seen = new_session(small_data, ema_every=3, epochs=2), list[Tensor]()

    def look() -> bool:
        seen.append(session.state.vectors["generator_ema"].detach().clone())
        return False

    assert session.train(should_stop=look)
    moved = [not torch.equal(a, b) for a, b in zip(seen[:-1], seen[1:], strict=True)]
    assert moved == [True, False, False, True, False, False, True]


@pytest.mark.parametrize(("recipe", "penalised"), [("default", True), ("classic", False)])
def test_the_recipe_decides_on_the_r1_penalty(
    recipe: str, penalised: bool, small_data: Path
) -> None:
    weights = []
    for name, weight in (("own", None), ("none", 0.0)):
        session = new_session(small_data, name, recipe=recipe, r1_weight=weight)
        assert not session.train(should_stop=at(session, 1))
        weights.append(session.state.vectors["discriminator"])
    assert torch.equal(*weights) is not penalised


def test_the_penalties_are_applied_every_few_steps(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Wasserstein objective has its own penalty in place of R1."""
    calls: list[tuple[str, int]] = []
    session = new_session(small_data, "one", objective="wasserstein", epochs=2)
    for name in ("add_r1_penalty", "add_lipschitz_penalty"):
        penalise = lambda *_, name=name: calls.append((name, session.state.step))  # noqa: E731
        monkeypatch.setattr(loop, name, penalise)
    assert session.train()
    assert calls == [("add_lipschitz_penalty", 0), ("add_lipschitz_penalty", 4)]
    calls.clear()
    session = new_session(small_data, "two", r1_every=3, epochs=2)
    assert session.train()
    assert calls == [("add_r1_penalty", 0), ("add_r1_penalty", 3), ("add_r1_penalty", 6)]


def test_a_huge_learning_rate_stops_the_run_at_the_next_step(small_data: Path) -> None:
    session = new_session(small_data, lr=1e30)
    with pytest.raises(CheckFailed, match=r"diverged: a (loss|gradient) is NaN .* after 1 step"):
        session.train()
    assert checkpoint(session.run).step == 0


def test_an_infinite_gradient_stops_the_run_before_the_weights_change(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = new_session(small_data)
    with pytest.raises(Diverged, match="a gradient is NaN or infinite after 6 steps") as caught:
        session.train([Diverging({6}, monkeypatch)])
    assert all(bool(torch.isfinite(each).all()) for each in session.state.vectors.values())
    for path in (session.run.checkpoint, session.run.diverged):
        assert str(path) in caught.value.hint


def test_a_loss_that_is_nan_stops_the_run_before_the_weights_change(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = new_session(small_data)
    found = torch.tensor([0.7, float("nan"), 0.5, 0.5])  # g_loss, d_loss, D(x), D(G(z))
    monkeypatch.setattr(loop, "adversarial_step", lambda *_: found)
    before = session.state.vectors["generator"].detach().clone()
    with pytest.raises(Diverged, match="a loss is NaN or infinite after 0 steps"):
        session.train()
    assert torch.equal(session.state.vectors["generator"], before)


def test_an_infinite_weight_is_neither_drawn_nor_saved(small_data: Path) -> None:
    session = new_session(small_data, epochs=1, sample_every=1)

    def break_last() -> bool:
        if session.state.step == 3:
            session.state.adam.betas = (float("nan"), 0.999)
        return False

    with pytest.raises(CheckFailed, match="a weight is NaN or infinite") as caught:
        session.train(should_stop=break_last)
    assert str(session.run.checkpoint) in caught.value.hint
    assert checkpoint(session.run).step == 0
    assert not session.run.sample(1).exists()


def test_a_run_goes_back_as_often_as_it_may_and_on_in_another_order(
    small_data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session = new_session(small_data, max_rollbacks=2)
    assert session.train([Diverging({2, 6}, monkeypatch)])  # before the first checkpoint, and after
    assert [message.split("; ")[1] for message in caplog.messages] == [
        "going back to step 0 and on in another order (1 of 2)",
        "going back to step 4 and on in another order (2 of 2)",
    ]
    assert [line["step"] for line in metrics(session.run)] == [4, 8, 12]
    assert int(checkpoint(session.run).tensors["rollbacks"]) == 2
    again = new_session(small_data, "again", max_rollbacks=1)
    with pytest.raises(Diverged):
        again.train([Diverging({2, 6}, monkeypatch)])


def test_without_a_checkpoint_a_run_goes_back_to_its_beginning(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = new_session(small_data, epochs=1, max_rollbacks=1)

    def remove() -> bool:
        session.run.checkpoint.unlink(missing_ok=True)
        return False

    assert session.train([Diverging({2}, monkeypatch)], remove)
    assert (session.state.step, session.state.rollbacks) == (4, 1)


def test_a_rollback_restores_the_measurement(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = new_session(small_data, max_rollbacks=1)
    stop = lambda: session.state.rollbacks > 0  # noqa: E731
    assert not session.train([Measured(7), Diverging({5}, monkeypatch)], stop)
    assert checkpoint(session.run).card.quality == {"frechet_distance": 7}


def test_colour_images_of_64_pixels_train(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for index in range(8):
        pixels = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{index}.png")
    shape: dict[str, Any] = {"img_size": 64, "channels": 3, "batch_size": 4}
    run = trained(tmp_path / "images", epochs=1, sample_every=1, **shape)
    with Image.open(run.sample(1)) as picture:
        assert picture.size == (8 * 66 + 2, 8 * 66 + 2)
    assert checkpoint(run).card.image_shape == (3, 64, 64)
