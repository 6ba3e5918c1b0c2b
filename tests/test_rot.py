"""Files that were changed or are being written: damage is found, and no file can run code."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import io
import os
import pickle
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ganctl
from ganctl.checkpoint_file import read_header
from ganctl.data import ImageData, load_data
from ganctl.data.idx import read_idx
from ganctl.data.image_data import DIGIT_NAMES, fingerprint
from ganctl.errors import GanctlError
from ganctl.evaluation import reference
from ganctl.evaluation.samples import read_array
from ganctl.inference.generator import load_onnx
from ganctl.training.checkpoint import encode, load_checkpoint

from .data.download_worker import ARCHIVES, FILES, IMAGES
from .data.files import small_set
from .data.server import Handler, Reply, Server
from .evaluation.test_reference import Blind

ROOT = Path(__file__).parents[1]
PRETRAINED = ROOT / "checkpoints"


def damages(whole: bytes) -> Iterator[bytes]:
    """Yield ``whole`` with a bit flipped, cut short, and with junk behind it."""
    rng = random.Random(0)
    for place in [0, 8, len(whole) - 1, *(rng.randrange(len(whole)) for _ in range(30))]:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << rng.randrange(8)
        yield bytes(flipped)
    for length in [0, 1, 8, len(whole) - 1, *(rng.randrange(len(whole)) for _ in range(10))]:
        yield whole[:length]
    for junk in (b"\0", b"\n", rng.randbytes(100), whole):
        yield whole + junk


def some_data() -> ImageData:
    """Return 20 images under a name that nobody knows."""
    images, labels = small_set(20)
    pixels, digit = images[:, None], labels.astype(np.int64)
    return ImageData("mine", pixels, digit, DIGIT_NAMES, fingerprint(pixels, digit))


def test_any_damage_to_cached_statistics_is_found(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "ganctl")
    reference.data_reference(some_data(), Blind(), tmp_path)
    (kept,) = tmp_path.iterdir()
    whole = kept.read_bytes()
    reference.data_reference(some_data(), Blind(), tmp_path)
    assert caplog.messages == ["classifying 20 images of mine"]  # not again the second time
    for damaged in damages(whole):
        kept.write_bytes(damaged)
        caplog.clear()
        reference.data_reference(some_data(), Blind(), tmp_path)
        assert caplog.messages == ["classifying 20 images of mine"]
        assert kept.read_bytes() == whole


PICKLERS = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml"}
RUNNERS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "torch.load",
    "torch.jit.load",
    "torch.hub.load",
}
READERS = {"np.load", "numpy.load"}


def dangers(source: str) -> list[str]:
    """Return what in a module's source could run code that a file holds."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names if name.name.split(".")[0] in PICKLERS]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{name.name}" for name in node.names]
            found += [name for name in names if name.split(".")[0] in PICKLERS]
            found += [name for name in names if name in RUNNERS | READERS]
        elif isinstance(node, ast.Call):
            called = ast.unparse(node)
            refuses = "allow_pickle=False" in map(ast.unparse, node.keywords)
            if (name := ast.unparse(node.func)) in RUNNERS or (name in READERS and not refuses):
                found.append(called)
    return found


def test_nothing_in_the_package_can_run_what_a_file_holds() -> None:
    sources = sorted(Path(ganctl.__file__).parent.rglob("*.py"))
    assert len(sources) > 50
    found = {path.name: dangers(path.read_text(encoding="utf-8")) for path in sources}
    assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from joblib import load",
        "import yaml",
        "from torch import load",
        "x = torch.load(path, weights_only=True)",
        "x = np.load(path)",
        "x = np.load(path, allow_pickle=True)",
        "eval(text)",
        "exec(text)",
        "import marshal, json",
    ],
)
def test_what_could_run_it_would_be_noticed(line: str) -> None:
    assert dangers(f"def f():\n    {line}\n")
    harmless = "np.load(path, allow_pickle=False)\ngenerator.eval()\nre.compile(text)\n'pickle'\n"
    assert dangers(harmless) == []


class Bomb:
    """It makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


def pickles(bomb: Bomb) -> Iterator[bytes]:
    """Yield files of all kinds that hold the bomb."""
    yield pickle.dumps(bomb)
    objects = np.empty(2, object)
    objects[:] = bomb
    statistics: dict[str, Any] = dict.fromkeys(reference.Cached._fields, objects)
    saves: list[Callable[[io.BytesIO], None]] = [
        lambda file: torch.save(bomb, file),
        lambda file: np.save(file, objects),
        lambda file: np.savez(file, images=objects, labels=objects),
        lambda file: np.savez(file, **statistics),
    ]
    for save in saves:
        file = io.BytesIO()
        save(file)
        yield file.getvalue()


LOADERS: list[Callable[[Path], object]] = [
    load_checkpoint,
    load_onnx,
    lambda path: read_array(path, 10),
    lambda path: load_data(str(path)),
    lambda path: read_idx(path, 3),
]


def test_a_pickle_is_never_run(tmp_path: Path) -> None:
    went_off = tmp_path / "went off"
    data, path = some_data(), tmp_path / "it"
    reference.data_reference(data, Blind(), tmp_path / "kept")
    (kept,) = (tmp_path / "kept").iterdir()
    for content in pickles(Bomb(went_off)):
        path.write_bytes(content)
        kept.write_bytes(content + hashlib.sha256(content).digest())
        for load in LOADERS:
            with pytest.raises(GanctlError):
                load(path)
        reference.data_reference(data, Blind(), kept.parent)
        assert not went_off.exists()
    pickle.loads(pickle.dumps(Bomb(went_off)))
    assert went_off.exists()  # it would have


WRITER = """
import itertools, sys
from pathlib import Path
from ganctl.files import write_atomic
path, *sources = map(Path, sys.argv[1:])
contents = [source.read_bytes() for source in sources]
print(flush=True)
for content in itertools.cycle(contents):
    write_atomic(path, content)
"""


def test_a_reader_during_saves_sees_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path, old, new = (tmp_path / name for name in ("it", "old", "new"))
    checkpoint = load_checkpoint(PRETRAINED / "mnist-conv-conditional.safetensors")
    old.write_bytes(encode(dataclasses.replace(checkpoint, step=1)))
    few = dict(list(checkpoint.tensors.items())[:5])
    new.write_bytes(encode(dataclasses.replace(checkpoint, step=2, tensors=few)))
    path.write_bytes(old.read_bytes())
    command: list[str | Path] = [sys.executable, "-c", WRITER, path, old, new]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as writer:
        try:
            assert writer.stdout and writer.stdout.readline()
            seen, changes, deadline = 1, 0, time.monotonic() + 60
            while changes < 50:
                before = seen
                seen = read_header(path).step
                changes += seen != before
                assert writer.poll() is None and time.monotonic() < deadline
        finally:
            writer.kill()


def in_step(content: bytes, barrier: threading.Barrier) -> Reply:
    """Serve in two halves; each goes out when both processes are there to receive it."""

    def reply(handler: Handler) -> None:
        handler.start(Content_Length=len(content))
        for half in (content[: len(content) // 2], content[len(content) // 2 :]):
            barrier.wait()
            handler.wfile.write(half)
            handler.wfile.flush()

    return reply


def test_two_processes_may_download_one_data_set(tmp_path: Path) -> None:
    environment = {**os.environ, "no_proxy": "*"}
    with Server() as server:
        for name, content in ARCHIVES.items():
            server.add(f"/{name}", in_step(content, threading.Barrier(2, timeout=60)))
        worker: list[str | Path] = [sys.executable, "-m", "tests.data.download_worker"]
        processes = [
            subprocess.Popen(
                [*worker, f"{server.url}/", tmp_path],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            for _ in range(2)
        ]
        ended = [process.communicate(timeout=120) for process in processes]
    digest = hashlib.sha256(IMAGES.tobytes()).hexdigest()
    assert [(out.decode().strip(), err.decode()) for out, err in ended] == [(digest, "")] * 2
    assert sorted(server.requests) == sorted(f"/{name}" for name in [*ARCHIVES] * 2)
    there = {path.name: path.read_bytes() for path in (tmp_path / "MNIST" / "raw").iterdir()}
    assert there == {**ARCHIVES, **FILES}
