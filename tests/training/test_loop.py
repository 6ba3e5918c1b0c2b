from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganctl.config import MEASURED, TrainConfig, train_config
from ganctl.data import ImageData, load_data
from ganctl.drawing import draw
from ganctl.errors import CheckFailed
from ganctl.images import Pixels, grid
from ganctl.inputs import seeded
from ganctl.latents import Labels, class_labels
from ganctl.models.networks import Generator
from ganctl.runs.run_dir import RunDir
from ganctl.training import health, loop, observer, progress
from ganctl.training.checkpoint import load_checkpoint
from ganctl.training.ema import recompute_statistics
from ganctl.training.generate import as_function, load_generator
from ganctl.training.observer import MEASURED_START, SAMPLES, Observer
from ganctl.training.progress import Progress
from ganctl.training.start import resume_run, start_run
from ganctl.training.state import under

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def ignore(_: object) -> None:
    pass


def never() -> bool:
    return False


def after(steps: int) -> Callable[[], bool]:
    """Return a should_stop that says yes when asked for the time after ``steps``."""
    asked: Iterator[int] = iter(range(10**9))
    return lambda: next(asked) >= steps


def config(small_data: Path, recipe: str = "default", **changes: Any) -> TrainConfig:
    return train_config(recipe=recipe, data=str(small_data), **({"epochs": 3} | changes))


def run(chosen: TrainConfig, name: str) -> RunDir:
    training = start_run(chosen, name, CPU, True, ignore)
    assert training.train(ignore, never)
    return training.run


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


@pytest.fixture
def data(small_data: Path) -> ImageData:
    return load_data(str(small_data))


def test_a_run_leaves_what_the_design_says(small_data: Path) -> None:
    folder = run(config(small_data, sample_every=2, checkpoint_every=2), "one").folder
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    assert files == [
        "config.json",
        "last.safetensors",
        "metrics.jsonl",
        "samples/000000.png",
        "samples/000002.png",
        "samples/000003.png",
    ]
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [(line["epoch"], line["step"]) for line in lines] == [(1, 4), (2, 8), (3, 12)]
    assert all(0 < line["d_real"] < 1 and line["images_per_second"] > 0 for line in lines)
    card = load_checkpoint(folder / "last.safetensors").card
    assert (card.epochs, card.steps, card.data_count, card.weights) == (3, 12, 200, "ema")
    assert card.class_names == tuple("0123456789")
    assert str(small_data) not in card.to_json()
    assert size_of(folder / "samples" / "000003.png") == (242, 242)


def test_the_same_seed_trains_the_same_weights(small_data: Path) -> None:
    checkpoints = [
        load_checkpoint(run(config(small_data, seed=seed), name).checkpoint)
        for name, seed in (("one", 5), ("two", 5), ("other", 6))
    ]
    weights = [checkpoint.tensors["generator.layers.0.weight"] for checkpoint in checkpoints]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize(
    ("recipe", "conditional"), [("default", False), ("classic", False), ("default", True)]
)
@pytest.mark.parametrize("stops", [[4], [6], [1, 1, 3]])
def test_a_run_that_was_stopped_ends_as_one_that_was_not(
    recipe: str, conditional: bool, stops: list[int], small_data: Path
) -> None:
    chosen = config(small_data, recipe, conditional=conditional)
    whole = run(chosen, "whole")
    training = start_run(chosen, "stopped", CPU, True, ignore)
    for steps in stops:
        assert not training.train(ignore, after(steps))
        checkpoint = load_checkpoint(training.run.checkpoint)
        training = resume_run(training.run, checkpoint, checkpoint.config, CPU, ignore)
    assert training.train(ignore, never)
    one, other = load_checkpoint(whole.checkpoint), load_checkpoint(training.run.checkpoint)
    assert one.tensors.keys() == other.tensors.keys()
    for name, tensor in one.tensors.items():
        assert torch.equal(tensor, other.tensors[name]), name
    samples = [RunDir(r.folder).sample(3).read_bytes() for r in (whole, training.run)]
    assert samples[0] == samples[1]
    figures = [
        [json.loads(line) for line in r.metrics.read_text().splitlines()]
        for r in (whole, training.run)
    ]
    for ours, theirs in zip(*figures, strict=True):
        for name in ("epoch", "step", "g_loss", "d_loss", "d_real", "d_fake"):
            assert ours[name] == theirs[name], name


@pytest.mark.parametrize("recipe", ["default", "classic"])
def test_a_run_that_is_looked_at_trains_the_same(
    recipe: str, small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = config(small_data, recipe, sample_every=2)
    unseen = run(chosen, "unseen")
    training = start_run(chosen, "seen", CPU, True, ignore)
    shown: list[Pixels] = []
    training.on_samples = shown.append
    monkeypatch.setattr(progress, "REPORT_SECONDS", 0)
    monkeypatch.setattr(observer, "PREVIEW_SHARE", 1e9)  # at every report
    monkeypatch.setattr(observer, "PREVIEW_SECONDS", 0)
    assert training.train(ignore, never)
    assert len(shown) == 1 + 3 * 4  # the untrained one, and at every report
    assert {images.shape for images in shown} == {(SAMPLES, 1, 28, 28)}
    one, other = load_checkpoint(unseen.checkpoint), load_checkpoint(training.run.checkpoint)
    assert one.tensors.keys() == other.tensors.keys()
    for name, tensor in one.tensors.items():
        assert torch.equal(tensor, other.tensors[name]), name
    assert unseen.sample(2).read_bytes() == training.run.sample(2).read_bytes()
    with Image.open(training.run.sample(3)) as picture:
        assert np.array_equal(np.asarray(picture), grid(shown[-1]))


def test_a_preview_is_nearly_what_would_be_drawn(small_data: Path) -> None:
    training = start_run(config(small_data), "run", CPU, True, ignore)
    assert not training.train(ignore, after(9))
    state = training.state
    latents, _ = seeded(0, 100, ())(0, 64)
    preview, drawn = (
        as_function(generator)(latents, None)
        for generator in (state.preview_generator(), state.drawing_generator())
    )
    assert 0 < np.abs(preview - drawn).mean() < 0.1


def test_a_preview_that_cannot_be_drawn_stops_nothing(small_data: Path) -> None:
    training = start_run(config(small_data, epochs=1, sample_every=0), "run", CPU, True, ignore)

    def refuse(_: object) -> None:
        raise CheckFailed("the generator draws values that are not finite", "")

    training.on_samples = refuse
    assert training.train(ignore, never)


def test_what_is_saved_has_batchnorm_statistics_of_its_own(small_data: Path) -> None:
    checkpoint = load_checkpoint(run(config(small_data, ema_every=1), "one").checkpoint)
    saved = under("generator_ema", checkpoint.tensors)
    generator = Generator(checkpoint.config.model)
    generator.load_state_dict(saved)
    recompute_statistics(generator)
    live = under("generator", checkpoint.tensors)
    for name, value in generator.state_dict().items():
        assert torch.equal(value, saved[name]), name
        assert not name.endswith("running_mean") or not torch.equal(value, live[name])


@pytest.mark.parametrize(("recipe", "penalised"), [("default", True), ("classic", False)])
def test_the_recipe_decides_on_the_gradient_penalty(
    recipe: str, penalised: bool, small_data: Path
) -> None:
    weights = []
    for name, changes in (("own", {}), ("none", {"r1_weight": 0.0})):
        training = start_run(config(small_data, recipe, **changes), name, CPU, True, ignore)
        assert not training.train(ignore, after(1))
        weights.append(next(training.state.discriminator.parameters()))
    assert torch.equal(*weights) is not penalised


@pytest.mark.parametrize(("steps", "moved"), [(1, True), (2, False), (4, False), (5, True)])
def test_the_wasserstein_objective_has_a_penalty_of_its_own_every_fourth_step(
    steps: int, moved: bool, small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    training = start_run(config(small_data, objective="wasserstein"), "run", CPU, True, ignore)

    def penalise(*arguments: object) -> None:
        asked.append(training.state.step)

    monkeypatch.setattr(loop, "add_lipschitz_penalty", penalise)
    monkeypatch.setattr(loop, "add_gradient_penalty", lambda *_: pytest.fail("R1 as well"))
    assert not training.train(ignore, after(steps))
    assert (asked[-1] == steps - 1) is moved


def test_a_weight_that_is_not_finite_is_never_drawn_nor_saved(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = start_run(config(small_data, epochs=1, sample_every=1), "sick", CPU, True, ignore)
    assert not training.train(ignore, after(3))
    before = training.run.checkpoint.read_bytes()
    monkeypatch.setattr(loop.Training, "_rate", float("inf"))
    with pytest.raises(CheckFailed, match="a weight is not finite") as caught:
        training.train(ignore, never)
    assert str(training.run.checkpoint) in caught.value.hint
    assert training.run.checkpoint.read_bytes() == before
    assert not training.run.sample(1).exists()


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
def test_the_rate_falls_in_a_line_to_its_floor(
    decay_after: int, floor: float, rates: list[float], small_data: Path
) -> None:
    settled = config(
        small_data, epochs=2, decay_after=decay_after, decay_floor=floor, lr=0.01
    )  # four steps each
    training = start_run(settled, "one", CPU, True, ignore)
    seen = []
    for _ in rates:
        training.train(ignore, after(1))
        seen.append(training.state.adam.lr)
    assert seen == pytest.approx([0.01 * rate for rate in rates])


def test_the_average_follows_every_few_steps(small_data: Path) -> None:
    training = start_run(config(small_data, ema_every=3), "one", CPU, True, ignore)
    seen = []
    while not training.train(ignore, after(1)):
        average = training.state.generator_ema
        assert average is not None
        seen.append(next(average.parameters()).clone())
    moved = [not torch.equal(a, b) for a, b in zip(seen[:-1], seen[1:], strict=True)]
    assert moved == [False, False, True, False, False, True, False, False, True, False]


def test_a_loss_that_is_not_finite_stops_the_run_within_its_epoch(small_data: Path) -> None:
    """A huge rate throws the weights so far that the next step's loss overflows."""
    training = start_run(config(small_data, lr=1e30), "sick", CPU, True, ignore)
    with pytest.raises(CheckFailed, match=r"diverged: a (loss|gradient) is not finite after 1 st"):
        training.train(ignore, never)
    assert load_checkpoint(training.run.checkpoint).step == 0


def test_a_divergence_leaves_the_last_good_checkpoint(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = run(config(small_data, epochs=1), "sick")
    checkpoint = load_checkpoint(good.checkpoint)
    longer = replace(checkpoint.config, epochs=3)
    training = resume_run(good, checkpoint, longer, CPU, ignore)
    monkeypatch.setattr(loop.Training, "_rate", 1e30)
    with pytest.raises(CheckFailed, match="diverged") as caught:
        training.train(ignore, never)
    assert str(good.checkpoint) in caught.value.hint
    left = load_checkpoint(good.checkpoint)
    assert left.step == checkpoint.step
    assert all(torch.equal(left.tensors[name], checkpoint.tensors[name]) for name in left.tensors)


def test_the_generator_with_the_smallest_distance_is_kept(small_data: Path) -> None:
    distances = iter([5.0, 3.0, 4.0, 2.5, 9.0])
    seen = []

    def measure(images: Pixels, labels: Labels | None) -> dict[str, float]:
        assert labels is None
        seen.append(images)
        return {"frechet_distance": next(distances)}

    stopped = start_run(config(small_data, epochs=5, eval_every=1), "one", CPU, True, ignore)
    stopped.measure = measure
    assert not stopped.train(ignore, lambda: stopped.state.step >= 14)
    checkpoint = load_checkpoint(stopped.run.checkpoint)
    resumed = resume_run(stopped.run, checkpoint, checkpoint.config, CPU, ignore)
    resumed.measure = measure
    assert resumed.train(ignore, never)
    assert seen[0].shape == (MEASURED, 1, 28, 28)
    best = load_checkpoint(resumed.run.best)
    assert best.card.quality == {"frechet_distance": 2.5}
    assert best.card.epochs == 4
    assert {name.partition(".")[0] for name in best.tensors} == {"generator_ema"}


def test_a_conditional_run_draws_and_measures_its_classes(
    small_data: Path, data: ImageData
) -> None:
    training = start_run(config(small_data, epochs=1, conditional=True), "one", CPU, True, ignore)
    asked = []

    def measure(images: Pixels, labels: Labels | None) -> dict[str, float]:
        asked.append(labels)
        return {"frechet_distance": 1.0}

    training.measure = measure
    assert training.train(ignore, never)
    card = load_checkpoint(training.run.checkpoint).card
    assert data.labels is not None
    counts = np.bincount(data.labels, minlength=10)
    assert card.class_shares == tuple((counts / 200).tolist())
    expected = class_labels(0, MEASURED_START, MEASURED, card.class_shares)
    assert asked[0] is not None and np.array_equal(asked[0], expected)
    generator, _ = load_generator(training.run.checkpoint)
    inputs = seeded(0, 100, card.class_shares)
    images = draw(as_function(generator), inputs, start=0, count=SAMPLES, batch_size=SAMPLES)
    with Image.open(training.run.sample(1)) as picture:
        assert np.array_equal(np.asarray(picture), grid(np.concatenate(list(images))))


def test_measuring_changes_no_weight(small_data: Path) -> None:
    measured = start_run(config(small_data, eval_every=1), "measured", CPU, True, ignore)
    measured.measure = lambda images, _: {"frechet_distance": float(images.mean())}
    assert measured.train(ignore, never)
    other = run(config(small_data, eval_every=0), "other")
    tensors = load_checkpoint(measured.run.checkpoint).tensors
    expected = load_checkpoint(other.checkpoint).tensors
    assert tensors.keys() == expected.keys() | {"best_distance"}
    assert all(torch.equal(tensors[name], expected[name]) for name in expected)


@pytest.mark.parametrize(
    ("sample_every", "eval_every"), [(1, 0), (0, 1)], ids=["in the grid", "in what is measured"]
)
@pytest.mark.parametrize(
    ("kinds", "said"), [(1, "the generator is dead"), (3, "mode collapse"), (200, "")]
)
def test_few_pictures_are_said_once_where_they_are_seen(
    kinds: int,
    said: str,
    sample_every: int,
    eval_every: int,
    small_data: Path,
    data: ImageData,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "LEARNT", 5)  # the second of three epochs
    told: list[tuple[int, str]] = []
    chosen = config(small_data, sample_every=sample_every, eval_every=eval_every)
    training = start_run(chosen, "sick", CPU, True, ignore)
    training.notify = lambda line: told.append((training.state.step, line))
    training.measure = lambda *_: {"frechet_distance": 1.0}

    def draw(_: Observer, start: int, count: int) -> Iterator[Pixels]:
        yield np.resize(data.images[:kinds], (count, 1, 28, 28))

    monkeypatch.setattr(Observer, "_draw", draw)
    assert training.train(ignore, never)
    assert [(step, said in line) for step, line in told] == ([(8, True)] if said else [])


def test_a_discriminator_that_has_won_is_said_once(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    training = start_run(config(small_data), "sick", CPU, True, ignore)
    training.notify = told.append
    won = torch.tensor([4.0, 0.01, 0.99, 0.01])  # g_loss, d_loss, D(x), D(G(z))
    monkeypatch.setattr(training, "_gradients", lambda *_: won.clone())
    assert training.train(ignore, never)
    assert len(told) == 1 and "the discriminator tells all images apart" in told[0]


def test_progress_is_reported_at_each_epochs_end(small_data: Path) -> None:
    seen: list[Progress] = []
    training = start_run(config(small_data), "one", CPU, True, ignore)
    assert training.train(seen.append, never)
    ends = [each for each in seen if each.step == each.steps]
    assert [(p.epoch, p.epochs, p.step) for p in ends] == [(1, 3, 4), (2, 3, 4), (3, 3, 4)]


def test_colour_pictures_of_64_pixels_train(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for index in range(8):
        pixels = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "pictures" / f"{index}.png")
    finished = run(
        train_config(data="pictures", img_size=64, channels=3, epochs=1, batch_size=4), "big"
    )
    assert size_of(finished.sample(1)) == (8 * 66 + 2, 8 * 66 + 2)
    assert load_checkpoint(finished.checkpoint).card.image_shape == (3, 64, 64)
