"""Which options were typed: a run that goes on takes those alone from the command line."""

from __future__ import annotations

import typer

from ganctl.cli.from_file import fields_without_option


def typed_options(ctx: typer.Context) -> list[str]:
    """Return the names of the options that were typed, or that a file given by --config sets."""
    chosen = ("COMMANDLINE", "DEFAULT_MAP")
    typed = [name for name in ctx.params if _source(ctx, name) in chosen]
    return [*typed, *fields_without_option(ctx)]


def _source(ctx: typer.Context, name: str) -> str:
    source = ctx.get_parameter_source(name)
    return source.name if source else ""
