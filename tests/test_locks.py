from __future__ import annotations

import errno
import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ganctl.errors import BadInput
from ganctl.files import atomic_file, sweep, write_atomic
from ganctl.locks import LockFile, is_held, lock

HOLD = """
import sys, time
from pathlib import Path
from ganctl.errors import BadInput
from ganctl.files import atomic_file, scratch_folder
from ganctl.locks import LockFile
what, path = sys.argv[1], Path(sys.argv[2])
held = {
    "lock": lambda: LockFile(path, lambda process: BadInput(process, "")),
    "file": lambda: atomic_file(path),
    "folder": lambda: scratch_folder(path.parent, path.name),
}[what]
with held():
    print(flush=True)
    time.sleep(60)
"""


def holder(what: str, path: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, what, path], stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline()
    return process


def taken(process: str) -> BadInput:
    return BadInput(f"taken by {process}", "wait")


def test_a_lock_names_its_holder_and_is_free_when_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    assert not is_held(path)
    with holder("lock", path) as process:
        assert is_held(path)
        with pytest.raises(BadInput, match=f"(?m)taken by {process.pid}$"), LockFile(path, taken):
            pass
        process.kill()
    assert path.exists() and not is_held(path)
    with LockFile(path, taken) as held:
        assert is_held(path) and held.is_exclusive
        assert path.read_text() == f"{os.getpid()}\n"
    assert not path.exists()


@pytest.mark.parametrize("what", ["file", "folder"])
def test_temporary_files_are_swept_unless_a_running_process_writes_them(
    what: str, tmp_path: Path
) -> None:
    path = tmp_path / "out.png"
    with holder(what, path) as process:
        (litter,) = tmp_path.iterdir()
        sweep(tmp_path)
        write_atomic(path, b"ours")
        assert litter.exists()
        process.kill()
    mine = [tmp_path / name for name in (".mine.tmp", ".out.png.tmp", f".b.{'0' * 15}x.tmp")]
    for other in mine:
        other.touch()
    write_atomic(path, b"ours again")
    assert sorted(tmp_path.iterdir()) == sorted([path, *mine])


def test_a_write_sweeps_only_its_own_temporary_files(tmp_path: Path) -> None:
    other = tmp_path / f".other.png.{'0' * 16}.tmp"
    other.touch()
    with atomic_file(tmp_path / "out.png") as file:
        file.write(b"x")
    assert other.exists()
    sweep(tmp_path)
    assert not other.exists()


def test_a_lock_is_taken_again_if_its_folder_was_removed(tmp_path: Path) -> None:
    path = tmp_path / "run" / ".lock"
    path.parent.mkdir()
    with LockFile(path, taken) as held:
        for _ in range(2):
            shutil.rmtree(path.parent)
            path.parent.mkdir()
            held.acquire()
            assert path.read_text() == f"{os.getpid()}\n"
        shutil.rmtree(path.parent)
        path.parent.mkdir()
        with holder("lock", path) as process:
            with pytest.raises(BadInput, match=f"(?m)taken by {process.pid}$"):
                held.acquire()
            process.kill()
    assert path.exists()  # the lock of the other process


def test_a_lock_does_not_remove_another_file(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with LockFile(path, taken):
        path.unlink()
        path.write_text("another's")
    assert path.read_text() == "another's"


def test_a_lock_that_its_holder_removes_meanwhile_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, flock = tmp_path / ".lock", fcntl.flock

    def slow(descriptor: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        path.unlink()
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", slow)
    with LockFile(path, taken):
        assert path.read_text() == f"{os.getpid()}\n"


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EBADF])
def test_without_locks_work_continues_and_nothing_is_swept(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", fail)
    litter = tmp_path / f".out.png.{'0' * 16}.tmp"
    litter.touch()
    with LockFile(tmp_path / ".lock", taken) as held:
        assert not held.is_exclusive and is_held(tmp_path / ".lock")
        write_atomic(tmp_path / "out.png", b"ours")
        sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == [litter, tmp_path / "out.png"]


def test_looking_at_a_lock_keeps_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".lock"
    path.touch()
    looking = os.open(path, os.O_RDONLY)
    assert lock(looking, shared=True)
    assert not is_held(path)  # two processes may look at once

    def wait(seconds: float) -> None:
        assert 0 < seconds < 0.1
        os.close(looking)

    monkeypatch.setattr(time, "sleep", wait)
    with LockFile(path, taken):
        assert is_held(path)
