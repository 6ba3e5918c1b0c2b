from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


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
    (block,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    names: dict[str, object] = {}
    exec(block, names)
    grey_levels = names["grey_levels"]
    assert grey_levels.shape == (16, 1, 28, 28) and grey_levels.std() > 1  # type: ignore[attr-defined]


def test_every_picture_is_there() -> None:
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", README.read_text())
    assert pictures and all((README.parent / picture).is_file() for picture in pictures)
