"""Two processes on this machine, started by torchrun as a user would start them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from ganctl.errors import BadInput
from ganctl.training.checkpoint import load_checkpoint
from ganctl.training.distributed import ALONE, World, joined
from ganctl.training.loop import STOP_EVERY

from ..conftest import Ganctl
from ..work import worked, worked_by_children

WORKER = Path(__file__).with_name("distributed_worker.py")
SECONDS = 300


# CPU seconds that torchrun and its two processes may take after a signal. Measured: 3.4 to 4.3
# after SIGTERM, SIGHUP and a second Ctrl-C, 4.7 to 6.0 after the first, which draws the report.
WORK = 10.0

# Seconds after which torchrun kills processes that have not ended. Measured until torchrun itself
# had ended: 6 to 26, on one core with 3 to 12 other tasks.
TIMEOUT = 30.0

# A training that takes a minute to save once there is a file ``now``.
SLOW = """
import os, sys, time
from pathlib import Path
from ganctl.cli.app import main
sync = os.fsync
def slow(descriptor):
    if Path("now").exists() and ".safetensors" in os.readlink(f"/proc/self/fd/{descriptor}"):
        Path("saving").touch()
        time.sleep(60)
    sync(descriptor)
os.fsync = slow
sys.exit(main())
"""

STARTED: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    """End the processes that a failed test has left; the launcher's death would not end them."""
    yield
    while STARTED:
        process = STARTED.pop()
        if process.poll() is None:
            for each in (*children(process.pid), process.pid):
                os.kill(each, signal.SIGKILL)
            process.communicate()


def torchrun(*arguments: object, cwd: Path, restarts: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "--max-restarts", str(restarts)]
    process = subprocess.Popen(
        [*command, *map(str, arguments)],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        start_new_session=True,
    )
    STARTED.append(process)
    return process


def train(small_data: Path, *options: object) -> list[object]:
    return ["-m", "ganctl", "train", "--data", small_data, "--name", "two", *options]


def epochs_of(folder: Path) -> list[int]:
    metrics = folder / "checkpoints" / "two" / "metrics.jsonl"
    lines = metrics.read_text().splitlines(keepends=True) if metrics.exists() else []
    return [json.loads(line)["epoch"] for line in lines if line.endswith("\n")]


def wait_for_epoch(epoch: int, folder: Path) -> None:
    end = time.monotonic() + SECONDS
    while len(epochs_of(folder)) < epoch:
        assert time.monotonic() < end, "no progress"
        time.sleep(0.05)


def children(launcher: int) -> list[int]:
    threads = Path(f"/proc/{launcher}/task").glob("*/children")
    return [int(child) for thread in threads for child in thread.read_text().split()]


def error_after(
    process: subprocess.Popen[str], number: signal.Signals, again: Path | None = None
) -> str:
    """Send the signal as a terminal does; return stderr once all have ended, in time.

    ``again``: a file; when it appears, the signal is sent a second time.
    """
    processes = [process.pid, *children(process.pid)]
    assert len(processes) == 3
    before = sum(map(worked, processes)) + worked_by_children()
    began = time.monotonic()
    os.killpg(process.pid, number)
    while again is not None and not again.exists():
        assert time.monotonic() < began + TIMEOUT
        time.sleep(0.01)
    if again is not None:
        os.killpg(process.pid, number)
    _, err = process.communicate(timeout=SECONDS)
    elapsed, work = time.monotonic() - began, worked_by_children() - before
    assert elapsed < TIMEOUT and work < WORK, (elapsed, work)
    assert process.returncode != 0
    assert not any(Path(f"/proc/{child}").exists() for child in processes)
    return err


def kill_rank(rank: int, launcher: int) -> None:
    """Kill the process of that rank, a child of ``launcher``."""
    for child in children(launcher):
        if f"\0RANK={rank}\0" in "\0" + Path(f"/proc/{child}/environ").read_text():
            os.kill(child, signal.SIGKILL)
            return
    raise AssertionError("there is no such process")


def test_each_process_takes_its_slice_of_the_batch() -> None:
    batch = torch.arange(8)
    shares = [World(rank, 2).share(batch).tolist() for rank in (0, 1)]
    assert shares == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert torch.equal(ALONE.share(batch), batch)


@pytest.mark.parametrize(("rows", "each"), [(9, 4), (5, 2), (4, 2), (3, 3), (2, 2)])
def test_a_batch_that_is_no_multiple_of_the_processes(rows: int, each: int) -> None:
    """The remainder is unused; all processes take a batch whole that is too small to share."""
    for rank in (0, 1):
        assert len(World(rank, 2).share(torch.arange(rows))) == each


@pytest.mark.parametrize(("size", "batch_size"), [(3, 64), (32, 32)])
def test_a_batch_that_cannot_be_shared_is_refused(size: int, batch_size: int) -> None:
    with pytest.raises(BadInput, match=f"{size} processes cannot share a batch of {batch_size}"):
        World(0, size).check(batch_size)
    ALONE.check(batch_size)


def test_an_incomplete_environment_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(BadInput, match="WORLD_SIZE is 2"), joined(torch.device("cpu")):
        pass


def test_gradients_are_those_of_one_process_and_of_ddp_and_all_go_back_together(
    small_data: Path, tmp_path: Path
) -> None:
    process = torchrun(WORKER, tmp_path, small_data, cwd=tmp_path)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, err
    for rank in (0, 1):
        found = json.loads((tmp_path / f"{rank}.json").read_text())
        assert found["shared"] < 1e-5 < 0.1 < found["own"]
        assert found["ddp"] < 1e-5
        assert found["any"] == [True, False]
        assert found["broadcast"] == [0, 0, 0]
        assert found["bytes"] == ["main", ""]
        assert found["backend"] == "gloo"
        assert found["equal"] and found["equal after all"]
        assert found["ends"] == [True, 12, 1]


def test_two_processes_train_one_run_and_one_process_continues_it(
    small_data: Path, tmp_path: Path, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = torchrun(*train(small_data, "--epochs", 2), cwd=tmp_path)
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, err
    assert out.count("trained 2 epochs") == 1
    assert err.count("2 processes, 32 images of each batch of 64") == 1
    assert err.count("epoch 2/2") == 1
    assert epochs_of(tmp_path) == [1, 2]
    assert len(list(tmp_path.rglob("*.safetensors"))) == 2  # the last, and the best

    monkeypatch.chdir(tmp_path)
    alone = ganctl(*train(small_data, "--resume", "--epochs", 3)[2:])
    assert alone.code == 0, alone.err
    process = torchrun(*train(small_data, "--resume", "--epochs", 4), cwd=tmp_path)
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, err
    assert epochs_of(tmp_path) == [1, 2, 3, 4]


def test_two_processes_that_are_stopped_and_killed_lose_nothing(
    small_data: Path, tmp_path: Path
) -> None:
    """SIGTERM saves and ends both; a kill of the main one loses what came after the last save."""
    options = ("--epochs", 24, "--checkpoint-every", 2, "--sample-every", 0, "--eval-every", 0)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    for folder in (whole, stopped):
        folder.mkdir()
    process = torchrun(*train(small_data, *options), cwd=whole)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, err

    process = torchrun(*train(small_data, *options), cwd=stopped)
    wait_for_epoch(3, stopped)
    err = error_after(process, signal.SIGTERM)
    assert "to continue: ganctl train --resume two" in err
    last = stopped / "checkpoints" / "two" / "last.safetensors"
    step = load_checkpoint(last).step
    assert step % STOP_EVERY == 0 and step >= 12

    process = torchrun(*train(small_data, "--resume"), cwd=stopped)
    wait_for_epoch(step // 4 + 4, stopped)
    kill_rank(0, process.pid)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode != 0
    assert load_checkpoint(last).step > step

    process = torchrun(*train(small_data, "--resume"), cwd=stopped)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, err
    tensors = load_checkpoint(last).tensors
    expected = load_checkpoint(whole / last.relative_to(stopped)).tensors
    assert tensors.keys() == expected.keys()
    assert all(torch.equal(tensors[name], expected[name]) for name in tensors)
    assert epochs_of(stopped) == list(range(1, 25))


def test_a_closing_terminal_and_ctrl_c_save_and_a_second_ctrl_c_ends_at_once(
    small_data: Path, tmp_path: Path, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run, saved by stops alone, is stopped three times; then one process continues it."""
    monkeypatch.chdir(tmp_path)
    last = tmp_path / "checkpoints" / "two" / "last.safetensors"
    rarely = [f"--{each}-every={10**6}" for each in ("checkpoint", "sample", "eval")]
    step = 0
    for number, options in (
        (signal.SIGHUP, ["--epochs", 10**6, *rarely]),
        (signal.SIGINT, ["--resume"]),
    ):
        process = torchrun(*train(small_data, *options), cwd=tmp_path)
        wait_for_epoch(step // 4 + 3, tmp_path)
        err = error_after(process, number)
        assert err.count("to continue: ganctl train --resume two") == 1
        assert ("saving; Ctrl-C again" in err) == (number == signal.SIGINT)
        before, step = step, load_checkpoint(last).step
        assert step % STOP_EVERY == 0 and step >= before + 10

    saved = last.read_bytes()
    Path("slow.py").write_text(SLOW, "utf-8")
    process = torchrun("slow.py", *train(small_data, "--resume")[2:], cwd=tmp_path)
    wait_for_epoch(step // 4 + 3, tmp_path)
    Path("now").touch()
    err = error_after(process, signal.SIGINT, again=Path("saving"))
    assert "error: not saved; the last checkpoint is" in err and "; saved" not in err
    assert last.read_bytes() == saved and not list(last.parent.glob(".*"))

    outcome = ganctl(*train(small_data, "--resume", "--epochs", step // 4 + 2)[2:])
    assert outcome.code == 0, outcome.err
    assert f"resuming two after step {step:,}" in outcome.err
    assert load_checkpoint(last).step == (step // 4 + 2) * 4
    assert epochs_of(tmp_path) == list(range(1, step // 4 + 3))


def test_torchrun_restarts_a_run_from_its_last_checkpoint(small_data: Path, tmp_path: Path) -> None:
    """The process that is left reports that the other has ended, and torchrun restarts both."""
    options = ("--epochs", 40, "--checkpoint-every", 3, "--sample-every", 0)
    process = torchrun(*train(small_data, *options), cwd=tmp_path, restarts=1)
    try:
        wait_for_epoch(5, tmp_path)
        kill_rank(1, process.pid)
        out, err = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert "error: another process of this run has ended" in err
    assert "resuming two after step" in err
    assert epochs_of(tmp_path) == list(range(1, 41))
