"""Commands as a user runs them, and the runs and files that the golden tests share.

The tests in this folder see the command line, the names of ``import ganctl`` and the documented
files, and nothing else: they hold whatever happens to the modules underneath.
"""

from __future__ import annotations

import bz2
import io
import os
import shlex
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

import ganctl as package
from ganctl.cli.app import main

# Quiet parts of a run that cost seconds and are pinned by tests of their own.
QUICK = "--eval-every 0 --threads 1 --precision fp32"


class Outcome(NamedTuple):
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str


def ganctl(line: str, *more: object) -> Outcome:
    """Run a command line in this process and in the current folder.

    Args:
        line: words as in a shell.
        more: words that follow as they are.
    """
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2)]
    with redirect_stdout(streams[0]), redirect_stderr(streams[1]):
        code = main([*shlex.split(line), *map(str, more)])
    torch.set_num_threads(1)
    out, err = (stream.buffer.getvalue().decode(errors="replace") for stream in streams)
    return Outcome(code, out, err)


def done(line: str, *more: object) -> Outcome:
    """Run a command line that must succeed."""
    outcome = ganctl(line, *more)
    assert outcome.code == 0, outcome.err
    return outcome


def in_process(
    *arguments: object, cwd: Path, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run Python with these arguments, in a process of its own."""
    command = [sys.executable, *map(str, arguments)]
    env = {**os.environ, **environment}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, timeout=300)


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below ``folder`` by its path, empty folders included."""
    found = {}
    for path in sorted(folder.rglob("*")):
        is_file = path.is_file()
        if is_file or not any(path.iterdir()):
            found[path.relative_to(folder).as_posix()] = path.read_bytes() if is_file else b"folder"
    return found


def write_digits(folder: Path, count: int) -> None:
    """Write the first real digits that ganctl embeds as idx files: (count, 28, 28) and labels."""
    (embedded,) = Path(package.__file__).parent.rglob("digits.bin.bz2")
    content = np.frombuffer(bz2.decompress(embedded.read_bytes()), np.uint8)
    labels, images = content[:count], content[10_000 : 10_000 + 784 * count]
    folder.mkdir(parents=True)
    for name, sizes, data in (
        ("train-images-idx3-ubyte", (count, 28, 28), images),
        ("train-labels-idx1-ubyte", (count,), labels),
    ):
        header = struct.pack(f">4B{len(sizes)}I", 0, 0, 8, len(sizes), *sizes)
        (folder / name).write_bytes(header + data.tobytes())


@pytest.fixture(scope="package", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what is computed of data in a folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANCTL_DATA", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 200 real digits in MNIST's format."""
    folder = tmp_path_factory.mktemp("golden-data") / "digits-200"
    write_digits(folder, 200)
    return folder


@pytest.fixture(scope="session")
def made(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs of one epoch, mlp and conv conditional, and what is exported of each.

    checkpoints/plain, plain.onnx, plain.safetensors; checkpoints/classes, classes.onnx,
    classes.safetensors.
    """
    folder = tmp_path_factory.mktemp("golden")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done(f"train {QUICK} --epochs 1 --name plain --data", digits)
        done(f"train {QUICK} --epochs 1 --name classes --arch conv --conditional --data", digits)
        for name in ("plain", "classes"):
            for suffix in ("onnx", "safetensors"):
                done(f"export --checkpoint {name} {name}.{suffix}")
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def place(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder that holds a copy of what `made` holds."""
    copy = tmp_path / "place"
    shutil.copytree(made, copy)
    monkeypatch.chdir(copy)
    return copy
