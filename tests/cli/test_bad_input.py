"""Every option and argument of every command against wrong values.

Each is refused before any work begins: one line of error, one of hint, an exit code that says
what kind of error it is, and every file as it was.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from ..conftest import Ganctl
from .test_options import COMMANDS

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")

# A command line for each command that is right but for what is put into it.
LINES = {
    "train": "train --data small --name new",
    "sample": "sample --checkpoint asked --seed 37 new.png",
    "export": "export --checkpoint asked new.onnx",
    "infer": "infer asked.onnx --seed 38 new.png",
    "info": "info asked.onnx",
    "evaluate": "evaluate images.npy --data small",
    "doctor": "doctor",
    "runs": "runs",
    "runs compare": "runs compare asked asked new.png",
    "runs report": "runs report asked",
    "data list": "data list",
    "data fetch": "data fetch kmnist",
    "data show": "data show small new.png",
}
# The word of that line in whose place an argument's words are tried.
PLACES = {
    ("sample", "out"): "new.png",
    ("export", "out"): "new.onnx",
    ("infer", "model"): "asked.onnx",
    ("infer", "out"): "new.png",
    ("info", "path"): "asked.onnx",
    ("evaluate", "target"): "images.npy",
    ("runs compare", "given"): "new.png",
    ("runs report", "run"): "asked",
    ("data fetch", "names"): "kmnist",
    ("data show", "source"): "small",
    ("data show", "out"): "new.png",
}

TEXTS = (
    *(
        "",
        " ",
        "-",
        "x",
        "no",
        "x y",
        "%s",
        "{}",
        "$(ls)",
        "~",
        "é",
        "日本",
        "½",
        "😀",
        "\u202eabc",
    ),
    *("\udcff", "two\nlines", "\x1b[2J", "\t", "x" * 300, "y" * 5000, "日" * 100_000),
)
NUMBERS = ("1e400", "-1e400", "nan", "inf", "-inf", "0x10", "1,5", "-1", "-" + "9" * 40, "9" * 4301)
WHOLE = (*NUMBERS, "1.5", "1e3")

# What lies in the folder and is no generator, run, data or configuration.
ODD = ("empty", "text", "fifo", "endless", "unreadable", "dangling", "circle")
NOT_THERE = ("none", "none/x", "text.png/x", "x" * 300, "d/" * 3000 + "x", "two\nlines", "\udcff")


def odd(*endings: str) -> tuple[str, ...]:
    return tuple(f"{name}{ending}" for name in ODD for ending in endings)


# No file can be written there, whatever its name ends in; a folder would be made of some.
UNWRITABLE = ("none/x{}", "text.png/x{}", "/proc/x{}", "x" * 300 + "{}", "d/" * 3000 + "x{}", "{}")


def unwritable(*endings: str) -> tuple[str, ...]:
    return tuple(place.format(ending) for place in UNWRITABLE for ending in endings)


GENERATORS = (
    *NOT_THERE,
    *odd(".onnx", ".safetensors", "", ".png"),
    "folder.png",
    "small",
    "/",
    ".",
)

# What texts and paths cannot be, by the names of the parameters.
WRONG: dict[str, tuple[str, ...]] = {
    "source": (*NOT_THERE, *odd(".zip", ""), "folder.png", "asked.onnx"),
    "data": (*NOT_THERE, *odd(".zip", ""), "folder.png", "asked.onnx", "mnsit"),
    "data_dir": ("text.png", "fifo", "endless", "dangling/x"),
    "name": ("", ".", "..", "a/b", "/", "-x", "two\nlines", "\x1b[2J", "x" * 300, "asked"),
    "device": (*TEXTS, "gpu", "cuda:x", "cuda:99"),
    "objective": (*TEXTS, "gan"),
    "config": (*NOT_THERE, *odd(".json"), *odd(".toml", "")[2:], "folder.png", "asked.onnx"),
    "out": (*unwritable(".png", ".npy"), "x.jpg", "fifo.png", "endless.npy", "text"),
    "report": (*unwritable(".html", ".png"), "x.pdf", "x", "folder.png"),
    "checkpoint": (*GENERATORS, "asked.onnx"),
    "model": (*GENERATORS, "asked"),
    "path": GENERATORS,
    "target": (*NOT_THERE, *odd(".onnx", ".npy", ".npz", ".safetensors", ".txt"), "folder.png"),
    "run": (*NOT_THERE, *odd("", ".onnx"), "small"),
    "given": (*NOT_THERE, *odd(".onnx", ""), "x.jpg", *unwritable(".png")),
    "names": ("mnsit", "digits", "imagenet", *TEXTS),
    "digit": ("", " ", ",", "1,", "3-", "-3", "9-0", "1,1", "²", "70000", "10", "0-10", "shoe"),
    "digits": ("", " ", "-1", "1.5", "12a", "٣", "0x10"),
    "provider": (*TEXTS, "abacus"),
    "truncation": (*NUMBERS, "x", "", "0", "1.01"),
    "channels": (*WHOLE, "x", "", "0", "2", "4"),
    "lr": (*NUMBERS, "x", "", "0"),
    "b1": (*NUMBERS, "x", "", "1", "1.5"),
    "b2": (*NUMBERS, "x", "", "1", "1.5"),
}
OWN = {("train", "source"): (*NOT_THERE, *odd(".safetensors", ""), "small", "asked.onnx")}
EACH = 24  # words of a kind that are tried at one parameter

SECONDS = 10  # after which a case counts as one that never ends


class Case(NamedTuple):
    """A parameter of a command, and what is tried at it."""

    command: str
    parameter: Any

    def __str__(self) -> str:
        return f"{self.command} {self.parameter.opts[-1]}"

    def words(self) -> list[str]:
        """Return words none of which the parameter can take."""
        name, kind = self.parameter.opts[-1].lstrip("-"), self.parameter.type
        name = name.replace("-", "_")
        known = OWN.get((self.command, name)) or WRONG.get(name)
        if known is None and getattr(kind, "choices", None):
            first = str(kind.choices[0])
            known = (*TEXTS, first.upper() + "x", first[:-1], "0")
        if known is None and type(kind).__name__.startswith("Int"):
            low, high = getattr(kind, "min", None), getattr(kind, "max", None)
            known = (*WHOLE, *TEXTS, *([] if low is None else [str(low - 1)]))
            known += () if high is None else (str(high + 1), "9" * 40)
        if known is None and type(kind).__name__.startswith("Float"):
            known = (*NUMBERS, *TEXTS)
        assert known is not None, f"{self}: say in WRONG what it cannot be"
        return random.Random(name).sample(known, min(EACH, len(known)))

    def line(self, word: str) -> list[str]:
        """Return the command line with ``word`` in place."""
        line = LINES[self.command].split()
        if self.parameter.param_type_name == "option":
            if self.parameter.name == "data_dir":  # it matters where data may be downloaded
                line = ["kmnist" if each == "small" else each for each in line]
            return [*line, f"{self.parameter.opts[-1]}={word}"]
        if (self.command, self.parameter.name) == ("train", "source"):
            return ["train", "--resume", "--", word]
        place = len(line) - 1 - line[::-1].index(PLACES[self.command, self.parameter.name])
        return [*line[:place], "--", word, *line[place + 1 :]]


CASES = [
    Case(command, parameter)
    for command, each in COMMANDS.items()
    if command in LINES
    for parameter in each.params
    if (command, parameter.name) != ("data list", "data_dir")  # which names what is not there
]
FLAGS = [case for case in CASES if getattr(case.parameter, "is_flag", False)]
VALUES = [case for case in CASES if case not in FLAGS]


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


def files(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return what changes with every write, of all that lies in the folder and beside it."""
    found = {}
    for path in folder.parent.rglob("*"):
        status = path.lstat()
        written = () if path.is_dir() else (status.st_ino, status.st_size, status.st_mtime_ns)
        found[str(path)] = (status.st_mode, *written)
    return found


@pytest.fixture(scope="module")
def place(
    conditional: Path, small_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A folder with a run, its export, data, and what is in the way; nothing can be drawn there."""
    here = tmp_path_factory.mktemp("bad") / "here"
    shutil.copytree(conditional, here)
    shutil.copytree(small_data, here / "small")
    for ending in (
        "",
        ".png",
        ".npy",
        ".npz",
        ".onnx",
        ".safetensors",
        ".zip",
        ".toml",
        ".json",
        ".txt",
    ):
        (here / f"empty{ending}").touch()
        (here / f"text{ending}").write_text("hello\n")
        os.mkfifo(here / f"fifo{ending}")
        for name, target in (
            ("endless", "/dev/zero"),
            ("unreadable", "/proc/self/mem"),  # even root cannot read its beginning
            ("dangling", "nowhere/at/all"),
            ("circle", f"circle{ending}"),
        ):
            (here / f"{name}{ending}").symlink_to(target)
    (here / "folder.png").mkdir()
    np.save(here / "images.npy", np.zeros((50, 1, 28, 28), np.uint8))

    def begun(*_: object, **__: object) -> None:
        raise AssertionError("work has begun")

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        patch.setenv("GANCTL_DATA", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("https_proxy", "http://127.0.0.1:9")  # the discard port: no download
        patch.setenv("http_proxy", "http://127.0.0.1:9")
        patch.setattr(np.random, "Philox", begun)  # latents of a new seed are drawn by it
        yield here


def check(ganctl: Ganctl, place: Path, line: list[str]) -> None:
    """Run a command line and see that it is refused as it should be."""
    before = files(place)
    with no_hang():
        code, out, err = ganctl(*line)
    lines = [each for each in err.split("\n") if not each.startswith("note: ")]
    assert code in (2, 3, 4, 5, 6) and out == ""
    assert re.fullmatch("error: [^\n]{1,2100}\nhint: [^\n]{1,2100}\n", "\n".join(lines))
    assert err.replace("\n", "").isprintable()
    assert files(place) == before


@pytest.mark.parametrize("case", VALUES, ids=str)
def test_a_wrong_value(case: Case, place: Path, ganctl: Ganctl) -> None:
    for word in case.words():
        check(ganctl, place, case.line(word))


@pytest.mark.parametrize("case", FLAGS, ids=str)
def test_a_switch_takes_no_value(case: Case, place: Path, ganctl: Ganctl) -> None:
    for word in ("", "x", "no", "0"):
        check(ganctl, place, case.line(word))


@pytest.mark.parametrize("command", LINES)
def test_a_word_too_many(command: str, place: Path, ganctl: Ganctl) -> None:
    line = LINES[command].split()
    if command not in ("runs compare", "data fetch"):  # which take any number of them
        extra = ["x", "y"] if command in ("train", "evaluate", "info", "runs report") else ["x"]
        check(ganctl, place, [*line, *extra])
    check(ganctl, place, [*line, "--no-such-option"])


def test_the_cases_are_all_and_many() -> None:
    groups = {name for name, each in COMMANDS.items() if getattr(each, "commands", {})}
    assert COMMANDS.keys() - LINES.keys() - (groups - {"runs"}) == set()
    assert sum(len(case.words()) for case in VALUES) > 1000
