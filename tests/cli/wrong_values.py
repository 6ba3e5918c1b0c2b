"""What is typed at every option, and the folder in which it is typed."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from ganctl.cli.app import app
from ganctl.runs.run_dir import REPORT_FILES

TEXTS = (
    *("", " ", "-", "--", "-x", "=", ",", "0,", "no", "x y", "%s", "{}", "$(ls)", "*", "~", "\\"),
    *("é", "日本", "٣", "½", "😀", "e\u0301", "\u202eabc", "\ufeff", "\udcff"),
    *("two\nlines", "\x1b[2J", "\r", "\t", "x" * 300, "y" * 5000, "日" * 100_000),
)

NUMBERS = (
    *("-1", "0", "1", "-0", "+1", "007", "1.5", "1e3", "1e400", "-1e400", "1e-400", "0x10", "1_0"),
    *("nan", "inf", "-inf", "NaN", "1,5", "2147483648", "4294967296", "9223372036854775808"),
    *("9007199254740993", "9" * 40, "-" + "9" * 40, "9" * 4300, "9" * 4301, "1" * 5000, "1" * 400),
)

ENDINGS = ("", ".png", ".gif", ".npy", ".npz", ".onnx", ".safetensors", ".zip", ".html")

MADE = ("empty", "text", "folder", "fifo", "endless", "unreadable", "dangling", "circle")
"""What `build` makes of every ending."""

PATHS = (
    *(f"{name}{ending}" for name in MADE for ending in ENDINGS),
    *(".", "..", "./", "small", "small/", "checkpoints", "checkpoints/asked", "picture.png"),
    *("none/x.png", "none/x.onnx", "text/x.png", "text/x.onnx", "folder/x.onnx", "x/", "x.png/"),
    *("/dev/null", "/dev/zero", "/dev/full", "/proc/self/mem", "/proc/x.png"),
    *("x" * 300 + ".png", "x" * 300 + ".onnx", "d/" * 3000 + "x.png"),
    *("\udcff.png", "\udcff.onnx", "two\nlines.png", ".png", ".onnx"),
)

EACH = 20
"""Words that are typed at each option; over all of them each word has its turn."""

BASE: dict[tuple[str, ...], tuple[list[str], dict[str, str]]] = {
    ("train",): (["--data=small", "--epochs=1", "--name=new", "--precision=fp32"], {}),
    ("data", "list"): ([], {}),
    ("data", "fetch"): ([], {"names": "kmnist"}),
    ("data", "show"): ([], {"source": "small", "out": "new.png"}),
    ("sample",): (["-n2"], {"out": "new.png"}),
    ("export",): ([], {"out": "new.onnx"}),
    ("infer",): (["-n2"], {"model": "asked.onnx", "out": "new.png"}),
    ("info",): ([], {"path": "asked.onnx"}),
    ("evaluate",): (["-n2"], {"target": "asked.onnx"}),
    ("doctor",): ([], {}),
    ("runs",): ([], {}),
    ("runs", "compare"): ([], {"given": "asked", "other": "asked", "out": "new.png"}),
    ("runs", "report"): ([], {"run": "asked"}),
    ("bench", "train"): (["--data=small"], {}),
    ("bench", "infer"): ([], {"model": "asked.onnx"}),
    ("bench", "start"): (["--data=small"], {"model": "asked.onnx"}),
    ("bench", "kills"): ([], {}),
    ("bench", "soak"): ([], {}),
}
"""Of each command, the options and the arguments that make it work."""

BESIDE = {"data_dir": ["--data=kmnist"]}
"""What makes an option matter."""

INSTEAD = {"source": ["--resume"]}
"""With what alone an argument is right."""

OWN = {"source": ("asked", "checkpoints/asked/last.safetensors", *PATHS)}
"""What is typed at a parameter beside its share of the words."""


@dataclass(frozen=True)
class Parameter:
    """An option or an argument of a command."""

    command: tuple[str, ...]
    name: str
    spelling: str  # "--count"; "" for an argument
    words: tuple[str, ...] = field(repr=False)  # what is typed at it

    def __str__(self) -> str:
        return " ".join([*self.command, self.spelling or self.name])

    def line(self, word: str) -> list[str]:
        """Return a command line that is right but perhaps for ``word``."""
        options, arguments = BASE[self.command]
        beside = BESIDE.get(self.name, []) if self.command[0] != "data" else []  # it has no --data
        options = INSTEAD.get(self.name, [*options, *beside])
        if self.spelling:
            options.append(f"{self.spelling}={word}")
        else:
            arguments = {**arguments, self.name: word}
        return [*self.command, *options, "--", *arguments.values()]

    def output(self, word: str) -> str | None:
        """Return the path that the command writes to when it is given ``word``, if there is one."""
        if self.command == ("train",) and self.name not in INSTEAD:
            return os.path.join("checkpoints", word if self.name == "name" else "new")
        if self.name in ("out", "report"):
            return word
        return BASE[self.command][1].get("out")


def _words(parameter: Any) -> tuple[str, ...]:
    """Return `EACH` of the words of its kind, which ones by its name, and all that are its own."""
    common, own = _kind_of(parameter)
    chosen = random.Random(parameter.name).sample(common, min(EACH, len(common)))
    return (*chosen, *own, *OWN.get(parameter.name, ()))


def _kind_of(parameter: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    kind = type(parameter.type).__name__
    if getattr(parameter, "is_flag", False):
        return TEXTS, ()
    if choices := getattr(parameter.type, "choices", ()):
        return TEXTS, (*choices, choices[0].upper() + "x", choices[0][:-1])
    if kind.startswith(("Int", "Float")):
        low, high = getattr(parameter.type, "min", None), getattr(parameter.type, "max", None)
        ends = [str(end + step) for end in (low, high) if end is not None for step in (-1, 0, 1)]
        return (*NUMBERS, *TEXTS), tuple(ends)
    return (*TEXTS, *PATHS, *NUMBERS), ()


def parameters() -> Iterator[Parameter]:
    """Yield every option and argument of every command, as typer knows them."""
    group: Any = typer.main.get_command(app)
    for name in group.list_commands(None):
        command: Any = group.get_command(None, name)
        subcommands: dict[str, Any] = getattr(command, "commands", {})
        found: dict[tuple[str, ...], Any] = {(name,): command}
        found |= {(name, sub): each for sub, each in subcommands.items()}
        for words, each in found.items():
            for parameter in each.params:
                is_option = parameter.param_type_name == "option"
                for spelling in (
                    [parameter.opts[-1], *parameter.secondary_opts] if is_option else [""]
                ):
                    yield Parameter(words, parameter.name, spelling, _words(parameter))


def build(here: Path, conditional: Path, small: Path) -> None:
    """Make the folder that the commands run in: a run, its export, data, and what is in the way."""
    shutil.copytree(conditional, here)
    for name in REPORT_FILES:  # which a command may draw anew
        (here / "checkpoints/asked" / name).unlink()
    shutil.copytree(small, here / "small")
    (here / "picture.png").write_bytes(b"mine")
    for ending in ENDINGS:
        (here / f"empty{ending}").touch()
        (here / f"text{ending}").write_text("hello\n")
        (here / f"folder{ending}").mkdir()
        os.mkfifo(here / f"fifo{ending}")
        for name, target in (
            ("endless", "/dev/zero"),
            ("unreadable", "/proc/self/mem"),  # even root cannot read its beginning
            ("dangling", "nowhere/at/all"),
            ("circle", f"circle{ending}"),
        ):
            (here / f"{name}{ending}").symlink_to(target)
