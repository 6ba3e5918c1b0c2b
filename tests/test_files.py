from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ganctl.errors import BadInput
from ganctl.files import atomic_file, check_writable, make_folder, write_atomic


def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")
    with atomic_file(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    with pytest.raises(ZeroDivisionError), atomic_file(path) as file:
        file.write(b"failed")
        raise ZeroDivisionError
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_a_symlink_is_followed_and_only_a_file_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder/file")
    write_atomic(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "file").read_bytes() == b"new"
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(BadInput, match="not a regular file"):
            write_atomic(place, b"")


def test_a_folder_that_is_missing_or_cannot_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="none/file"):
        write_atomic(tmp_path / "none" / "file", b"")
    with pytest.raises(BadInput, match="does not exist") as caught:
        check_writable(tmp_path / "none" / "file")
    assert caught.value.hint.startswith("mkdir -p")
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="file/folder"):
        make_folder(tmp_path / "file" / "folder")


FULL = """
import resource, sys
from pathlib import Path
from ganctl.errors import OutOfResources
from ganctl.files import write_atomic
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomic(Path("file"), bytes(2000))
except OutOfResources as error:
    print(error.exit_code, error.message)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no RLIMIT_FSIZE")
def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, "-c", FULL], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "6 cannot write file: file too large\n", done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_the_file_is_flushed_before_it_is_renamed_and_the_folder_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a power cut could leave a name without its bytes, or the old file after all."""
    done, fsync, replace = list[str](), os.fsync, os.replace

    def flush(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def rename(old: Path, new: Path) -> None:
        assert old.read_bytes() == b"new"
        done.append("rename")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(os, "replace", rename)
    write_atomic(tmp_path / "file", b"new")
    assert done == ["file", "rename", "folder"]
