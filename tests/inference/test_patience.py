from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from ganctl.inference.patience import TookTooLong, wait_for


def test_what_the_work_returns_or_raises_comes_back() -> None:
    assert wait_for(lambda: 7, 60) == wait_for(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        wait_for(lambda: 1 // 0, 60)


def test_work_runs_on_a_thread_of_its_own() -> None:
    assert wait_for(threading.current_thread) is not threading.current_thread()


def test_work_that_takes_too_long_is_told_to_stop() -> None:
    told = threading.Event()
    began = time.monotonic()
    with pytest.raises(TookTooLong):
        wait_for(lambda: told.wait(60), 0.05, told.set)
    assert told.is_set() and time.monotonic() - began < 30


INTERRUPTED = """
import os, signal, sys, threading, time
from ganctl.inference.patience import wait_for
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
told = threading.Event()
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    wait_for(lambda: told.wait(60), 60, told.set)
except KeyboardInterrupt:
    sys.exit(7 if told.is_set() else 8)
"""


def test_ctrl_c_ends_the_wait_and_tells_the_work() -> None:
    began = time.monotonic()
    assert subprocess.run([sys.executable, "-c", INTERRUPTED], check=False).returncode == 7
    assert time.monotonic() - began < 40


def test_work_that_hears_nothing_does_not_hold_up_the_end_of_the_process() -> None:
    code = INTERRUPTED.replace("told.wait(60)", "time.sleep(60)")
    began = time.monotonic()
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 7
    assert time.monotonic() - began < 40


def test_a_signal_that_comes_while_the_work_begins_waits_for_it_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Left to itself, the work would still run when the process ends, which aborts it."""
    told, ended = threading.Event(), threading.Event()
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        raise KeyboardInterrupt

    def work() -> None:
        told.wait(60)
        ended.set()

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        wait_for(work, 60, told.set)
    assert ended.is_set()
