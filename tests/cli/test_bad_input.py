"""Every option of every command against wrong values: an error in its place, and nothing broken."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ganctl.checkpoint_file import read_checkpoint, read_header
from ganctl.inference.generator import load_onnx
from ganctl.text import inert

from ..conftest import Ganctl
from .seams import cut
from .wrong_values import ENDINGS, MADE, NUMBERS, PATHS, TEXTS, Parameter, build, parameters

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")

PARAMETERS = list(parameters())

SECONDS = 10
"""After which a case counts as one that never ends."""

UP = 2
"""How many folders a drawn path may climb out of the one that the commands run in."""

Entry = tuple[int, ...]
"""What changes whenever a file does; of a folder, its kind."""


class Hang(BaseException):
    """What no code catches."""


@contextmanager
def no_hang() -> Iterator[None]:
    def ring(*_: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Place:
    """The folder that the commands run in, which is mended after each."""

    def __init__(self, here: Path, pristine: Path) -> None:
        self.here, self.pristine = here, pristine
        self.files = self.look()

    def look(self) -> dict[str, Entry]:
        """Return all that lies in, beside and above the folder, as far up as `PLACES` go."""
        found: dict[str, Entry] = {}
        for folder, folders, files in os.walk(self.here.parents[UP - 1]):
            for name in folders:
                path = os.path.join(folder, name)
                found[path] = (os.lstat(path).st_mode,)
            for name in files:
                status = os.lstat(path := os.path.join(folder, name))
                written = (status.st_mtime_ns, status.st_ctime_ns)
                found[path] = (status.st_mode, status.st_ino, status.st_size, *written)
        return found

    def changes(self) -> set[str]:
        """Return what is new, gone or written since the last look."""
        old, new = self.files, self.look()
        return {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}

    def check_written(self, changes: set[str], output: str | None) -> None:
        """See that all that has changed is what was asked for, and that this is complete."""
        if output is None:
            assert changes == set()
            return
        asked = os.path.normpath(self.here / output)
        assert os.path.lexists(asked)
        for path in changes:
            assert os.path.commonpath([path, asked]) in (path, asked)  # above it, or in it
            assert path not in self.files or path == asked
            if os.path.isfile(path):
                assert is_complete(Path(path)), path

    def mend(self, changes: set[str]) -> None:
        for path in map(Path, changes):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
            if str(path) in self.files:
                original = self.pristine / path.relative_to(self.here)
                shutil.copy2(original, path, follow_symlinks=False)
        if changes:
            self.files = self.look()


@pytest.fixture(scope="module")
def place(
    conditional: Path, small_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    pristine, here = (tmp_path_factory.mktemp(name) / "a/here" for name in ("pristine", "bad"))
    for folder in (pristine, here):
        build(folder, conditional, small_data)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        patch.setenv("GANCTL_DATA", str(tmp_path_factory.mktemp("cache")))
        cut(patch, here / "asked.onnx")
        place = Place(here, pristine)
        digests = list(map(digest, (pristine, here)))
        yield place
        assert list(map(digest, (pristine, here))) == digests


def digest(folder: Path) -> str:
    """Return what stands for every byte of a folder's files."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return hashlib.sha256(b"".join(map(Path.read_bytes, files))).hexdigest()


def is_complete(path: Path) -> bool:
    """Read a file to its end as what its name says."""
    match path.suffix.lower():
        case ".png" | ".gif":
            with Image.open(path) as picture:
                picture.load()
        case ".npy" | ".npz":
            assert len(np.load(path)) > 0
        case ".onnx":
            load_onnx(path)
        case ".safetensors":
            read_header(read_checkpoint(path), str(path))
        case ".html":
            return path.read_text(encoding="utf-8").endswith("</html>\n")
        case _:
            return False
    return True


def check(ganctl: Ganctl, place: Place, parameter: Parameter, word: str) -> None:
    """Type ``word`` and see that the command ends as it should."""
    with no_hang():
        code, out, err = ganctl(*parameter.line(word))
    changes = place.changes()
    lines = [line for line in err.split("\n")[:-1] if not line.startswith("note: ")]
    try:
        assert all(line == inert(line) for line in (out + err).split("\n"))
        if code:
            assert code in (2, 3, 4, 5, 6) and out == ""
            assert re.fullmatch("error: [^\n]{1,2100}(\nhint: [^\n]{1,2100})?", "\n".join(lines))
            assert changes == set()
        else:
            assert lines == []
            place.check_written(changes, parameter.output(word))
    finally:
        place.mend(changes)


@pytest.mark.parametrize("parameter", PARAMETERS, ids=str)
def test_a_wrong_value(parameter: Parameter, place: Place, ganctl: Ganctl) -> None:
    for word in parameter.words:
        check(ganctl, place, parameter, word)


CHARACTERS = st.characters(exclude_characters="/\0", exclude_categories=["Cs"]) | st.characters(
    min_codepoint=0xDC80, max_codepoint=0xDCFF, categories=["Cs"]
)  # what a system hands over: a byte that is no UTF-8 becomes one of the latter

HERE = "{here}"
"""What stands for the folder that the commands run in, at the beginning of a drawn path."""

LONG = st.builds(
    lambda text, length: (text * length)[:length],
    st.text(CHARACTERS, min_size=1, max_size=9),
    st.integers(51, 5000),
)

PARTS = (
    st.sampled_from(["", ".", "..", "new", "none", "small", "checkpoints", "asked", "last"])
    | st.sampled_from([*MADE, "picture", "config.json", "samples", "x" * 300, "é" * 150, "😀"])
    | st.text(CHARACTERS, max_size=9)
)


def stays_near(parts: list[str]) -> bool:
    """Tell whether what is written there would be seen, and removed."""
    return os.path.normpath("./" + "/".join(parts)).split("/").count("..") <= UP


PLACES = st.builds(
    lambda root, parts, end: root + "/".join(parts).lstrip("/") + end,
    st.sampled_from(["", "", "./", f"{HERE}/", f"{HERE}//"]),
    st.lists(PARTS, min_size=1, max_size=5).filter(stays_near),
    st.sampled_from([*ENDINGS, "/", "//", ".png/"]),
)

WORDS = (
    st.text(CHARACTERS, max_size=50)
    | LONG
    | PLACES
    | PLACES
    | st.integers(-(10**20), 10**20).map(str)
    | st.floats().map(str)
    | st.lists(st.integers(-2, 70_000).map(str), max_size=4).map(",".join)
)


@settings(
    max_examples=500,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.sampled_from(PARAMETERS), WORDS)
def test_any_value(place: Place, ganctl: Ganctl, parameter: Parameter, word: str) -> None:
    check(ganctl, place, parameter, word.replace(HERE, str(place.here)))


def test_no_option_is_left_out(ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    for command in {parameter.command for parameter in PARAMETERS}:
        shown = set(re.findall(r"^\W*(--[a-z0-9-]+)", ganctl(*command, "--help").out, re.M))
        tried = {each.spelling for each in PARAMETERS if each.command == command and each.words}
        assert shown - {"--help"} <= tried and len(tried - {""}) >= len(shown) - 1, command


def test_no_word_is_left_out_and_the_cases_are_many() -> None:
    typed = [word for parameter in PARAMETERS for word in parameter.words]
    assert len(typed) >= 2000
    assert len({*TEXTS, *NUMBERS, *PATHS} - set(typed)) < 25
