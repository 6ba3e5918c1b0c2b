"""Writes that fail: they are told, tried again, and cost nothing that was saved before."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch

from ganctl.config import TrainConfig, train_config
from ganctl.errors import BadInput, OutOfResources
from ganctl.runs.run_dir import LAST, LOCK
from ganctl.training import loop, record
from ganctl.training.checkpoint import load_checkpoint
from ganctl.training.loop import Diverged, Training
from ganctl.training.progress import Progress
from ganctl.training.start import resume_run, start_run

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def config(small_data: Path, **changes: Any) -> TrainConfig:
    fields: dict[str, Any] = {"epochs": 3, "checkpoint_every": 1, "sample_every": 1}
    return train_config(data=str(small_data), **(fields | changes))


def begun(small_data: Path, notes: list[str], **changes: object) -> Training:
    return start_run(config(small_data, **changes), "run", CPU, True, notes.append)


def never() -> bool:
    return False


def ignore(_: Progress) -> None:
    pass


def failing(at: set[int], monkeypatch: pytest.MonkeyPatch, number: int = errno.EIO) -> None:
    """Let the saves of those numbers fail as a broken disk would, in the middle of the file."""
    saves, sync = iter(range(1, 100)), os.fsync

    def write_atomic(path: Path, data: bytes) -> None:
        if path.name != LAST:
            original(path, data)
            return
        broken = next(saves) in at
        with monkeypatch.context() as patch:
            if broken:
                patch.setattr(os, "fsync", fail)
            original(path, data)

    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    original: Callable[[Path, bytes], None] = vars(record)["write_atomic"]
    monkeypatch.setattr(record, "write_atomic", write_atomic)
    assert os.fsync is sync


def test_a_save_that_fails_is_told_and_the_next_is_tried(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing({1, 2}, monkeypatch)
    notes: list[str] = []
    training = begun(small_data, notes)
    assert training.train(ignore, never)
    assert len(notes) == 2
    assert all("last.safetensors: input/output error; training goes on" in note for note in notes)
    assert load_checkpoint(training.run.checkpoint).step == 12
    assert not list(training.run.folder.glob(".*"))


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.EIO, BadInput), (errno.ENOSPC, OutOfResources)]
)
def test_a_run_whose_last_save_fails_ends_with_an_error_and_keeps_the_one_before(
    number: int, kind: type[Exception], small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing({3, 4}, monkeypatch, number)  # the first is that of step 0
    training = begun(small_data, [])
    with pytest.raises(kind, match="cannot write"):
        training.train(ignore, never)
    assert load_checkpoint(training.run.checkpoint).step == 4
    assert not list(training.run.folder.glob(".*"))


def test_a_folder_that_somebody_removes_is_made_again_and_claimed_again(small_data: Path) -> None:
    training = begun(small_data, [])
    holders = []

    def remove(progress: Progress) -> None:
        if progress.step < progress.steps:
            return
        if progress.epoch == 2:
            shutil.rmtree(training.run.folder, ignore_errors=True)
        if progress.epoch == 3:
            holders.append((training.run.folder / LOCK).read_text())

    assert training.train(remove, never)
    assert holders == [f"{os.getpid()}\n"]
    left = {path.name for path in training.run.folder.iterdir()}
    assert left >= {"last.safetensors", "config.json", "metrics.jsonl", "samples"}
    assert load_checkpoint(training.run.checkpoint).step == 12


def test_figures_that_could_not_be_written_come_with_the_next(small_data: Path) -> None:
    notes: list[str] = []
    training = begun(small_data, notes)

    def block() -> bool:
        if training.state.step == 1:
            training.run.metrics.mkdir()
        return False

    def free(progress: Progress) -> None:
        if progress.epoch == 2 and training.run.metrics.is_dir():
            training.run.metrics.rmdir()

    assert training.train(free, block)
    lines = training.run.metrics.read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]
    assert any("metrics.jsonl" in note for note in notes)


def small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))


def test_a_disk_with_room_for_little_is_told_in_one_line(small_data: Path) -> None:
    command = [sys.executable, "-m", "ganctl", "train", "--data", str(small_data), "--epochs", "1"]
    done = subprocess.run(
        [*command, "--name", "run", "--threads", "1", "--eval-every", "0"],
        preexec_fn=small_files,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 6, done.stderr
    error, hint = done.stderr.splitlines()[-2:]
    assert error == "error: cannot write checkpoints/run/last.safetensors: file too large"
    assert hint == "hint: make room and try again"
    assert not list(Path("checkpoints/run").rglob(".*"))
    assert Path("checkpoints/run/samples/000001.png").exists()


mounting = pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run(["unshare", "-Urm", "true"], capture_output=True, check=False).returncode
    != 0,
    reason="no file system can be mounted here",
)


@mounting
def test_a_folder_that_becomes_read_only_is_told_and_training_goes_on(
    small_data: Path, tmp_path: Path
) -> None:
    """Stopped, the run says that its last save failed; the one before is as it was."""
    train = f"{sys.executable} -m ganctl train --threads 1 --eval-every 0 --sample-every 0"
    script = f"""
    mount -t tmpfs -o size=200m none {tmp_path} && cd {tmp_path} || exit 99
    {train} --data {small_data} --epochs 100000 --checkpoint-every 1 --name run 2> said &
    run=checkpoints/run
    for i in $(seq 1200); do [ -s $run/last.safetensors ] && break; sleep 0.1; done
    mount --bind $run $run && mount -o remount,bind,ro $run || exit 98
    sha256sum $run/last.safetensors > before
    for i in $(seq 1200); do grep -q last.safetensors said && break; sleep 0.1; done
    sleep 0.1; kill -0 $! || exit 96
    kill -TERM $!; wait $!; code=$?
    cat said >&2
    sha256sum --quiet -c before || exit 97
    exit $code
    """
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 3, done.stderr
    failed = "cannot write checkpoints/run/last.safetensors: read-only file system"
    assert f"note: {failed}; training goes on" in done.stderr
    assert f"error: {failed}\n" in done.stderr


@mounting
def test_a_full_disk_keeps_the_last_good_checkpoint(small_data: Path, tmp_path: Path) -> None:
    """36 MB hold one checkpoint of 31 and no second beside it, as a save needs.

    That of step 0 gives way to the first that has learnt; nothing else does.
    """
    train = f"{sys.executable} -m ganctl train --threads 1 --eval-every 0 --sample-every 0"
    script = f"""
    mount -t tmpfs -o size=36m none {tmp_path} && cd {tmp_path} || exit 99
    {train} --data {small_data} --epochs 1 --name run || exit 98
    sha256sum checkpoints/run/last.safetensors > before
    {train} --resume run --epochs 2; code=$?
    sha256sum --quiet -c before || exit 97
    [ -z "$(find checkpoints -name '.*')" ] || exit 96
    exit $code
    """
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 6, done.stderr
    assert "cannot write checkpoints/run/last.safetensors: no space left" in done.stderr


def test_two_processes_do_not_train_one_run(small_data: Path) -> None:
    training = begun(small_data, [], epochs=1)
    assert training.train(ignore, never)
    saved = load_checkpoint(training.run.checkpoint)
    longer = TrainConfig(**{**vars(saved.config), "epochs": 2})
    second = resume_run(training.run, saved, longer, CPU, lambda _: None)
    before = training.run.metrics.read_bytes()
    with (
        training.run.locked(),
        pytest.raises(BadInput, match=f"is being trained by process {os.getpid()}"),
    ):
        second.train(ignore, never)
    assert training.run.metrics.read_bytes() == before
    assert second.train(ignore, never)


def test_a_folder_that_another_run_has_taken_is_left_to_it(small_data: Path) -> None:
    notes: list[str] = []
    training = begun(small_data, notes)
    other: list[ExitStack] = []

    def replace(progress: Progress) -> None:
        if progress.epoch == 1:
            shutil.rmtree(training.run.folder)
            training.run.create()
            other.append(ExitStack())
            other[0].enter_context(training.run.locked())

    with pytest.raises(BadInput, match="is being trained by process"):
        training.train(replace, never)
    other[0].close()
    assert [path.name for path in training.run.folder.iterdir()] == ["samples"]
    assert "is being trained by" in notes[0]


def test_a_run_that_went_on_while_its_checkpoint_was_read_is_refused(small_data: Path) -> None:
    first = begun(small_data, [])
    assert not first.train(ignore, lambda: first.state.step >= 5)
    run = first.run

    def resumed() -> Training:
        found, saved = run.checkpoint_id, load_checkpoint(run.checkpoint)
        return resume_run(run, saved, saved.config, CPU, lambda _: None, found=found)

    early, later = resumed(), resumed()
    assert later.train(ignore, never)
    before = run.metrics.read_bytes()
    with pytest.raises(BadInput, match="another process has gone on with run meanwhile"):
        early.train(ignore, never)
    assert run.metrics.read_bytes() == before
    assert load_checkpoint(run.checkpoint).step == 12


def test_without_locks_training_goes_on_and_says_so_once(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    notes: list[str] = []
    training = begun(small_data, notes, epochs=2)
    unknown = training.run.folder / f".{LAST}.{'0' * 16}.tmp"
    unknown.touch()
    monkeypatch.setattr(fcntl, "flock", fail)
    assert training.train(ignore, never)
    assert len(notes) == 1 and "there are no locks in checkpoints/run" in notes[0]
    assert unknown.exists()


def sick_at(steps: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a gradient be infinite before the steps of those numbers, once each."""
    check: Callable[..., None] = loop.Training._check_gradients

    def poisoned(training: Training, figures: torch.Tensor) -> None:
        if training.state.step in steps:
            steps.discard(training.state.step)
            training._vector_gradients[0][7] = float("inf")
        check(training, figures)

    monkeypatch.setattr(loop.Training, "_check_gradients", poisoned)


def test_a_gradient_without_number_stops_the_run_before_the_weights_move(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sick_at({6}, monkeypatch)
    training = begun(small_data, [])
    with pytest.raises(Diverged, match="a gradient is not finite after 6 steps") as caught:
        training.train(ignore, never)
    assert all(bool(torch.isfinite(vector).all()) for vector in training.state.vectors.values())
    assert load_checkpoint(training.run.checkpoint).step == 4
    assert load_checkpoint(training.run.diverged).step == 6
    for path in (training.run.checkpoint, training.run.diverged):
        assert str(path) in caught.value.hint


def test_a_run_rolls_back_as_often_as_it_may_and_goes_on_in_another_order(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sick_at({2, 6}, monkeypatch)  # before the first checkpoint and after it
    notes: list[str] = []
    training = begun(small_data, notes, max_rollbacks=2, keep=1)
    assert training.train(ignore, never)
    assert [note.split("; ")[1] for note in notes] == [
        "going back to step 0 and on in another order (1 of 2)",
        "going back to step 4 and on in another order (2 of 2)",
    ]
    lines = [json.loads(line) for line in training.run.metrics.read_text().splitlines()]
    assert [line["step"] for line in lines] == [4, 8, 12]
    assert int(load_checkpoint(training.run.checkpoint).tensors["rollbacks"]) == 2
    kept = [path.name for path in training.run.folder.glob("step-*")]
    assert kept == ["step-000000000012.safetensors"]


def test_one_rollback_too_many_is_the_end(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sick_at({2, 6}, monkeypatch)
    with pytest.raises(Diverged):
        begun(small_data, [], max_rollbacks=1).train(ignore, never)


def test_a_loss_without_number_stops_the_run_too(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = begun(small_data, [])
    figures = torch.tensor([0.7, float("nan"), 0.5, 0.5])  # g_loss, d_loss, D(x), D(G(z))
    monkeypatch.setattr(training, "_gradients", lambda *_: figures)
    before = next(training.state.generator.parameters()).clone()
    with pytest.raises(Diverged, match="a loss is not finite after 0 steps"):
        training.train(ignore, never)
    assert torch.equal(next(training.state.generator.parameters()), before)
