"""Whole processes: under the clock from their start to their end, or watched while they run."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ganctl.environment import neutral
from ganctl.errors import CheckFailed

COMMAND = "import sys; from ganctl.cli.app import main; sys.exit(main())"
"""What the installed ``ganctl`` script does."""


@contextmanager
def watched(arguments: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run ``ganctl arguments`` in ``folder`` beside the block; its stderr is a pipe.

    With the block it ends, however that does.
    """
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments],
        cwd=folder,
        env=neutral(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()  # nothing, if it has ended


def process_seconds(program: str, arguments: Sequence[str], folder: Path) -> float:
    """Return what ``python -c program arguments`` takes from start to end, in ``folder``.

    Raises:
        CheckFailed: it fails.
    """
    command = [sys.executable, "-c", program, *arguments]
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=neutral(), capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it says nothing"])[0]
        raise CheckFailed(
            f"a measured process ended with code {done.returncode}: {reason}",
            f"try it alone: {Path(sys.executable).name} -c {program.splitlines()[0]!r} …",
        )
    return seconds
