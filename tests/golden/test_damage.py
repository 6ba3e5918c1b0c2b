"""One flipped bit is found in every kind of file that can be damaged unnoticed."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest

import ganctl as package

from .conftest import ganctl, in_process

COMMANDS = {
    ".onnx": ["infer -n 4", "infer --verify", "evaluate", "info"],
    ".safetensors": [
        "sample new.png --checkpoint",
        "export new.onnx --checkpoint",
        "evaluate",
        "info",
    ],
}


def flipped(whole: bytes, place: int) -> bytes:
    data = bytearray(whole)
    data[place] ^= 1 << place % 8
    return bytes(data)


@pytest.mark.parametrize(
    "file",
    [
        "plain.onnx",
        "classes.onnx",
        "plain.safetensors",
        "classes.safetensors",
        "checkpoints/plain/last.safetensors",
    ],
)
def test_a_flipped_bit_is_found(file: str, place: Path) -> None:
    """Anywhere: exit code 5, or 3 where the file does not even look like one of its kind."""
    whole, rng = Path(file).read_bytes(), random.Random(0)
    places = [0, 8, 300, len(whole) // 2, len(whole) - 1, *rng.sample(range(len(whole)), 8)]
    for offset in places:
        Path(file).write_bytes(flipped(whole, offset))
        outcome = ganctl(f"info {file}")
        assert outcome.code in (3, 5) and outcome.out == "", offset
        assert outcome.err.startswith(f"error: {file}")
        with pytest.raises(package.GanctlError):
            package.load(file)
    Path(file).write_bytes(flipped(whole, len(whole) // 2))
    for command in COMMANDS[Path(file).suffix]:
        outcome = ganctl(f"{command} {file}")
        assert outcome.code == 5 and f"error: {file} is damaged" in outcome.err, command
    assert not list(place.glob("*.png")) and not Path("new.onnx").exists()
    Path(file).write_bytes(whole)
    assert ganctl(f"info {file}").code == 0


def test_a_run_that_is_damaged_does_not_go_on(place: Path) -> None:
    last = Path("checkpoints/plain/last.safetensors")
    damaged = flipped(last.read_bytes(), 10_000_000)
    last.write_bytes(damaged)
    outcome = ganctl("train --resume plain --epochs 2")
    assert outcome.code == 5 and "is damaged" in outcome.err
    assert last.read_bytes() == damaged


def test_a_data_set_that_is_not_the_known_one_is_found(digits: Path, here: Path) -> None:
    """The digests of downloaded files are known."""
    shutil.copytree(digits, "data/MNIST/raw")
    for command in ("train --epochs 1", "data show mnist out.png", "data fetch mnist"):
        data = "--data mnist " if command.startswith("train") else ""
        outcome = ganctl(f"{command} {data}--data-dir data")
        assert outcome.code == 5, outcome
        assert outcome.err.startswith("error: data/MNIST/raw/train-images-idx3-ubyte")
    assert sorted(path.name for path in here.iterdir()) == ["data"]


PROGRAM = """
import sys
from ganctl.cli.app import main
for line in sys.argv[1:]:
    print(main(line.split()), flush=True)
"""


def test_a_flipped_bit_in_what_is_installed_is_found(made: Path, here: Path) -> None:
    """In a copy of the package: the embedded digits, the classifier and the statistics."""
    source = Path(package.__file__).parent
    for path in source.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            copy = here / "ganctl" / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.symlink_to(path)
    np.save("images.npy", np.random.default_rng(0).integers(0, 256, (8, 1, 28, 28), np.uint8))
    commands = ["data show digits out.png", "evaluate images.npy", "evaluate images.npy"]
    shipped = [next(here.rglob(name)) for name in ("digits.bin.bz2", "*.onnx", "*.npz")]
    for number, file in enumerate(shipped):
        target = file.resolve()
        whole = target.read_bytes()
        file.unlink()
        file.write_bytes(flipped(whole, len(whole) // 2))
        done = in_process("-c", PROGRAM, commands[number], cwd=here, PYTHONPATH=str(here))
        assert done.stdout == b"5\n", done.stderr.decode()
        assert f"error: {file} is damaged" in done.stderr.decode()
        file.unlink()
        file.symlink_to(target)
