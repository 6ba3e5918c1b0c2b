from __future__ import annotations

import os
from pathlib import Path

import pytest

from ganctl.errors import BadInput
from ganctl.runs.run_dir import RunDir, find_run

from .made_up import config, lines, made_up


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_run_is_found_by_its_name_its_folder_and_its_files() -> None:
    one = made_up(Path("checkpoints/one"), config(), lines(4), grids=2, age=60)
    two = made_up(Path("elsewhere/two"), config(), lines(4))
    for given in ("one", "checkpoints/one", "checkpoints/one/last.safetensors"):
        assert find_run(Path(given)).folder == one
    assert find_run(Path("elsewhere/two/metrics.jsonl")).folder == two
    assert find_run(None).folder == one
    made_up(Path("checkpoints/three"), config(), lines(4))
    assert find_run(None).name == "three"
    assert [path.name for path in RunDir(one).samples()] == ["000001.png", "000002.png"]


@pytest.mark.parametrize("given", ["none", "", "/dev/null", "x" * 300, None])
def test_a_run_that_is_not_there_is_told(given: str | None) -> None:
    with pytest.raises(BadInput, match="there is no run"):
        find_run(None if given is None else Path(given))


def test_a_configuration_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    for text in (
        "",
        "{",
        "[]",
        "7",
        '{"epochs": "many"}',
        '{"no": 1}',
        "[" * 100_000,
        '{"a": 1e999}',
    ):
        path.write_text(text)
        with pytest.raises(BadInput):
            RunDir(tmp_path).read_config()
    path.unlink()
    os.mkfifo(path)  # reading it would never end
    with pytest.raises(BadInput, match=r"no config\.json"):
        RunDir(tmp_path).read_config()
