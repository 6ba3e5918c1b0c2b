from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ganctl.data import folder, load_data
from ganctl.data.image_data import ImageData
from ganctl.errors import BadInput

from .files import grey_png, pack, write

Load = Callable[[Path, dict[str, bytes]], ImageData]


def load(path: Path) -> ImageData:
    return load_data(str(path), img_size=4)


def from_folder(tmp_path: Path, files: dict[str, bytes]) -> ImageData:
    return load(write(tmp_path / "pictures", files))


def from_zip(tmp_path: Path, files: dict[str, bytes]) -> ImageData:
    return load(pack(tmp_path / "pictures.zip", files))


either = pytest.mark.parametrize("load", [from_folder, from_zip])


def shades(data: ImageData) -> list[int]:
    return [int(image[0, 0, 0]) for image in data.images]


@either
def test_subfolders_are_classes_in_sorted_order(tmp_path: Path, load: Load) -> None:
    files = {
        "seven/b.PNG": grey_png(3),
        "seven/a.png": grey_png(2),
        "one/deep/er/z.png": grey_png(1),
    }
    data = load(tmp_path, files)
    assert data.images.shape == (3, 1, 4, 4) and shades(data) == [1, 2, 3]
    assert data.class_names == ("one", "seven")
    assert data.labels is not None and data.labels.tolist() == [0, 1, 1]


@either
@pytest.mark.parametrize(
    ("names", "class_names"),
    [
        (("set/train/a/1.png", "set/train/b/2.png"), ("a", "b")),  # a folder around the classes
        (("a/1.png", "b/2.png", "c.png"), ()),  # one outside the folders
        (("all/1.png", "all/2.png"), ()),  # a single folder is not a class
    ],
)
def test_which_folders_are_classes(
    tmp_path: Path, load: Load, names: tuple[str, ...], class_names: tuple[str, ...]
) -> None:
    data = load(tmp_path, {name: grey_png(shade) for shade, name in enumerate(names)})
    assert data.class_names == class_names and (data.labels is None) is (class_names == ())
    assert sorted(shades(data)) == [*range(len(names))]


@either
def test_hidden_files_and_other_kinds_are_ignored_silently(
    tmp_path: Path, load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    files = {
        "a/1.png": grey_png(1),
        "a/2.png": grey_png(2),
        "a/.3.png": grey_png(3),
        ".b/4.png": grey_png(4),
        "__MACOSX/a/._1.png": b"resource fork",
        "__MACOSX/a/5.png": grey_png(5),
        "a/notes.txt": b"text",
    }
    assert shades(load(tmp_path, files)) == [1, 2]
    assert caplog.messages == []


@either
def test_unreadable_files_are_counted_in_one_warning(
    tmp_path: Path, load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    files = {f"broken{n}.png": b"broken" for n in range(5)}
    files |= {"good.png": grey_png(7), "good.jpg": grey_png(6)}
    assert shades(load(tmp_path, files)) == [6, 7]
    (message,) = caplog.messages
    assert "skipped 5 of 7" in message
    assert "'broken0.png', 'broken1.png', 'broken2.png' and 2 more" in message


def test_a_warning_cannot_carry_terminal_codes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = {"1.png": grey_png(1), "2.png": grey_png(2), "\x1b[2J.png": b"broken"}
    from_zip(tmp_path, files)
    assert len(caplog.messages) == 1 and caplog.messages[0].isprintable()


@either
@pytest.mark.parametrize(
    ("files", "count", "hint"),
    [
        ({}, 0, "more images"),
        ({"1.png": grey_png(1)}, 1, "more images"),
        ({"1.webp": b"", "2.webp": b"", "notes": b""}, 0, "found 2 .webp files; only PNG and JPEG"),
        ({"readme": b""}, 0, "found 1 other file; only"),
        ({"1.png": b"broken", "2.txt": b""}, 0, "1 file could not be read, such as '1.png': not a"),
        ({"a.zip": b"", "b/c.zip": b""}, 0, "found 2 .zip files"),
    ],
    ids=["empty", "one", "other pictures", "no suffix", "broken", "zips"],
)
def test_too_few_images_and_why(
    tmp_path: Path, load: Load, files: dict[str, bytes], count: int, hint: str
) -> None:
    with pytest.raises(BadInput, match=f"{count} readable .* needs at least 2") as caught:
        load(tmp_path, files)
    assert hint in caught.value.hint


def test_symlinked_class_folders_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    write(pictures, {"a/1.png": grey_png(1), ".hidden/3.png": grey_png(3)})
    write(tmp_path / "elsewhere", {"2.png": grey_png(2)})
    (pictures / "b").symlink_to(tmp_path / "elsewhere")
    (pictures / "c").symlink_to(".hidden")
    (pictures / "a" / "up").symlink_to("..")
    (pictures / "a" / "loop").symlink_to("loop")
    (tmp_path / "elsewhere" / "across").symlink_to(pictures / "a")
    data = load(pictures)
    assert data.class_names == ("a", "b", "c")
    assert data.labels is not None and data.labels.tolist() == [0, 1, 1, 2]
    assert shades(data) == [1, 2, 1, 3]  # b/across is the folder a


def test_a_zip_writes_nothing(tmp_path: Path) -> None:
    names = ("../slip.png", "/1.png", "2.png", "a/../../3.png")
    from_zip(tmp_path, {name: grey_png(shade) for shade, name in enumerate(names)})
    assert [path.name for path in tmp_path.iterdir()] == ["pictures.zip"]


@pytest.mark.parametrize("content", [b"", b"text", grey_png(1), b"PK\5\6" + bytes(10)])
def test_what_is_not_a_zip(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pictures.zip"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"pictures\.zip is not a zip file"):
        load(path)


def test_a_huge_entry_is_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    files = {"1.png": grey_png(1), "2.png": grey_png(2), "huge.png": grey_png(3) + bytes(1000)}
    monkeypatch.setattr(folder, "MAX_ENTRY", 999)
    assert shades(from_zip(tmp_path, files)) == [1, 2]
    assert "'huge.png'" in caplog.text


def test_damaged_encrypted_and_exotic_entries_are_unreadable(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for shade, name in enumerate(["1.png", "2.png", "damaged.png", "encrypted.png"]):
            archive.writestr(name, grey_png(shade))
        archive.writestr("exotic.png", grey_png(9), zipfile.ZIP_LZMA)
    content = bytearray(buffer.getvalue())
    content[content.index(b"damaged.png") + 30] ^= 1  # its checksum is wrong now
    central = content.rindex(b"encrypted.png") - 46
    content[central + 8] |= 1  # the flag for a password
    local = content.index(b"encrypted.png") - 30
    content[local + 6] |= 1
    path = tmp_path / "pictures.zip"
    path.write_bytes(content)
    assert shades(load(path)) == [0, 1]
    assert "'damaged.png', 'encrypted.png', 'exotic.png'" in caplog.text


def test_bytes_of_a_zip_changed_at_random_are_read_or_bad_input(tmp_path: Path) -> None:
    whole = pack(tmp_path / "whole.zip", {f"{n}.png": grey_png(n) for n in range(4)}).read_bytes()
    path, outcomes = tmp_path / "changed.zip", set()
    rng = np.random.default_rng(0)
    for _ in range(300):
        content = np.frombuffer(whole, np.uint8).copy()
        content[rng.integers(0, len(content), 3)] = rng.integers(0, 256, 3)
        path.write_bytes(content.tobytes())
        try:
            outcomes.add(len(load(path).images))
        except BadInput:
            outcomes.add(0)
    assert {0, 4} <= outcomes <= {0, 2, 3, 4}


def test_a_folder_with_hardly_a_picture_is_not_searched_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "MAX_OTHER_FILES", 20)
    files = {f"{index}.txt": b"" for index in range(15)} | {".git/many": b""}
    files |= {f"empty{index}/.keep": b"" for index in range(15)}
    files |= {f"{index}.png": grey_png(1) for index in range(10)}  # each allows one more
    assert len(from_folder(tmp_path, files).images) == 10
    files = {f"none/{index}/more.txt": b"" for index in range(99)}
    with pytest.raises(BadInput, match="10 PNG or JPEG files among the first "):
        from_folder(tmp_path, files)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_system_folders_are_not_searched(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for name in ("proc", "sys"):
        (tmp_path / "pictures" / name).symlink_to(f"/{name}")
    for path in (tmp_path / "pictures", Path("/proc")):
        with pytest.raises(BadInput, match="0 readable"):
            load(path)
