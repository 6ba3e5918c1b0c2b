"""What Ctrl-C does, and the signals by which a scheduler or a closing terminal ends a process."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

EXIT_BASE = 128
"""A process that a signal ended has this exit code and the signal's number together."""

ENDING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
"""The signals that end a command; Windows has no SIGHUP."""

IMPORTING = "<frozen importlib._bootstrap>"
"""Where Python's import system stands in a traceback."""


def end_on_signals() -> None:
    """Let each of `ENDING` clean up and end the process; what is ignored (nohup) stays ignored."""
    for number in ENDING:
        _handle(number, _end)


@contextmanager
def caught_signals(last_words: Callable[[], None]) -> Iterator[list[int]]:
    """Collect signals instead of ending by them; after the first, a second Ctrl-C ends at once.

    Args:
        last_words: said as the second one leaves the block, or the process.
    """
    caught: list[int] = []

    def catch(number: int, _frame: FrameType | None) -> None:
        caught.append(number)
        _handle(signal.SIGINT, leave)
        if number == signal.SIGINT and "TORCHELASTIC_RUN_ID" in os.environ:
            _handle(signal.SIGTERM, leave)  # as which torchrun hands the second one on

    def leave(number: int, frame: FrameType | None) -> None:
        signal.signal(number, _end)
        if _imports(frame):  # then nobody else comes to say it
            with suppress(Exception):
                last_words()
        _end(number, frame)

    before = {number: _handle(number, catch) for number in ENDING}
    try:
        yield caught
    except (KeyboardInterrupt, SystemExit):
        last_words()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def last_words(say: Callable[[], None]) -> Iterator[None]:
    """Say something where Ctrl-C ends the block, while a module is imported there too."""

    def end(number: int, frame: FrameType | None) -> None:
        if _imports(frame):  # then nobody else comes to say it
            with suppress(Exception):
                say()
        _end(number, frame)

    before = _handle(signal.SIGINT, end)
    try:
        yield
    except KeyboardInterrupt:
        say()
        raise
    finally:
        signal.signal(signal.SIGINT, before)


def _handle(number: int, handler: Any) -> Any:
    """Install a handler where the signal is not ignored, and return what was there."""
    before = signal.getsignal(number)
    if before is not signal.SIG_IGN:
        signal.signal(number, handler)
    return before


def _end(number: int, frame: FrameType | None) -> None:
    """End the process; while a module is imported at once, since there an exception may be lost.

    Modules written in C turn it into another or swallow it.
    """
    if _imports(frame):
        os._exit(EXIT_BASE + number)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(EXIT_BASE + number)


def _imports(frame: FrameType | None) -> bool:
    """Tell whether a module is being imported there."""
    while frame is not None:
        if frame.f_code.co_filename == IMPORTING:
            return True
        frame = frame.f_back
    return False
