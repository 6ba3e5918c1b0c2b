"""Which options were typed: a run that goes on takes those alone from the command line."""

from __future__ import annotations

import typer


def typed_options(ctx: typer.Context) -> list[str]:
    """Return the names of the options that were typed rather than left at their defaults."""
    return [name for name in ctx.params if _source(ctx, name) == "COMMANDLINE"]


def _source(ctx: typer.Context, name: str) -> str:
    source = ctx.get_parameter_source(name)
    return source.name if source else ""
