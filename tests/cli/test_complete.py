from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ganctl.cli import complete
from ganctl.cli.app import COMMANDS, main
from ganctl.data.registry import DOWNLOADABLE, NAMES

HEAVY = ("numpy", "PIL", "torch", "onnxruntime", "rich")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("first-try", "second-try", "no-run"):
        Path("checkpoints", name).mkdir(parents=True)
    for name in ("first-try/last", "second-try/last", "shipped"):
        Path("checkpoints", f"{name}.safetensors").touch()
    for name in ("gen.onnx", "a b.onnx", "out.png", "run.toml", "pictures.zip", ".hidden.onnx"):
        Path(name).touch()
    Path("pictures").mkdir()
    Path("sub/deep").mkdir(parents=True)
    Path("sub/deep/x.onnx").touch()


def completions(line: str, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what bash is told at the end of ``line``, in one line."""
    patch.setenv("_GANCTL_COMPLETE", "complete_bash")
    patch.setenv("COMP_WORDS", line)
    patch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    with pytest.raises(SystemExit) as done:
        main([])
    out, err = capsys.readouterr()
    assert (done.value.code, err) == (0, "")
    return " | ".join(out.splitlines())


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("ganctl ", " | ".join(COMMANDS)),
        ("ganctl tr", "train"),
        ("ganctl train --arch ", "mlp | conv"),
        ("ganctl train --objective h", "hinge"),
        ("ganctl train --data f", "fashion-mnist"),
        ("ganctl train --data p", "pictures.zip | pictures/"),
        ("ganctl train --data-dir p", "pictures/"),
        ("ganctl train --config r", "run.toml"),
        ("ganctl train --device c", "cpu | cuda"),
        ("ganctl train --resume f", "first-try"),
        ("ganctl train --config none.toml --resume s", "second-try | shipped | sub/ | sub/deep/"),
        ("ganctl sample --checkpoint ", "first-try | second-try | shipped | checkpoints/ | "),
        ("ganctl sample o", "out.png"),
        ("ganctl data fetch k", "kmnist"),
        ("ganctl data show p", "pictures.zip | pictures/"),
        ("ganctl data show digits o", "out.png"),
        ("ganctl export g", "gen.onnx"),
        ("ganctl infer ", "a\\ b.onnx | checkpoints/ | gen.onnx | pictures/ | sub/"),
        ('ganctl infer "a', "a b.onnx"),
        ("ganctl infer sub/", "sub/deep/ | sub/deep/x.onnx"),
        ("ganctl info g", "gen.onnx"),
        ("ganctl evaluate f", "first-try"),
        ("ganctl evaluate --report o", "out.png"),
        ("ganctl infer gen.onnx --provider ", "cpu | cuda"),
        ("ganctl infer none/at/", ""),
        ("ganctl nosuch --x", ""),
        ("ganctl --version i", "infer | info"),
        ("ganctl train --arch nosuch --data u", "usps"),
    ],
)
def test_what_a_shell_offers(
    line: str, offered: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = completions(line, monkeypatch, capsys)
    assert told == offered or (offered.endswith(" | ") and told.startswith(offered))


def test_the_names_of_data_are_those_that_load() -> None:
    assert complete.DATA_NAMES == NAMES
    assert complete.FETCHABLE == DOWNLOADABLE


def test_it_loads_nothing_heavy(tmp_path: Path) -> None:
    program = f"""
import os, sys
os.environ |= {{"_GANCTL_COMPLETE": "complete_bash", "COMP_WORDS": "ganctl infer g",
    "COMP_CWORD": "2"}}
from ganctl.cli.app import main
try:
    main([])
finally:
    print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("gen.onnx\n[]\n", "")
