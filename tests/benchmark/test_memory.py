from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ganctl.benchmark import memory
from ganctl.benchmark.note_loop import write_mnist
from ganctl.config import TrainConfig
from ganctl.data import load_data
from ganctl.errors import CheckFailed
from ganctl.training import estimate


def test_each_loop_is_measured_in_a_process_of_its_own(small_data: Path, tmp_path: Path) -> None:
    write_mnist(tmp_path, load_data(str(small_data)))
    config = TrainConfig(recipe="classic", precision="fp32")
    assert memory.note_memory(tmp_path, 64, 1) > 50e6
    assert memory.our_memory(tmp_path, config, 1) > 50e6


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux charges a child for its parent")
def test_a_child_is_not_charged_for_its_parent() -> None:
    ballast = np.ones(300_000_000, np.uint8)
    program = "from ganctl.training.estimate import peak_memory; print(peak_memory())"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert int(printed.stdout) < 200e6 < ballast.nbytes


def test_the_peak_is_read_in_bytes(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text("VmPeak:\t  999 kB\nVmHWM:\t  12 kB\nVmRSS:\t  7 kB\n")
    assert estimate.peak_memory(status) == 12 * 1024
    assert estimate.peak_memory(tmp_path / "nowhere") > 10**6


def test_a_child_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="memory failed: RuntimeError: Dataset not found"):
        memory.note_memory(tmp_path, 64, 1)
