from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from ganctl import __version__
from ganctl.benchmark.machine import cpu_name, describe_machine


@pytest.mark.parametrize(("load", "busy"), [(1.0, False), (2.1, True)])
def test_a_machine_is_busy_from_half_a_load_a_core(
    load: float, busy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 9.0, 9.0), raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    machine = describe_machine(("numpy", "no-such-package"))
    assert (machine.cores, machine.load, machine.busy) == (4, load, busy)
    assert machine.python == platform.python_version()
    assert machine.versions.keys() == {"ganctl", "numpy"}
    assert machine.versions["ganctl"] == __version__


def test_the_processors_name(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nmodel name\t: Fast One @ 3 GHz\nflags\t: a b\n" * 2)
    assert cpu_name(file) == "Fast One @ 3 GHz"
    assert cpu_name(tmp_path / "nowhere") == platform.processor() or platform.machine()
