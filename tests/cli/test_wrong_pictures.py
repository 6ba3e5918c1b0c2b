"""``train --data`` on pictures of every odd kind: real files, and a real epoch."""

from __future__ import annotations

import io
import shutil
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganctl.environment import peak_memory

from ..conftest import Ganctl
from ..data.files import write_idx_pair

TRAIN = ("train", "--epochs", 1, "--img-size", 8, "--name", "run", "--eval-every", 0)

BOMB = "more than 89,478,485 pixels, Pillow's limit against decompression bombs"


def picture(mode: str = "L", side: int = 9, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(side).integers(0, 256, (side, side), np.uint8)
    image = Image.fromarray(noise)
    if mode == "I;16":
        image = Image.fromarray(noise.astype(np.uint16) * 257)
    elif mode != "L":
        image = image.convert(mode)
    image.save(file, kind)
    return file.getvalue()


def animated() -> bytes:
    file = io.BytesIO()
    frames = [Image.new("L", (9, 9), level) for level in (0, 99)]
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    return file.getvalue()


def png(side: int, rows: bytes) -> bytes:
    """Return a PNG that says it has so many pixels a side of one bit each."""
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    )


@pytest.fixture(scope="module")
def huge() -> bytes:
    """A PNG of 20,000 × 20,000 black pixels, all there: 49 kB, and 400 MB in memory."""
    deflate = zlib.compressobj()
    strip = bytes(100 * (1 + 20_000 // 8))  # before each row its filter
    rows = b"".join(deflate.compress(strip) for _ in range(200)) + deflate.flush()
    return png(20_000, rows)


GOOD = {
    "1 pixel.png": picture(side=1),
    "cmyk.jpg": picture("CMYK", kind="JPEG"),
    "16 bits.png": picture("I;16"),
    "animated.png": animated(),
    "transparent.png": picture("LA"),
    "palette.png": picture("P"),
}
BAD = {
    "bomb.png": png(2**31 - 1, zlib.compress(bytes(100))),
    "cut.jpg": picture(side=64, kind="JPEG")[:300],
    "empty.png": b"",
    "text.jpg": b"hello",
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("packed", [False, True])
def test_what_can_be_read_is_trained_on_and_the_rest_is_named(
    packed: bool, huge: bytes, ganctl: Ganctl, tmp_path: Path
) -> None:
    files = GOOD | BAD | {"20,000.png": huge}
    if packed:
        with zipfile.ZipFile("pictures.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    else:
        Path("pictures").mkdir()
        for name, content in files.items():
            Path("pictures", name).write_bytes(content)
    outcome = ganctl(*TRAIN, "--data", "pictures.zip" if packed else "pictures")
    assert outcome.code == 0, outcome.err
    assert "skipped 5 of 11 files as unreadable: '20,000.png', 'bomb.png', 'cut.jpg'" in outcome.err


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
@pytest.mark.parametrize(
    ("command", "says"),
    [
        ((*TRAIN, "--data"), "skipped 1 of 6 files as unreadable: 'huge.png'"),
        (("data", "show"), f"huge.png ({BOMB})"),
        (("evaluate", "-n", 6), "skipped 1 of 6 files as unreadable: 'huge.png'"),
    ],
    ids=["train", "data show", "evaluate"],
)
def test_400_million_pixels_are_not_unpacked(
    command: tuple[object, ...],
    says: str,
    huge: bytes,
    ganctl: Ganctl,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    Path("pictures").mkdir()
    for side in range(5, 10):
        Path("pictures", f"{side}.png").write_bytes(picture(side=side))
    assert ganctl(*command, "pictures").code == 0  # what this loads is not counted
    shutil.rmtree("checkpoints", ignore_errors=True)
    Path("pictures/huge.png").write_bytes(huge)
    Path("/proc/self/clear_refs").write_text("5", "utf-8")  # forget the peak
    before = peak_memory()
    outcome = ganctl(*command, "pictures")
    assert outcome.code == 0, outcome.err
    assert len([line for line in (outcome.out + outcome.err).splitlines() if says in line]) == 1
    assert peak_memory() - before < 100e6


def test_nothing_but_400_million_pixels(huge: bytes, ganctl: Ganctl) -> None:
    Path("pictures").mkdir()
    Path("pictures/huge.png").write_bytes(huge)
    for command in (*TRAIN, "--data"), ("data", "show"):
        outcome = ganctl(*command, "pictures")
        assert outcome.code == 3 and outcome.err.splitlines()[1:] == [
            f"hint: 1 file could not be read, such as 'huge.png': {BOMB}"
        ]


def test_a_zip_that_points_outside_writes_nothing_there(ganctl: Ganctl, tmp_path: Path) -> None:
    inside = tmp_path / "in" / "side"
    inside.mkdir(parents=True)
    path = inside / "slip.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number, name in enumerate(("../../x.png", "/x.png", "..\\x.png", "a/../../y.png")):
            archive.writestr(name, picture(side=number + 3))
    before = set(tmp_path.rglob("*"))
    outcome = ganctl(*TRAIN, "--data", path)
    made = {each.relative_to(tmp_path).parts[0] for each in set(tmp_path.rglob("*")) - before}
    assert made <= {"checkpoints"} and outcome.code in (0, 3)
    assert not Path("/x.png").exists()


def test_a_zip_that_unfolds_without_end_is_not_unfolded(ganctl: Ganctl) -> None:
    with zipfile.ZipFile("bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"{number}.png", bytes(280_000_000 if number == 0 else 1000))
    outcome = ganctl(*TRAIN, "--data", "bomb.zip")
    assert outcome.code == 3 and "0 readable PNG or JPEG images" in outcome.err
    assert not Path("checkpoints/run").exists()


def test_labels_may_have_gaps(ganctl: Ganctl) -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8), np.uint8)
    write_idx_pair(Path("gaps"), images, np.array([1, 7] * 10, np.uint8))
    outcome = ganctl(*TRAIN, "--data", "gaps", "--conditional")
    assert outcome.code == 0, outcome.err
    for digit, code in ((7, 0), (1, 0), (3, 0), (8, 3)):
        assert ganctl("sample", "-n", 2, "--digit", digit, "x.npy").code == code


def test_a_class_may_have_one_image(ganctl: Ganctl) -> None:
    for name, count in (("many", 5), ("one", 1)):
        Path("classes", name).mkdir(parents=True)
        for number in range(count):
            Path("classes", name, f"{number}.png").write_bytes(picture(side=number + 3))
    assert ganctl(*TRAIN, "--data", "classes", "--conditional").code == 0
    assert ganctl("sample", "-n", 2, "--digit", 1, "x.npy").code == 0
