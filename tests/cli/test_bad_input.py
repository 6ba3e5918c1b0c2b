"""Every option of every command against wrong values: an error in its place, and nothing broken."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganctl.cli.app import COMMANDS
from ganctl.text import inert

from ..conftest import Ganctl
from .seams import cut
from .wrong_values import NUMBERS, PATHS, TEXTS, Parameter, build, parameters

PARAMETERS = list(parameters())

SECONDS = 10
"""After which a case counts as one that never ends."""

CODES = {0, 2, 3, 4, 5, 6}

Entry = tuple[int, ...]
"""What changes whenever a file does."""


class Hang(BaseException):
    """No code may catch it."""


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

    def __init__(self, here: Path) -> None:
        self.here, self.pristine = here, here.parents[1] / "pristine"
        self.files = self.look()

    def look(self) -> dict[Path, Entry]:
        found: dict[Path, Entry] = {}
        for folder, folders, files in os.walk(self.here.parent):
            for name in (*folders, *files):
                path = Path(folder, name)
                status = path.lstat()
                times = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
                found[path] = (
                    (status.st_mode,) if path.is_dir() else (status.st_mode, status.st_ino, *times)
                )
        return found

    def changes(self) -> set[Path]:
        now = self.look()
        return {
            path for path in now.keys() | self.files.keys() if now.get(path) != self.files.get(path)
        }

    def mend(self, changes: set[Path]) -> None:
        for path in changes:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
            if path in self.files:
                original = self.pristine / path.relative_to(self.here)
                shutil.copy2(original, path, follow_symlinks=False)
        self.files = self.look()


@pytest.fixture(scope="module")
def place(
    conditional: Path, small_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    root = tmp_path_factory.mktemp("bad")
    (root / "place").mkdir()
    for name in ("place/here", "pristine"):
        build(root / name, conditional, small_data)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root / "place" / "here")
        patch.setenv("GANCTL_DATA", str(tmp_path_factory.mktemp("cache")))
        cut(patch, root / "place" / "here" / "asked.onnx")
        yield Place(root / "place" / "here")


def check(ganctl: Ganctl, place: Place, line: list[str], word: str) -> None:
    """Run a command line and see that it ends as it should."""
    with no_hang():
        code, out, err = ganctl(*line)
    changes = place.changes()
    lines = [each for each in err.split("\n")[:-1] if not each.startswith("note: ")]
    try:
        assert code in CODES
        assert all(inert(line) == line for line in (out + err).split("\n"))
        if code:
            assert out == "" and not changes
            assert (
                1 <= len(lines) <= 2
                and lines[0].startswith("error: ")
                and all(line.startswith("hint: ") for line in lines[1:])
            )
            assert max(map(len, lines)) <= 2100
        else:
            assert lines == []
            assert {path for path in changes if path in place.files} <= {place.here / word}
    finally:
        place.mend(changes)


@pytest.mark.parametrize("parameter", PARAMETERS, ids=str)
def test_a_wrong_value(parameter: Parameter, place: Place, ganctl: Ganctl) -> None:
    for word in parameter.words:
        check(ganctl, place, parameter.line(word), word)


def test_no_option_and_no_word_is_forgotten() -> None:
    commands = {parameter.command[0] for parameter in PARAMETERS}
    assert commands == set(COMMANDS)
    typed = [word for parameter in PARAMETERS for word in parameter.words]
    assert len(typed) >= 2000
    assert len({*TEXTS, *NUMBERS, *PATHS} - set(typed)) < 25


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(PARAMETERS),
    st.one_of(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
        st.floats().map(str),
        st.integers().map(str),
    ),
)
def test_any_value_at_all(place: Place, ganctl: Ganctl, parameter: Parameter, word: str) -> None:
    check(ganctl, place, parameter.line(word), word)
