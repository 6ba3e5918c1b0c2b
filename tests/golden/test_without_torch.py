"""Drawing from an ONNX file and looking at files work where only the small packages are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .conftest import done, in_process

ABSENT = ("torch", "torchvision", "onnx", "onnxscript", "safetensors", "matplotlib")

PROGRAM = f"""
import shlex, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {ABSENT!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
from ganctl.cli.app import main
import ganctl
for line in sys.argv[1:]:
    print("exit", main(shlex.split(line)), flush=True)
ganctl.load("classes.onnx").sample(4, digit=3, seed=1).save("loaded.npy")
print(sorted({{name.partition(".")[0] for name in sys.modules}} & {set(ABSENT)!r}))
"""


def test_infer_and_info_need_no_torch(place: Path, digits: Path) -> None:
    (place / digits.name).symlink_to(digits)
    working = [
        "infer classes.onnx -n 4 --digit 3 --seed 1 bare.npy",
        "infer classes.onnx -n 4 --digit 3 --seed 1 bare.png",
        "infer plain.onnx --verify",
        *("info plain", "info plain.safetensors", "info plain.onnx --json"),
        *("runs", "data list", "data show digits sheet.png"),
        "evaluate classes.onnx -n 50 --data digits-200",
        "--help",
    ]
    outcome = in_process("-c", PROGRAM, *working, cwd=place, COLUMNS="100")
    assert outcome.returncode == 0, outcome.stderr.decode()
    lines = outcome.stdout.decode().splitlines()
    assert [line for line in lines if line.startswith("exit ")] == ["exit 0"] * len(working)
    assert lines[-1] == "[]"
    done("infer classes.onnx -n 4 --digit 3 --seed 1 here.npy")
    done("infer classes.onnx -n 4 --digit 3 --seed 1 here.png")
    assert Path("bare.npy").read_bytes() == Path("here.npy").read_bytes()
    assert Path("bare.png").read_bytes() == Path("here.png").read_bytes()
    assert np.array_equal(np.load("loaded.npy"), np.load("here.npy"))


def test_what_needs_torch_says_so(place: Path) -> None:
    before = sorted(place.rglob("*"))
    needing = [
        "train --data digits --epochs 1",
        "sample new.png",
        "export new.onnx",
        "evaluate plain",
    ]
    outcome = in_process("-c", PROGRAM, *needing, cwd=place)
    assert outcome.stdout.decode().splitlines()[:-1] == ["exit 4"] * len(needing)
    said = [line for line in outcome.stderr.decode().splitlines() if not line.startswith("note: ")]
    assert [line.partition(":")[0] for line in said] == ["error", "hint"] * len(needing)
    assert all('pip install "ganctl[train]"' in line for line in said[1::2])
    assert set(place.rglob("*")) - set(before) == {place / "loaded.npy"}
