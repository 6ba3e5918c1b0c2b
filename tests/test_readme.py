from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

README = Path(__file__).parents[1] / "README.md"


def block(beginning: str) -> str:
    """Return the lines of Python in the README that begin so."""
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    (found,) = [each for each in blocks if each.startswith(beginning)]
    return str(found)


@pytest.mark.parametrize(("run", "model"), [("trained", "small"), ("conditional", "asked")])
def test_the_lines_for_plain_onnxruntime_run(
    run: str,
    model: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copy(request.getfixturevalue(run) / f"{model}.onnx", tmp_path / "gen.onnx")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(block("import numpy"), names)
    grey_levels = names["grey_levels"]
    assert grey_levels.shape == (16, 1, 28, 28) and grey_levels.std() > 1  # type: ignore[attr-defined]


def test_the_lines_for_python_run(
    conditional: Path, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(conditional / "asked.onnx", tmp_path / "gen.onnx")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(block("import ganctl").replace('"digits"', repr(str(small_data))), names)
    assert names["run"].finished and names["run"].progress.epochs == 5
    assert names["images"].shape == (64, 1, 28, 28) and Path("out.png").stat().st_size > 1000
    assert names["table"].shape == (100, 1, 28, 28) and names["table"].cols == 10


def test_every_picture_is_there() -> None:
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", README.read_text())
    assert pictures and all((README.parent / picture).is_file() for picture in pictures)
