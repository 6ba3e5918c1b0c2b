"""How long processes have worked: a busy machine makes them wait, not work."""

from __future__ import annotations

import os
import resource
from pathlib import Path


def worked(process: int) -> float:
    """Return the seconds that a process has worked itself."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def worked_by_children() -> float:
    """Return what the processes that have ended worked together."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
