"""Wait for work in C++ that hears neither Ctrl-C nor a clock, without being held up by it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

GRACE_SECONDS = 2.0
"""How long work that was told to stop is waited for; what runs on then ends with the process."""


class TookTooLong(Exception):
    """The work was not done in its time; it was told to stop."""


class _Work(Generic[T]):
    """One call, on a thread of its own: the main one alone hears signals, and must be free to."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._done = threading.Event()
        self._result: T
        self._error: BaseException | None = None

    def start(self) -> None:
        """Begin; a signal may be heard here already, when the work has begun."""
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self._result = self._function()
        except BaseException as error:  # it is raised where it is waited for
            self._error = error
        self._done.set()

    def wait(self, seconds: float | None) -> bool:
        """Return whether the work is done, after so many seconds at most."""
        return self._done.wait(seconds)

    def result(self) -> T:
        """Return what the function did, or raise what it raised; it is done."""
        if self._error is not None:
            raise self._error
        return self._result


def wait_for(
    function: Callable[[], T], seconds: float | None = None, stop: Callable[[], None] | None = None
) -> T:
    """Return what ``function`` does, run on another thread.

    Args:
        function: may block in C++; its exceptions are raised here.
        seconds: that it may take; None for no limit.
        stop: asks the function to return early, when its time is over or this wait is interrupted.

    Raises:
        TookTooLong: it was not done in time.
        KeyboardInterrupt, SystemExit: as signals bring them, at once.
    """
    work = _Work(function)
    try:
        work.start()
        done = work.wait(seconds)
    except BaseException:
        if stop:
            stop()
        work.wait(GRACE_SECONDS)
        raise
    if not done:
        if stop:
            stop()
        work.wait(GRACE_SECONDS)
        raise TookTooLong
    return work.result()
