from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ganctl.data import folder
from ganctl.data.folder import Pictures, load_pictures
from ganctl.errors import BadInput
from ganctl.notify import ignore

from .files import grey_png, write

Load = Callable[[Path, dict[str, bytes], Callable[[str], None]], Pictures]


def from_folder(tmp_path: Path, files: dict[str, bytes], notify: Callable[[str], None]) -> Pictures:
    return load_pictures(write(tmp_path / "pictures", files), 4, 1, notify)


def from_zip(tmp_path: Path, files: dict[str, bytes], notify: Callable[[str], None]) -> Pictures:
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return load_pictures(tmp_path / "pictures.zip", 4, 1, notify)


either = pytest.mark.parametrize("load", [from_folder, from_zip])


def shades(pictures: Pictures) -> list[int]:
    return [int(image[0, 0, 0]) for image in pictures.images]


@either
def test_subfolders_are_classes_in_sorted_order(tmp_path: Path, load: Load) -> None:
    files = {
        "seven/b.PNG": grey_png(3),
        "seven/a.png": grey_png(2),
        "one/deep/er/z.png": grey_png(1),
    }
    pictures = load(tmp_path, files, ignore)
    assert pictures.images.shape == (3, 1, 4, 4)
    assert shades(pictures) == [1, 2, 3]
    assert pictures.class_names == ("one", "seven")
    assert pictures.labels is not None
    assert pictures.labels.tolist() == [0, 1, 1]


@either
def test_one_image_outside_the_subfolders_leaves_all_unlabelled(tmp_path: Path, load: Load) -> None:
    files = {"a/1.png": grey_png(1), "b/2.png": grey_png(2), "3.png": grey_png(3)}
    pictures = load(tmp_path, files, ignore)
    assert shades(pictures) == [3, 1, 2]
    assert pictures.labels is None
    assert pictures.class_names == ()


@either
def test_a_folder_around_the_class_folders_is_not_a_class(tmp_path: Path, load: Load) -> None:
    pictures = load(
        tmp_path, {"set/train/a/1.png": grey_png(1), "set/train/b/2.png": grey_png(2)}, ignore
    )
    assert pictures.class_names == ("a", "b")


@either
def test_one_folder_of_pictures_is_no_class(tmp_path: Path, load: Load) -> None:
    pictures = load(tmp_path, {"all/1.png": grey_png(1), "all/2.png": grey_png(2)}, ignore)
    assert (pictures.labels, pictures.class_names) == (None, ())


@either
def test_hidden_files_and_other_kinds_are_passed_over_in_silence(
    tmp_path: Path, load: Load
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
    notices: list[str] = []
    assert shades(load(tmp_path, files, notices.append)) == [1, 2]
    assert notices == []


@either
def test_unreadable_files_are_counted_in_one_line(tmp_path: Path, load: Load) -> None:
    files = {f"broken{n}.png": b"broken" for n in range(5)}
    files |= {"good.png": grey_png(7), "good.jpg": grey_png(6)}
    notices: list[str] = []
    assert shades(load(tmp_path, files, notices.append)) == [6, 7]
    (notice,) = notices
    assert "skipped 5 of 7" in notice
    assert "'broken0.png', 'broken1.png', 'broken2.png' and 2 more" in notice


@either
@pytest.mark.parametrize("readable", [0, 1])
def test_fewer_than_two_images_are_an_error(tmp_path: Path, load: Load, readable: int) -> None:
    files = {"text.txt": b"", **{f"{n}.png": grey_png(n) for n in range(readable)}}
    with pytest.raises(BadInput, match=f"{readable} readable"):
        load(tmp_path, files, ignore)


def test_symlinked_class_folders_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    for place in (pictures / "a", tmp_path / "elsewhere", pictures / ".hidden"):
        place.mkdir(parents=True)
    (pictures / "a" / "1.png").write_bytes(grey_png(1))
    (tmp_path / "elsewhere" / "2.png").write_bytes(grey_png(2))
    (pictures / ".hidden" / "3.png").write_bytes(grey_png(3))
    (pictures / "b").symlink_to(tmp_path / "elsewhere")
    (pictures / "c").symlink_to(".hidden")
    (pictures / "a" / "up").symlink_to("..")
    (tmp_path / "elsewhere" / "across").symlink_to(pictures / "a")
    found = load_pictures(pictures, 4, 1, ignore)
    assert found.class_names == ("a", "b", "c")
    assert found.labels is not None
    assert found.labels.tolist() == [0, 1, 1, 2]
    assert shades(found) == [1, 2, 1, 3]  # b/across is the folder a


def test_a_notice_cannot_carry_terminal_codes(tmp_path: Path) -> None:
    files = {"1.png": grey_png(1), "2.png": grey_png(2), "\x1b[2J.png": b"broken"}
    notices: list[str] = []
    from_zip(tmp_path, files, notices.append)
    assert notices and notices[0].isprintable()


def test_a_zip_writes_nothing(tmp_path: Path) -> None:
    from_zip(
        tmp_path,
        {"../slip.png": grey_png(1), "/1.png": grey_png(1), "2.png": b""} | {"3.png": grey_png(3)},
        ignore,
    )
    assert [path.name for path in tmp_path.iterdir()] == ["pictures.zip"]


def test_what_is_not_a_zip(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(grey_png(1))
    with pytest.raises(BadInput, match="picture.png is not a zip file"):
        load_pictures(path, 4, 1, ignore)


def test_a_huge_entry_is_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"1.png": grey_png(1), "2.png": grey_png(2), "huge.png": grey_png(3) + bytes(1000)}
    monkeypatch.setattr(folder, "MAX_ENTRY", 999)
    notices: list[str] = []
    assert shades(from_zip(tmp_path, files, notices.append)) == [1, 2]
    assert "'huge.png'" in notices[0]


def test_damaged_encrypted_and_exotic_entries_are_unreadable(tmp_path: Path) -> None:
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
    notices: list[str] = []
    assert shades(load_pictures(path, 4, 1, notices.append)) == [0, 1]
    assert "'damaged.png', 'encrypted.png', 'exotic.png'" in notices[0]


def test_a_folder_with_hardly_a_picture_is_not_looked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "STRAYS", 20)
    files = {f"{index}.txt": b"" for index in range(15)} | {".git/many": b""}
    files |= {f"empty{index}/.keep": b"" for index in range(15)}
    files |= {f"{index}.png": grey_png(1) for index in range(10)}  # each makes up for one
    assert len(from_folder(tmp_path, files, ignore).images) == 10
    files = {f"none/{index}/more.txt": b"" for index in range(99)}
    with pytest.raises(BadInput, match="10 PNG or JPEG files among the first 41 entries"):
        from_folder(tmp_path, files, ignore)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_what_the_system_keeps_is_not_looked_through(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for name in ("proc", "sys"):
        (tmp_path / "pictures" / name).symlink_to(f"/{name}")
    with pytest.raises(BadInput, match="0 readable"):
        load_pictures(tmp_path / "pictures", 4, 1, ignore)
    with pytest.raises(BadInput, match="0 readable"):
        load_pictures(Path("/proc"), 4, 1, ignore)
