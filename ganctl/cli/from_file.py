"""``--config FILE``: what a file says stands where an option was not typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

KEY = "ganctl.config"


def take_file(ctx: typer.Context, path: Path | None) -> Path | None:
    """Let the options that are not typed take their values from the file.

    Raises:
        BadInput: the file cannot be read, or a key or a value in it is wrong.
    """
    if path is not None and not ctx.resilient_parsing:
        from ganctl.config_file import read_config, without_recipe

        values = without_recipe(read_config(path))
        ctx.default_map = values
        options = {parameter.name for parameter in ctx.command.params}
        ctx.meta[KEY] = {name: values[name] for name in values.keys() - options}
    return path


def fields_without_option(ctx: typer.Context) -> dict[str, Any]:
    """Return what the file says of `TrainConfig` and `ModelConfig` that no option can."""
    fields: dict[str, Any] = ctx.meta.get(KEY, {})
    return fields
