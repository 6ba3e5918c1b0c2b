"""What a run writes: no failure loses what was saved, and going back leaves nothing behind."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from PIL import Image

from ganctl.errors import BadInput, OutOfResources
from ganctl.runs.run_dir import LAST, LOCK, RunDir
from ganctl.training import run_files
from ganctl.training.checkpoint import load_checkpoint
from ganctl.training.loop import Callback, Epoch, Stopped, Training

from .helpers import (
    AfterEpoch,
    Diverging,
    Measured,
    assert_equal,
    at,
    checkpoint,
    metrics,
    new_session,
    resumed,
    trained,
)

write_atomic = run_files.write_atomic  # type: ignore[attr-defined]


def best(run: RunDir) -> float:
    return load_checkpoint(run.best).card.quality["frechet_distance"]


def kept(run: RunDir) -> list[int]:
    return sorted(int(path.stem.partition("-")[2]) for path in run.folder.glob("step-*"))


def fail_at(
    names: Callable[[str], bool], monkeypatch: pytest.MonkeyPatch, number: int = errno.EIO
) -> None:
    """Let the writing of these files fail as on a broken disk: after the bytes, before the end."""

    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    def write(path: Path, data: bytes) -> None:
        with monkeypatch.context() as patch:
            if names(path.name):
                patch.setattr(os, "fsync", fail)
            write_atomic(path, data)

    monkeypatch.setattr(run_files, "write_atomic", write)


def nth(name: str, *numbers: int) -> Callable[[str], bool]:
    """Return a function that is true at these writes of the file ``name``, counted from 1."""
    counter = iter(range(1, 100))
    return lambda written: written == name and next(counter) in numbers


def test_a_run_leaves_these_files(small_data: Path) -> None:
    run = trained(small_data, sample_every=2, checkpoint_every=2)
    files = sorted(path.relative_to(run.folder).as_posix() for path in run.folder.rglob("*.*"))
    assert files == [
        "config.json",
        "last.safetensors",
        "metrics.jsonl",
        "samples/000000.png",
        "samples/000002.png",
        "samples/000003.png",
    ]
    lines = metrics(run)
    assert [(line["epoch"], line["step"]) for line in lines] == [(1, 4), (2, 8), (3, 12)]
    assert all(0 < line["d_real"] < 1 and line["images_per_second"] > 0 for line in lines)
    saved = checkpoint(run)
    assert run.read_config() == saved.config
    card = saved.card
    assert (card.epochs, card.steps, card.data_count, card.weights) == (3, 12, 200, "ema")
    assert card.class_names == tuple("0123456789")
    assert str(small_data) not in card.to_json()
    with Image.open(run.sample(3)) as picture:
        assert picture.size == (242, 242)


def test_a_failed_save_is_logged_and_the_next_one_is_tried(
    small_data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fail_at(nth(LAST, 1, 2), monkeypatch)
    run = trained(small_data)
    assert len(caplog.messages) == 2
    expected = "last.safetensors: input/output error; training continues"
    assert all(expected in message for message in caplog.messages)
    assert checkpoint(run).step == 12
    assert not list(run.folder.glob(".*"))


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.EIO, BadInput), (errno.ENOSPC, OutOfResources)]
)
def test_a_run_whose_last_save_fails_ends_with_an_error_and_keeps_the_one_before(
    number: int, kind: type[Exception], small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_at(nth(LAST, 3, 4), monkeypatch, number)  # the first is that of step 0
    session = new_session(small_data)
    with pytest.raises(kind, match="cannot write"):
        session.train()
    assert checkpoint(session.run).step == 4
    assert not list(session.run.folder.glob(".*"))


def test_a_failed_copy_is_logged_and_no_failure_of_the_run(
    small_data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fail_at(nth(RunDir(Path()).snapshot(12).name, 1), monkeypatch, errno.ENOSPC)
    assert checkpoint(trained(small_data, keep=1)).step == 12
    assert len(caplog.messages) == 1 and "no space left" in caplog.messages[0]


def test_a_folder_that_somebody_removes_is_made_and_locked_again(small_data: Path) -> None:
    session, holders = new_session(small_data), list[str]()

    def remove(epoch: int) -> None:
        if epoch == 2:
            shutil.rmtree(session.run.folder, ignore_errors=True)
        if epoch == 3:
            holders.append((session.run.folder / LOCK).read_text())

    assert session.train([AfterEpoch(remove)])
    assert holders == [f"{os.getpid()}\n"]
    left = {path.name for path in session.run.folder.iterdir()}
    assert left >= {"last.safetensors", "config.json", "metrics.jsonl", "samples"}
    assert checkpoint(session.run).step == 12


def test_a_folder_that_another_run_has_taken_is_left_to_it(
    small_data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    session, other = new_session(small_data), ExitStack()

    def replace(epoch: int) -> None:
        if epoch == 1:
            shutil.rmtree(session.run.folder)
            session.run.create()
            other.enter_context(session.run.locked())

    with pytest.raises(BadInput, match="is being trained by process"):
        session.train([AfterEpoch(replace)])
    other.close()
    assert [path.name for path in session.run.folder.iterdir()] == ["samples"]
    assert "is being trained by" in caplog.messages[0]


def test_metrics_that_could_not_be_written_come_with_the_next(
    small_data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    session = new_session(small_data)

    def block() -> bool:
        if session.state.step == 1:
            session.run.metrics.mkdir()
        elif session.state.step == 7:
            session.run.metrics.rmdir()
        return False

    assert session.train(should_stop=block)
    assert [line["epoch"] for line in metrics(session.run)] == [1, 2, 3]
    assert any("metrics.jsonl" in message for message in caplog.messages)


def test_torn_metrics_are_removed_on_resume(small_data: Path) -> None:
    """A kill may tear the last line, and leave lines that no checkpoint has reached."""
    session = new_session(small_data, checkpoint_every=2)
    assert not session.train(should_stop=at(session, 8))
    lines = session.run.metrics.read_bytes()
    later = lines.splitlines(keepends=True)[1].replace(b'"step": 8', b'"step": 12')
    session.run.metrics.write_bytes(lines + later + b'{"epoch": 4, "st')
    assert resumed().train()
    assert [line["step"] for line in metrics(session.run)] == [4, 8, 12]


def test_without_locks_training_continues_with_one_warning(
    small_data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    session = new_session(small_data, epochs=2)
    unknown = session.run.folder / f".{LAST}.{'0' * 16}.tmp"  # another process may be writing it
    unknown.touch()
    monkeypatch.setattr(fcntl, "flock", fail)
    assert session.train()
    (message,) = caplog.messages
    assert "file locks do not work in checkpoints/run" in message
    assert unknown.exists()


def small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))


TRAIN = [sys.executable, "-m", "ganctl", "train", "--threads", "1"]
TRAIN += ["--eval-every", "0", "--sample-every", "0"]


def test_a_disk_with_little_room_is_one_line(small_data: Path) -> None:
    options = ["--data", str(small_data), "--epochs", "1", "--name", "run", "--sample-every", "1"]
    done = subprocess.run(
        [*TRAIN, *options], preexec_fn=small_files, capture_output=True, text=True, check=False
    )
    assert done.returncode == 6, done.stderr
    error, hint = done.stderr.splitlines()[-2:]
    assert error == "error: cannot write checkpoints/run/last.safetensors: file too large"
    assert hint == "hint: make room and try again"
    assert not list(Path("checkpoints/run").rglob(".*"))
    assert Path("checkpoints/run/samples/000001.png").exists()


can_mount = pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run(["unshare", "-Urm", "true"], capture_output=True, check=False).returncode
    != 0,
    reason="no file system can be mounted here",
)


def in_namespace(script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script that may mount file systems."""
    return subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script], capture_output=True, text=True, check=False
    )


@can_mount
def test_a_folder_that_becomes_read_only_is_logged_and_training_continues(
    small_data: Path, tmp_path: Path
) -> None:
    """When stopped, the run reports that its last save failed; the one before is unchanged."""
    done = in_namespace(f"""
    mount -t tmpfs -o size=200m none {tmp_path} && cd {tmp_path} || exit 99
    {" ".join(TRAIN)} --data {small_data} --epochs 100000 --checkpoint-every 1 --name run 2> log &
    run=checkpoints/run
    for i in $(seq 1200); do [ -s $run/last.safetensors ] && break; sleep 0.1; done
    mount --bind $run $run && mount -o remount,bind,ro $run || exit 98
    sha256sum $run/last.safetensors > before
    for i in $(seq 1200); do grep -q last.safetensors log && break; sleep 0.1; done
    sleep 0.1; kill -0 $! || exit 96
    kill -TERM $!; wait $!; code=$?
    cat log >&2
    sha256sum --quiet -c before || exit 97
    exit $code
    """)
    assert done.returncode == 3, done.stderr
    failed = "cannot write checkpoints/run/last.safetensors: read-only file system"
    assert f"{failed}; training continues" in done.stderr
    assert f"error: {failed}\n" in done.stderr


@can_mount
def test_a_full_disk_keeps_the_last_good_checkpoint(small_data: Path, tmp_path: Path) -> None:
    """36 MB hold one checkpoint of 31 and no second beside it, as a save needs.

    That of step 0 gives way to the first one after training; no other does.
    """
    train = " ".join(TRAIN)
    done = in_namespace(f"""
    mount -t tmpfs -o size=36m none {tmp_path} && cd {tmp_path} || exit 99
    {train} --data {small_data} --epochs 1 --name run || exit 98
    sha256sum checkpoints/run/last.safetensors > before
    {train} --resume run --epochs 2; code=$?
    sha256sum --quiet -c before || exit 97
    [ -z "$(find checkpoints -name '.*')" ] || exit 96
    exit $code
    """)
    assert done.returncode == 6, done.stderr
    assert "cannot write checkpoints/run/last.safetensors: no space left" in done.stderr


def test_the_generator_with_the_smallest_distance_is_kept(small_data: Path) -> None:
    session, measured = new_session(small_data, epochs=5), Measured(5.0, 3.0, 4.0, 2.5, 9.0)
    assert not session.train([measured], at(session, 14))
    assert resumed().train([measured])
    saved = load_checkpoint(session.run.best)
    assert saved.card.quality == {"frechet_distance": 2.5}
    assert saved.card.epochs == 4
    assert {name.partition(".")[0] for name in saved.tensors} == {"generator_ema"}
    lines = metrics(session.run)
    assert [line["frechet_distance"] for line in lines] == [5.0, 3.0, 4.0, 2.5, 9.0]


def test_after_a_rollback_no_worse_generator_replaces_the_best(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best is measured at step 8; step 10 goes back to the checkpoint of step 4."""
    session = new_session(small_data, max_rollbacks=1)
    fail_at(nth(LAST, 3), monkeypatch)  # that of step 8
    assert session.train([Measured(7, 5, 6, 5.5), Diverging({10}, monkeypatch)])
    assert [line["frechet_distance"] for line in metrics(session.run)] == [7, 6, 5.5]
    assert best(session.run) == 5


def test_from_an_older_checkpoint_no_worse_generator_replaces_the_best(small_data: Path) -> None:
    session = new_session(small_data, keep=9)
    assert session.train([Measured(7, 5, 6)])
    assert resumed(session.run.snapshot(4)).train([Measured(6, 5.5)])
    assert best(session.run) == 5


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"broken")])
def test_a_lost_best_generator_is_reported_and_replaced_by_the_next(
    damage: Callable[[Path], object], small_data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    session = new_session(small_data)
    lose = AfterEpoch(lambda epoch: epoch == 1 and damage(session.run.best))
    assert session.train([Measured(3, 5, 6), lose])
    assert best(session.run) == 5
    (message,) = caplog.messages
    assert "best.safetensors is missing or damaged" in message
    assert "distance of 3.0, is lost" in message
    tensors = checkpoint(session.run).tensors
    assert tensors["best_distance"] == 3  # so that a resumed run notices the loss as well


def test_the_newest_checkpoint_counts_among_those_that_are_kept(small_data: Path) -> None:
    session, seen = new_session(small_data, keep=2), list[list[int]]()
    assert session.train([AfterEpoch(lambda _: seen.append(kept(session.run)))])
    assert seen == [[4], [4, 8], [8, 12]]
    assert session.run.snapshot(12).read_bytes() == session.run.checkpoint.read_bytes()


def test_room_is_made_before_a_copy_is_written_and_after_the_last_is_safe(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, seen = new_session(small_data, keep=2), list[tuple[str, list[int]]]()

    def write(path: Path, data: bytes) -> None:
        seen.append((path.name[:4], kept(session.run)))
        write_atomic(path, data)

    monkeypatch.setattr(run_files, "write_atomic", write)
    assert session.train()
    assert seen[-2:] == [("last", [4, 8]), ("step", [8])]


def test_an_older_checkpoint_is_the_newest_before_training_continues(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a run that is killed, or diverges, would continue the future that was abandoned."""
    run = trained(small_data, keep=9, max_rollbacks=1, checkpoint_every=2)
    session, newest = resumed(run.snapshot(8)), list[int]()

    def look() -> bool:
        newest.append(checkpoint(run).step)
        return session.state.rollbacks > 0

    assert not session.train([Diverging({10}, monkeypatch)], look)
    assert newest == [8] * 4 and session.state.step == 8  # at steps 8, 9, 10 and 8 again


def test_going_back_removes_what_is_later(small_data: Path) -> None:
    run = trained(small_data, keep=3, sample_every=1)
    session, seen = resumed(run.snapshot(4)), list[tuple[list[int], list[str]]]()

    def look() -> bool:
        seen.append((kept(run), [path.stem for path in run.samples()]))
        return session.state.step == 7

    assert not session.train(should_stop=look)
    assert seen[0] == ([4], ["000000", "000001"])
    assert kept(run) == [4, 7]
    assert [line["step"] for line in metrics(run)] == [4]


def test_what_a_kill_has_left_of_an_abandoned_future_is_removed(small_data: Path) -> None:
    """The kill came right after the older checkpoint had become the newest."""
    run = trained(small_data, keep=3, sample_every=1)
    run.checkpoint.write_bytes(run.snapshot(8).read_bytes())
    assert not resumed().train(should_stop=lambda: True)
    assert kept(run) == [4, 8]
    assert [path.stem for path in run.samples()] == ["000000", "000001", "000002"]


def test_if_the_newest_checkpoint_cannot_be_replaced_nothing_is_removed(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained(small_data, keep=9)
    lines = run.metrics.read_bytes()
    fail_at(nth(LAST, *range(1, 9)), monkeypatch, errno.ENOSPC)
    with pytest.raises(OutOfResources, match="no space left"):
        resumed(run.snapshot(4)).train()
    assert run.metrics.read_bytes() == lines
    assert checkpoint(run).step == 12
    assert kept(run) == [4, 8, 12]


def test_an_older_copy_that_is_finished_leaves_the_newest_as_it_is(small_data: Path) -> None:
    """As with ``--resume COPY --epochs 1``, whose epoch is trained."""
    run = trained(small_data, keep=9)
    before = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    session = resumed(run.snapshot(4), epochs=1)
    assert session.is_finished and session.train()
    assert before == {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}


def test_more_epochs_are_saved_before_the_first_of_them(small_data: Path) -> None:
    """Or a run that is killed in it would have forgotten them."""
    run, seen = trained(small_data, epochs=1), []
    before = checkpoint(run)

    def look() -> bool:
        seen.append(checkpoint(run))
        return True

    assert not resumed(epochs=5).train(should_stop=look)
    assert (seen[0].config.epochs, seen[0].step) == (5, 4)
    assert_equal(seen[0].tensors, before.tensors)


def test_a_stop_at_an_epochs_end_keeps_what_was_measured(small_data: Path) -> None:
    """Also if it is stopped again before the first step, or goes back to an older checkpoint."""
    session = new_session(small_data, keep=3)
    stop = lambda: session.state.step == 8 and not session.state.epoch_totals.any()  # noqa: E731
    assert not session.train([Measured(7, 5, 6)], stop)
    run = session.run
    before = run.checkpoint.read_bytes()
    assert checkpoint(run).card.quality == {"frechet_distance": 5}
    assert not resumed().train(should_stop=lambda: True)
    assert run.checkpoint.read_bytes() == before
    older = run.snapshot(4)
    assert not resumed(older).train(should_stop=lambda: True)
    assert run.checkpoint.read_bytes() == older.read_bytes()


def test_a_stop_within_an_epoch_has_no_measurement(small_data: Path) -> None:
    session = new_session(small_data)
    assert not session.train([Measured(7)], at(session, 5))
    assert checkpoint(session.run).card.quality == {}


class Interrupted(Callback):
    """Stops the first evaluation."""

    def on_evaluate(self, training: Training, epoch: Epoch) -> None:
        raise Stopped


class Killed(Exception):
    """The process ends without saving."""


def test_an_interrupted_evaluation_is_repeated_and_recorded_once(small_data: Path) -> None:
    """Also if the resumed run dies after it has recorded it, and is resumed from the same step."""

    def die(_: int) -> None:
        raise Killed

    session = new_session(small_data, checkpoint_every=0)
    assert not session.train([Interrupted()])
    assert not session.run.metrics.exists()
    for _ in range(2):
        dying = resumed()
        with pytest.raises(Killed):
            dying.train([Measured(7), AfterEpoch(die)])
        assert dying.state.step == 4
    assert resumed().train([Measured(7, 5, 6)])
    lines = metrics(session.run)
    assert [(line["epoch"], line["frechet_distance"]) for line in lines] == [(1, 7), (2, 5), (3, 6)]


def test_the_last_evaluation_may_be_interrupted_too(small_data: Path) -> None:
    session = new_session(small_data, epochs=1)
    assert not session.train([Interrupted()])
    again = resumed()
    assert not again.is_finished
    assert again.train([Measured(7)])
    assert again.is_finished
    assert checkpoint(session.run).card.quality == {"frechet_distance": 7}
