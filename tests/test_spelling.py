from __future__ import annotations

import ast
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ganctl
from ganctl.spelling import LONGEST, call, on_command_line, option

ROOT = Path(ganctl.__file__).parent

SHELL_ONLY = {
    "cli": "is the command line",
    "benchmark": "its reports are of commands, and only they call it",
    "html_page.py": "has names of CSS",
    "quality/page.py": "has names of CSS",
    "environment.py": "says in --help and doctor which variable stands for which option",
    "runs/summary.py": "says in ganctl runs how a run is begun anew",
    "runs/words.py": "returns the command that made a run, for its report",
    "runs/page.py": "shows commands in a report",
    "data/make_shapes.py": "is a program of its own",
    "training/train_judge.py": "is a program of its own",
    "training/distributed.py": "is for torchrun, which starts commands",
    "training/parity.py": "is of the export, which Python lacks",
    "training/store.py": "is of the export, which Python lacks",
}
"""What may name an option as a command line does, without `option`."""


def test_an_option_is_spelt_for_its_reader() -> None:
    cases: list[tuple[Any, str, str]] = [
        (("batch_size",), "batch_size=", "--batch-size"),
        (("lr", 0.1), "lr=0.1", "--lr 0.1"),
        (("name", "my run"), "name='my run'", "--name 'my run'"),
        (("conditional", True), "conditional=True", "--conditional"),
        (("conditional", False), "conditional=False", "--no-conditional"),
        (("count", 0), "count=0", "--count 0"),
    ]
    for arguments, python, typed in cases:
        assert option(*arguments) == python
        with on_command_line():
            assert option(*arguments) == typed
        assert option(*arguments) == python


def test_a_call_is_spelt_for_its_reader() -> None:
    assert call("train") == "ganctl.train()"
    assert call("train", resume="a b", epochs=4) == "ganctl.train(resume='a b', epochs=4)"
    with on_command_line():
        assert call("train") == "ganctl train"
        assert call("train", resume="a b", epochs=4) == "ganctl train --resume 'a b' --epochs 4"


def test_other_threads_spell_alike_and_an_error_ends_it() -> None:
    spelt: list[str] = []
    thread = threading.Thread(target=lambda: spelt.append(option("lr")))
    with pytest.raises(ZeroDivisionError), on_command_line():
        thread.start()
        thread.join()
        raise ZeroDivisionError
    assert spelt == ["--lr"] and option("lr") == "lr="


def test_a_value_is_shown_on_one_short_line() -> None:
    assert len(option("count", "x" * 1000)) == len("count=…") + LONGEST
    assert "\n" not in option("count", [[1] * 20] * 20)


def texts(path: Path) -> Iterator[str]:
    """Yield the texts of a module, the parts of f-strings among them, without its docstrings."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""  # a docstring, which is walked through after it
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def names_an_option(path: Path) -> bool:
    return any(re.search(r"--[a-z]|ganctl train", text) for text in texts(path))


def test_below_the_commands_options_are_spelt_by_option() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if path.name != "spelling.py" and names_an_option(path)
    }
    allowed = {file for file in found if {file, file.split("/")[0]} & SHELL_ONLY.keys()}
    onnx = {"inference/onnx_file.py"}  # Python has no export: the command is the way out
    assert found - allowed == onnx
    assert SHELL_ONLY.keys() <= {part for file in allowed for part in (file, file.split("/")[0])}
