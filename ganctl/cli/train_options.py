"""The options of ``ganctl train``, derived from the fields of `TrainConfig` and `RunOptions`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ganctl.cli import complete
from ganctl.config import Option, RunOptions, TrainConfig, default_text, options
from ganctl.text import option as option_text

# What the command line adds to a field: a metavar, and what the Tab key offers.
DETAILS: dict[str, dict[str, Any]] = {
    "data": {"metavar": "NAME|PATH", "autocompletion": complete.data},
    "data_dir": {"metavar": "PATH", "autocompletion": complete.files()},
    "device": {"metavar": "NAME", "autocompletion": complete.words("auto", "cpu", "cuda", "mps")},
    "name": {"metavar": "NAME"},
    "channels": {"metavar": "1|3"},
    "objective": {"metavar": "NAME"},  # the choices are too long for the column
}
METAVARS = {int: "N", float: "X", str: "TEXT"}

Source = Annotated[
    Path | None,
    typer.Argument(
        metavar="[RUN|FILE]",
        readable=False,
        autocompletion=complete.runs(".safetensors"),
        show_default="the newest run",
        help="With --resume: a run's name or folder, or one of its checkpoints.",
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        autocompletion=complete.files(".toml", ".json"),
        readable=False,
        help="Read options from a TOML file with their names as keys, or from a run's "
        "config.json. Options on the command line take precedence.",
        rich_help_panel="Run",
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Take a few steps, then print the configuration (a file for --config) and the time "
        "and memory that the run would take.",
        rich_help_panel="Run",
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Continue a run where it stopped, with its configuration.",
        rich_help_panel="Run",
    ),
]


def signature(kind: type[TrainConfig]) -> inspect.Signature:
    """Return the signature that typer reads: None for an option that is not given."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    source = inspect.Parameter("source", keyword, default=None, annotation=Source)
    derived = [
        inspect.Parameter(each.name, keyword, default=None, annotation=_annotation(each))
        for each in options(kind, RunOptions).values()
    ]
    fixed = [
        inspect.Parameter("config", keyword, default=None, annotation=ConfigFile),
        inspect.Parameter("dry_run", keyword, default=False, annotation=DryRun),
        inspect.Parameter("resume", keyword, default=False, annotation=Resume),
    ]
    return inspect.Signature([source, *derived, *fixed])


def with_signature(kind: type[TrainConfig]) -> Callable[[Any], Any]:
    """Give a command that takes its options as ``**values`` those of ``kind``."""

    def decorate(command: Any) -> Any:
        command.__signature__ = signature(kind)
        return command

    return decorate


def _annotation(each: Option) -> Any:
    flag, details = option_text(each.name), DETAILS.get(each.name, {})
    hint: Any = each.kind
    if each.choices and each.kind is str:
        hint = Literal[each.choices]
    elif each.kind is not bool:
        details = {"metavar": METAVARS[each.kind], **details}
    declared = f"{flag}/--no-{flag[2:]}" if each.kind is bool else flag
    return Annotated[
        hint | None,
        typer.Option(
            declared,
            help=rf"{each.help} \[default: {default_text(each)}]",
            show_default=False,
            rich_help_panel=each.panel,
            envvar=each.envvar or None,
            **details,
        ),
    ]
