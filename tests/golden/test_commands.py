"""The four commands, from real digits to images without torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .conftest import QUICK, done, ganctl, in_process


def test_train_sample_export_infer(digits: Path, here: Path) -> None:
    trained = done(
        f"train {QUICK} --epochs 2 --sample-every 1 --keep 1 --name first --data", digits
    )
    run = here / "checkpoints/first"
    files = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    assert files - {".lock"} == {
        "config.json",
        "curves.png",
        "last.safetensors",
        "metrics.jsonl",
        "progress.gif",
        "report.html",
        "samples/000000.png",
        "samples/000001.png",
        "samples/000002.png",
        "step-000000000008.safetensors",
    }
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 2
    assert "checkpoints/first" in trained.out and "ganctl sample" in trained.out
    assert "epoch 2/2" in trained.err and "epoch" not in trained.out.splitlines()[-1]

    sampled = done("sample -n 16 --seed 7 out.png")
    assert sampled.out.startswith("wrote out.png")
    exported = done("export gen.onnx")
    assert exported.out.startswith("wrote gen.onnx") and "ganctl infer gen.onnx" in exported.out
    inferred = done("infer gen.onnx -n 16 --seed 7 again.png")
    assert inferred.out.startswith("wrote again.png") and inferred.err == ""
    pictures = []
    for name in ("out.png", "again.png", "checkpoints/first/samples/000002.png"):
        with Image.open(name) as picture:
            assert picture.mode == "L"
            pictures.append(np.asarray(picture, np.int16))
    assert pictures[0].shape == pictures[1].shape == (4 * 28 + 5 * 2, 4 * 28 + 5 * 2)
    assert pictures[2].shape == (8 * 28 + 9 * 2, 8 * 28 + 9 * 2)
    assert np.abs(pictures[0] - pictures[1]).max() <= 1 and pictures[0].std() > 5
    assert sorted(path.name for path in here.iterdir()) == [
        "again.png",
        "checkpoints",
        "gen.onnx",
        "out.png",
    ]


def test_what_is_drawn_where(place: Path) -> None:
    for command in ("sample --checkpoint classes", "infer classes.onnx"):
        done(f"{command} -n 4 --cols 2 --digit 3 one.png")
        done(f"{command} -n 3 --digit 1,5 two.png")
        done(f"{command} --digits 2024 number.png")
        done(f"{command} -n 3 --interpolate 4 walk.gif")
        done(f"{command} -n 5 array.npy")
        done(f"{command} -n 5 folder")
        sizes = []
        for name in ("one.png", "two.png", "number.png"):
            with Image.open(name) as picture:
                sizes.append(picture.size)
        assert sizes == [(62, 62), (92, 62), (122, 32)]
        with Image.open("walk.gif") as walk:
            assert walk.n_frames == 12 and walk.width == walk.height  # type: ignore[attr-defined]
        array = np.load("array.npy", allow_pickle=False)
        assert (array.shape, array.dtype) == ((5, 1, 28, 28), np.uint8)
        files = sorted(Path("folder").iterdir())
        assert [file.name for file in files] == [f"{index:06}.png" for index in range(5)]
        for image, file in zip(array, files, strict=True):
            with Image.open(file) as picture:
                assert np.array_equal(image[0], np.asarray(picture))
        for file in files:
            file.unlink()
        Path("folder").rmdir()


def test_the_usual_names(place: Path) -> None:
    """Without OUT, and without naming the run: the newest one."""
    assert "samples.png" in done("sample -n 4").out
    assert "generator.onnx" in done("export").out
    assert "plain.png" in done("infer plain.onnx -n 4").out
    assert {"samples.png", "generator.onnx", "plain.png"} <= {path.name for path in place.iterdir()}


def test_a_picture_goes_to_stdout(made: Path, here: Path) -> None:
    outcome = in_process("-m", "ganctl", "infer", made / "plain.onnx", "-n", "4", "-", cwd=here)
    assert (outcome.returncode, outcome.stderr) == (0, b"")
    assert outcome.stdout.startswith(b"\x89PNG\r\n") and outcome.stdout.endswith(b"IEND\xaeB`\x82")
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    "command",
    [
        *("", "train", "sample", "export", "infer", "info", "evaluate", "doctor", "data"),
        *("data list", "data fetch", "data show", "runs", "runs compare", "runs report"),
    ],
)
def test_each_command_has_help(command: str) -> None:
    outcome = done(f"{command} --help")
    assert "Usage: ganctl" in outcome.out and outcome.err == ""


def test_the_version_is_said() -> None:
    import ganctl as package

    assert done("--version").out == f"ganctl {package.__version__}\n"
    assert ganctl("").code == 0
