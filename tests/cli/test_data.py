"""``ganctl data``: list, fetch and show."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganctl.data.registry import DATASETS, DOWNLOADABLE
from scripts.make_shapes import make_shapes

from ..conftest import Ganctl


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def shapes(here: Path) -> Path:
    """A folder of 15 coloured pictures in 5 classes, and one that is broken."""
    make_shapes(here / "shapes", 3, 32)
    (here / "shapes" / "star" / "broken.png").write_bytes(b"broken")
    return here / "shapes"


def test_list(ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANCTL_DATA", "cache")
    outcome = ganctl("data", "list")
    assert outcome.code == 0 and outcome.err == ""
    for name in DATASETS:
        assert f"  {name} " in outcome.out
    assert outcome.out.count("not here  ") == len(DOWNLOADABLE) and "562.0 MB" in outcome.out
    assert "data directory: cache\ndownload one: ganctl data fetch NAME\n" in outcome.out
    found = json.loads(ganctl("data", "list", "--data-dir", "elsewhere", "--json").out)
    assert [each["name"] for each in found] == [*DATASETS]
    assert [each["here"] for each in found] == [False] * len(DOWNLOADABLE) + [True]
    assert found[0]["path"] == "elsewhere/MNIST/raw"
    assert not Path("cache").exists() and not Path("elsewhere").exists()


@pytest.mark.parametrize("columns", [80, 120])
def test_the_list_fits_a_terminal(
    columns: int, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal, for rich
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    out = re.sub(r"\x1b\[[0-9;]*m", "", ganctl("data", "list").out)
    assert max(map(len, out.splitlines())) <= columns
    rows = [line.split() for line in out.splitlines()]
    assert all(sum(row[:1] == [name] for row in rows) == 1 for name in DATASETS)
    (heading,) = [row for row in rows if row[:1] == ["name"]]
    assert ("download" in heading) is (columns == 120)
    assert ("no room for pixels, download, source:" in out) is (columns == 80)


def test_fetch_without_a_network_is_one_error(
    ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:9")  # the discard port: refused
    outcome = ganctl("data", "fetch", "kmnist", "--data-dir", "cache")
    assert outcome.code == 3 and outcome.out == ""
    error, hint = outcome.err.splitlines()
    assert error.startswith("error: kmnist could not be downloaded (")
    assert hint.endswith("put the files in cache/KMNIST/raw")


def test_fetch_refuses_a_wrong_name_before_anything_is_downloaded(ganctl: Ganctl) -> None:
    outcome = ganctl("data", "fetch", "kmnist", "mnits", "--data-dir", "cache")
    assert outcome.code == 3 and "named 'mnits': did you mean 'mnist'?" in outcome.err
    assert not Path("cache").exists()


def test_fetch_says_what_is_there(ganctl: Ganctl, small_data: Path) -> None:
    raw = Path("cache", "FashionMNIST", "raw")
    raw.mkdir(parents=True)
    for path in small_data.iterdir():
        (raw / path.name).write_bytes(path.read_bytes())
    outcome = ganctl("data", "fetch", "fashion-mnist", "fashion-mnist", "--data-dir", "cache")
    assert outcome.code == 0 and outcome.err == ""
    assert outcome.out == f"fashion-mnist: already here: garments, verified, in {raw}\n"


def test_show_writes_a_contact_sheet_and_a_summary(ganctl: Ganctl, shapes: Path) -> None:
    outcome = ganctl("data", "show", "shapes")
    assert outcome.code == 0 and outcome.err == ""
    rows = dict(re.findall(r"^  (\w[\w ]*?)  +(.*)$", outcome.out, re.M))
    assert rows["images"] == "15"
    assert rows["classes"] == "5: circle (3), heart (3), square (3), star (3), triangle (3)"
    assert rows["sizes"] == "all 32×32" and rows["kinds"] == "colour (15)"
    assert rows["few images"] == "the generator may memorise them; use 1,000 or more"
    assert rows["result"] == "15 images of 3×32×32, 46.1 kB in memory"
    assert rows["unreadable"] == "1: star/broken.png (not a PNG or JPEG)"
    command = "ganctl train --data shapes --img-size 32 --channels 3 --arch conv --conditional"
    assert rows["command"] == command
    assert outcome.out.endswith("\nwrote shapes-sheet.png: 15 of 15 images, one row per class\n")
    with Image.open("shapes-sheet.png") as sheet:
        left = sheet.width - (10 * 34 + 2)
        assert sheet.mode == "RGB" and 60 < left < 120 and sheet.height == 5 * 34 + 2
        assert sheet.getpixel((left + 4, 4)) == (255, 255, 255)


def test_what_a_picture_is_besides_is_told_apart(ganctl: Ganctl, here: Path) -> None:
    Path("two").mkdir()
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save("two/a.png")
    Image.new("L", (4, 4)).save("two/b.png")
    outcome = ganctl("data", "show", "two")
    assert re.search(r"^  kinds +grey \(2\)$", outcome.out, re.M)
    assert re.search(
        r"^  among them +grey stored as colour \(1\), with transparency \(1\)$", outcome.out, re.M
    )


def test_show_as_json(ganctl: Ganctl, shapes: Path) -> None:
    outcome = ganctl("data", "show", "shapes", "s.png", "--json", "--img-size", 8, "--channels", 1)
    assert outcome.code == 0 and outcome.err.startswith("note: wrote s.png: 15 of 15 images")
    found = json.loads(outcome.out)
    assert found["classes"] == dict.fromkeys(["circle", "heart", "square", "star", "triangle"], 3)
    assert found["unreadable"] == [{"name": "star/broken.png", "reason": "not a PNG or JPEG"}]
    assert found["sizes"]["smallest"] == {"width": 32, "height": 32}
    training = {"img_size": 8, "channels": 1, "cropped": 0, "enlarged": 0, "few": True}
    assert found["training"] == training
    assert (found["kinds"], found["traits"]) == ({"colour": 15}, {})
    with Image.open("s.png") as sheet:
        assert sheet.mode == "L"


def test_the_command_that_show_proposes_is_one(
    ganctl: Ganctl, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposed = json.loads(ganctl("data", "show", "shapes", "--json").out)["command"]
    assert proposed[:2] == ["ganctl", "train"]
    options = ["--epochs", 1, "--name", "run", "--sample-every", 0, "--eval-every", 0]
    outcome = ganctl(*proposed[1:], *options)
    assert outcome.code == 0, outcome.err
    assert "skipped 1 of 16 files as unreadable: 'star/broken.png'" in outcome.err


def test_show_a_known_set_and_one_that_is_not_here(ganctl: Ganctl) -> None:
    outcome = ganctl("data", "show", "digits", "--json")
    found = json.loads(outcome.out)
    assert found["images"] == 10_000 and found["command"][2:] == ["--data", "digits"]
    assert Path("digits-sheet.png").is_file()
    outcome = ganctl("data", "show", "kmnist", "--data-dir", "cache")
    assert outcome.code == 3 and outcome.err.splitlines()[1] == (
        "hint: ganctl data fetch kmnist; or train on --data digits, which needs no network"
    )
    assert not Path("cache").exists() and not Path("kmnist-sheet.png").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["shapes", "way.png"], 3, "cannot write way.png: it is not a file"),
        (["zipped.png", "zipped.png"], 2, "the contact sheet would replace the pictures"),
    ],
)
def test_what_show_refuses(
    arguments: list[object], code: int, error: str, ganctl: Ganctl, shapes: Path
) -> None:
    Path("way.png").mkdir()
    Image.new("L", (2, 2)).save("picture.png")
    with zipfile.ZipFile("zipped.png", "w") as archive:
        for name in "ab":
            archive.write("picture.png", f"{name}.png")
    before = sorted(Path().iterdir())
    outcome = ganctl("data", "show", *arguments)
    assert outcome.code == code and error in outcome.err.splitlines()[0] and outcome.out == ""
    assert sorted(Path().iterdir()) == before and zipfile.is_zipfile("zipped.png")


def test_names_in_a_summary_cannot_carry_terminal_codes(ganctl: Ganctl, shapes: Path) -> None:
    (shapes / "\x1b[2Jstar").mkdir()
    (shapes / "star" / "\x1b[31m.png").write_bytes(b"broken")
    outcome = ganctl("data", "show", "shapes")
    assert outcome.code == 0 and "\x1b" not in outcome.out
    assert r"\x1b[2Jstar" in outcome.out and r"\x1b[31m.png" in outcome.out


def test_pictures_of_your_own_from_end_to_end(ganctl: Ganctl) -> None:
    """In colour, drawn by torch and by the ONNX file."""
    make_shapes(Path("shapes"), 12, 32)
    shape = ["--img-size", 32, "--channels", 3, "--arch", "conv", "--conditional"]
    shape += ["--epochs", 2, "--batch-size", 30]
    quick = ["--sample-every", 0, "--eval-every", 0, "--name", "run"]
    assert ganctl("train", "--data", "shapes", *shape, *quick).code == 0
    assert ganctl("sample", "-n", 4, "sample.npy").code == 0
    assert ganctl("export", "gen.onnx").code == 0
    assert ganctl("infer", "gen.onnx", "-n", 4, "infer.npy").code == 0
    assert ganctl("infer", "gen.onnx", "-n", 4, "infer.png").code == 0
    drawn, again = np.load("infer.npy"), np.load("sample.npy")
    assert drawn.shape == (4, 3, 32, 32)
    assert np.abs(drawn.astype(int) - again).max() <= 1
    with Image.open("infer.png") as grid:
        assert grid.mode == "RGB" and grid.size == (2 * 34 + 2, 2 * 34 + 2)
        pixels = np.asarray(grid).astype(int)
    assert np.ptp(pixels, axis=2).max() > 10  # it has colour
    outcome = ganctl("evaluate", "gen.onnx", "-n", 50, "--data", "shapes", "--json")
    assert outcome.code == 0 and json.loads(outcome.out)["figures"]["samples"] == 50
