from __future__ import annotations

import ast
from pathlib import Path

import pytest

import ganctl


def test_every_name_is_there_and_is_the_one_that_type_checkers_see() -> None:
    said = {
        alias.name: node.module
        for node in ast.walk(ast.parse(Path(ganctl.__file__).read_text()))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("ganctl.")
        for alias in node.names
    }
    assert sorted(said) == sorted(ganctl.__all__) and set(ganctl.__all__) <= set(dir(ganctl))
    for name, module in said.items():
        assert getattr(ganctl, name).__module__ == module
        assert getattr(ganctl, name).__doc__


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'ganctl' has no attribute 'lode'"):
        ganctl.lode  # type: ignore[attr-defined]  # noqa: B018
