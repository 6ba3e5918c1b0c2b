"""Going back, to a checkpoint or an older one, costs nothing better and counts nothing twice."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ganctl.config import train_config
from ganctl.errors import BadInput, OutOfResources
from ganctl.images import Pixels
from ganctl.latents import Labels
from ganctl.runs.run_dir import RunDir
from ganctl.training import loop, record
from ganctl.training.checkpoint import load_checkpoint
from ganctl.training.distributed import World
from ganctl.training.loop import Training
from ganctl.training.observer import Measure, Stopped
from ganctl.training.progress import Progress
from ganctl.training.start import resume_run, start_run

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def begun(small_data: Path, notes: list[str] | None = None, **changes: Any) -> Training:
    """Return a run of three epochs, four steps each, that saves after every one."""
    fields: dict[str, Any] = {"epochs": 3, "checkpoint_every": 1, "sample_every": 0}
    config = train_config(data=str(small_data), **(fields | changes))
    notes = [] if notes is None else notes
    return start_run(config, "run", CPU, True, notes.append)


def resumed(path: Path) -> Training:
    checkpoint = load_checkpoint(path)
    return resume_run(RunDir(path.parent), checkpoint, checkpoint.config, CPU, lambda _: None)


def ignore(_: Progress) -> None:
    pass


def never() -> bool:
    return False


def at(training: Training, step: int) -> Callable[[], bool]:
    return lambda: training.state.step >= step


def measuring(*distances: float) -> Measure:
    """Return a measure that finds these distances, one after the other."""
    following: Iterator[float] = iter(distances)

    def measure(images: Pixels, labels: Labels | None) -> dict[str, float]:
        return {"frechet_distance": next(following)}

    return measure


def sick_at(steps: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a gradient be infinite before the steps of those numbers, once each."""
    check: Callable[..., None] = loop.Training._check_gradients

    def poisoned(training: Training, figures: torch.Tensor) -> None:
        if training.state.step in steps:
            steps.discard(training.state.step)
            training._vector_gradients[0][7] = float("inf")
        check(training, figures)

    monkeypatch.setattr(loop.Training, "_check_gradients", poisoned)


def best(run: RunDir) -> float:
    return load_checkpoint(run.best).card.quality["frechet_distance"]


def kept(run: RunDir) -> list[int]:
    return sorted(int(path.stem.partition("-")[2]) for path in run.folder.glob("step-*"))


def test_after_a_rollback_no_worse_generator_takes_the_best_ones_place(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best is measured at step 8, and step 10 goes back to the checkpoint of step 4."""
    sick_at({10}, monkeypatch)
    training = begun(small_data, eval_every=1, max_rollbacks=1)
    training.measure = measuring(7, 5, 6, 5.5)

    def lose(progress: Progress) -> None:
        if progress.epoch == 1 and progress.step == progress.steps:
            monkeypatch.setattr(training._record, "save", lambda _: None)

    assert training.train(lose, never)
    lines = [json.loads(line) for line in training.run.metrics.read_text().splitlines()]
    assert [line["frechet_distance"] for line in lines] == [7, 6, 5.5]
    assert best(training.run) == 5


def test_from_an_older_checkpoint_on_neither(small_data: Path) -> None:
    first = begun(small_data, eval_every=1, keep=9)
    first.measure = measuring(7, 5, 6)
    assert first.train(ignore, never)
    again = resumed(first.run.snapshot(4))
    again.measure = measuring(6, 5.5)
    assert again.train(ignore, never)
    assert best(first.run) == 5


def test_an_older_checkpoint_is_the_newest_before_training_goes_on(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a run that is killed, or diverges, would go on from the future that was left behind."""
    first = begun(small_data, keep=9, max_rollbacks=1, checkpoint_every=2)
    assert first.train(ignore, never)
    sick_at({10}, monkeypatch)
    again, newest = resumed(first.run.snapshot(8)), list[int]()

    def look() -> bool:
        newest.append(load_checkpoint(again.run.checkpoint).step)
        return again.state.rollbacks > 0

    assert not again.train(ignore, look)
    assert set(newest) == {8} and again.state.step == 8
    assert len(newest) == 4  # at steps 8, 9, 10 and 8 again


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"broken")])
def test_a_best_generator_that_is_gone_or_broken_is_told_and_replaced_by_the_next(
    damage: Callable[[Path], object], small_data: Path
) -> None:
    notes: list[str] = []
    training = begun(small_data, notes, eval_every=1)
    training.measure = measuring(3, 5, 6)

    def lose(progress: Progress) -> None:
        if progress.epoch == 1 and progress.step == progress.steps:
            damage(training.run.best)

    assert training.train(lose, never)
    assert best(training.run) == 5
    (told,) = notes
    assert "best.safetensors is gone, or damaged" in told and "distance of 3.0, is lost" in told


def test_how_good_the_best_was_is_in_the_checkpoint(small_data: Path) -> None:
    """Whatever became of its file, so that a loss is noticed after a restart too."""
    training = begun(small_data, eval_every=1, epochs=2)
    training.measure = measuring(3, 5)
    assert training.train(ignore, never)
    checkpoint = load_checkpoint(training.run.checkpoint)
    assert checkpoint.tensors["best_distance"] == 3
    assert resumed(training.run.checkpoint).state.best_distance == 3


def test_of_the_checkpoints_that_are_kept_the_lasts_copy_is_one(small_data: Path) -> None:
    training = begun(small_data, keep=2)
    seen = []

    def look(progress: Progress) -> None:
        if progress.step == progress.steps:
            seen.append(kept(training.run))

    assert training.train(look, never)
    assert seen == [[4], [4, 8], [8, 12]]
    assert training.run.snapshot(12).read_bytes() == training.run.checkpoint.read_bytes()


def test_going_back_drops_the_later_checkpoints_at_once(small_data: Path) -> None:
    first = begun(small_data, keep=3)
    assert first.train(ignore, never)
    again = resumed(first.run.snapshot(4))
    seen = []

    def third() -> bool:
        seen.append(kept(again.run))
        return again.state.step == 7

    assert not again.train(ignore, third)
    assert seen[0] == [4]
    assert kept(again.run) == [4, 7]
    assert load_checkpoint(again.run.checkpoint).step == 7


def test_room_is_made_before_a_copy_is_written_and_after_the_last_is_safe(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = begun(small_data, keep=2)
    seen = []
    write: Callable[[Path, bytes], None] = vars(record)["write_atomic"]

    def watched(path: Path, data: bytes) -> None:
        if path.suffix == ".safetensors":
            seen.append((path.name[:4], kept(training.run)))
        write(path, data)

    monkeypatch.setattr(record, "write_atomic", watched)
    assert training.train(ignore, never)
    assert seen[-2:] == [("last", [4, 8]), ("step", [8])]


def test_a_copy_that_fails_is_told_and_no_failure_of_the_run(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []
    training = begun(small_data, notes, keep=1)
    write: Callable[[Path, bytes], None] = vars(record)["write_atomic"]

    def failing(path: Path, data: bytes) -> None:
        if path == training.run.snapshot(12):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, data)

    monkeypatch.setattr(record, "write_atomic", failing)
    assert training.train(ignore, never)
    assert len(notes) == 1 and "no space left" in notes[0]
    assert load_checkpoint(training.run.checkpoint).step == 12


def test_a_stop_at_an_epochs_end_keeps_its_figures(small_data: Path) -> None:
    """Also where it is stopped again before the first step, or goes back to an older one."""
    training = begun(small_data, eval_every=1, keep=3)
    training.measure = measuring(7, 5, 6)
    assert not training.train(ignore, lambda: training.state.step == 8 and training.quality != {})
    before = training.run.checkpoint.read_bytes()
    assert load_checkpoint(training.run.checkpoint).card.quality == {"frechet_distance": 5}
    assert not resumed(training.run.checkpoint).train(ignore, lambda: True)
    assert training.run.checkpoint.read_bytes() == before
    older = training.run.snapshot(4)
    assert not resumed(older).train(ignore, lambda: True)
    assert training.run.checkpoint.read_bytes() == older.read_bytes()


def test_figures_that_a_stop_has_cut_short_are_taken_again_and_once(small_data: Path) -> None:
    """Also where what goes on dies after it has recorded them, and goes on from the same place."""

    def cut(images: Pixels, labels: Labels | None) -> dict[str, float]:
        raise Stopped

    def die(progress: Progress) -> None:
        raise RuntimeError

    training = begun(small_data, eval_every=1, checkpoint_every=0)
    training.measure = cut
    assert not training.train(ignore, never)
    assert not training.run.metrics.exists()
    for _ in range(2):
        dying = resumed(training.run.checkpoint)
        dying.measure = measuring(7)
        with pytest.raises(RuntimeError):
            dying.train(die, never)
        assert dying.state.step == 4
    again = resumed(training.run.checkpoint)
    again.measure = measuring(7, 5, 6)
    assert again.train(ignore, never)
    lines = [json.loads(line) for line in training.run.metrics.read_text().splitlines()]
    assert [(line["epoch"], line["frechet_distance"]) for line in lines] == [(1, 7), (2, 5), (3, 6)]


def test_the_last_epochs_figures_may_be_cut_short_too(small_data: Path) -> None:
    training = begun(small_data, eval_every=1, epochs=1)
    training.measure = measuring(7)
    cut = iter([False] * 4 + [True])
    assert not training.train(ignore, lambda: next(cut))
    again = resumed(training.run.checkpoint)
    again.measure = measuring(7)
    assert not again.is_finished
    assert again.train(ignore, never)
    assert load_checkpoint(again.run.checkpoint).card.quality == {"frechet_distance": 7}


def test_a_stop_within_an_epoch_claims_no_figures(small_data: Path) -> None:
    training = begun(small_data, eval_every=1)
    training.measure = measuring(7, 5, 6)
    assert not training.train(ignore, at(training, 5))
    assert load_checkpoint(training.run.checkpoint).card.quality == {}


def test_an_older_copy_that_is_finished_costs_the_newest_nothing(small_data: Path) -> None:
    """As is asked for by ``--resume COPY --epochs 1``, which says that the epoch is trained."""
    first = begun(small_data, keep=9)
    assert first.train(ignore, never)
    before = {path: path.read_bytes() for path in first.run.folder.rglob("*") if path.is_file()}
    checkpoint = load_checkpoint(first.run.snapshot(4))
    one = replace(checkpoint.config, epochs=1)
    again = resume_run(first.run, checkpoint, one, CPU, lambda _: None)
    assert again.is_finished and again.train(ignore, never)
    left = {path: path.read_bytes() for path in first.run.folder.rglob("*") if path.is_file()}
    assert left == before


def test_who_cannot_replace_the_newest_checkpoint_does_not_go_back(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = begun(small_data, keep=9)
    assert first.train(ignore, never)
    figures = first.run.metrics.read_bytes()
    write: Callable[[Path, bytes], None] = vars(record)["write_atomic"]

    def failing(path: Path, data: bytes) -> None:
        if path == first.run.checkpoint:
            raise OutOfResources(f"cannot write {path}: no space left on device", "make room")
        write(path, data)

    monkeypatch.setattr(record, "write_atomic", failing)
    with pytest.raises(OutOfResources, match="no space left"):
        resumed(first.run.snapshot(4)).train(ignore, never)
    assert first.run.metrics.read_bytes() == figures
    assert load_checkpoint(first.run.checkpoint).step == 12
    assert kept(first.run) == [4, 8, 12]


def test_more_epochs_are_in_the_checkpoint_before_the_first_of_them(small_data: Path) -> None:
    """Or a run that is killed in it would have forgotten that more were asked for."""
    first = begun(small_data, epochs=1)
    assert first.train(ignore, never)
    checkpoint = load_checkpoint(first.run.checkpoint)
    longer = replace(checkpoint.config, epochs=5)
    seen = []

    def look() -> bool:
        seen.append(load_checkpoint(first.run.checkpoint))
        return True

    assert not resume_run(first.run, checkpoint, longer, CPU, lambda _: None).train(ignore, look)
    assert (seen[0].config.epochs, seen[0].step) == (5, 4)
    assert all(
        torch.equal(seen[0].tensors[name], checkpoint.tensors[name]) for name in checkpoint.tensors
    )


def test_what_a_kill_has_left_of_an_abandoned_future_is_removed(small_data: Path) -> None:
    """Copies and pictures, where it came right after the older checkpoint had become the newest."""
    first = begun(small_data, keep=3, sample_every=1)
    assert first.train(ignore, never)
    first.run.checkpoint.write_bytes(first.run.snapshot(8).read_bytes())
    again = resumed(first.run.checkpoint)
    assert not again.train(ignore, lambda: True)
    assert kept(again.run) == [4, 8]
    assert sorted(path.stem for path in again.run.folder.glob("samples/*")) == [
        f"{epoch:06d}" for epoch in (0, 1, 2)
    ]


def test_of_two_new_runs_with_one_name_the_second_leaves_the_first_alone(small_data: Path) -> None:
    """It was made ready before the first began, and begins after that one's end."""
    first, second = begun(small_data), begun(small_data)
    assert first.train(ignore, never)
    with pytest.raises(BadInput, match="another process has gone on with run"):
        second.train(ignore, never)
    assert load_checkpoint(first.run.checkpoint).step == 12


def test_no_process_ends_a_stop_before_the_leading_one_has_saved(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torchrun takes the first end for a failure, and ends all the others."""
    training, saved = begun(small_data), []

    def agree(_: World, here: bool, device: torch.device) -> bool:
        saved.append(load_checkpoint(training.run.checkpoint).step)
        return here

    monkeypatch.setattr(World, "any", agree)
    monkeypatch.setattr(Training, "_check_found", lambda _: None)  # asks too, before all
    assert not training.train(ignore, at(training, 3))
    assert saved[-1] == 3
