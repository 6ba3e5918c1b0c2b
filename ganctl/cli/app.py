"""The command table, and how a failure becomes an exit code."""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ganctl import __version__
from ganctl.cli import screen
from ganctl.cli.signals import EXIT_BASE, end_on_signals
from ganctl.cli.streams import safe_stderr
from ganctl.cli.usage import explain_usage
from ganctl.errors import (
    BadInput,
    GanctlError,
    InvalidOption,
    OutOfResources,
    WrongValue,
    explain,
    is_memory_error,
    missing_extra,
)
from ganctl.text import option

GROUPS = {
    "Train and draw": {
        "data": "List data sets, download them, and inspect your own pictures.",
        "train": "Train a GAN on images: handwritten digits, or your own.",
        "sample": "Draw images from a checkpoint.",
    },
    "Take it elsewhere": {
        "export": "Write the generator as one ONNX file that runs anywhere without torch.",
        "infer": "Draw images from an ONNX generator: onnxruntime and NumPy, no torch.",
    },
    "Look at what there is": {
        "runs": "List runs, compare them, draw their reports.",
        "info": "Say what a generator is, where it came from and what is in its file.",
        "evaluate": "Measure the images of a generator, and real digits the same way to compare.",
    },
    "This machine": {
        "doctor": "Say what is installed and found here, how fast it is, and what to change.",
    },
}
COMMANDS = {name: told for group in GROUPS.values() for name, told in group.items()}
"""Each is the function, or the group of commands, of its name in the module of its name.

The module is imported when the command is asked for. The line of help is the first of the
command's own, so that listing the commands imports none of them.
"""

LESS_MEMORY = {
    "train": "lower --batch-size, or --img-size of a new run",
    "sample": "draw fewer images into one picture: lower -n",
    "infer": "lower --batch-size, or -n",
    "evaluate": "measure fewer images: lower -n",
}
"""What makes a command take less of it."""

MORE_MEMORY = "end other programs, or use a machine with more of it"

USAGE_EXIT = 2
INTERRUPT_EXIT = EXIT_BASE + signal.SIGINT

UsageError: type[Any] = typer.BadParameter.__mro__[1]
"""Click's class, wherever this typer keeps its click."""


class LazyCommands(TyperGroup):
    """Imports a command's module when that command is asked for; its own help does without rich.

    Importing what typer needs for help with rich takes as long as importing typer.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the commands in the order of their use."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        found = getattr(importlib.import_module(f"ganctl.cli.{cmd_name}"), cmd_name)
        if not isinstance(found, typer.Typer):
            single = typer.Typer(add_completion=False, rich_markup_mode="rich")
            single.command(cmd_name, no_args_is_help=False)(found)
            found = single
        return typer.main.get_command(found)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the tables of commands."""
        widest = max(map(len, COMMANDS))
        for title, group in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(widest), told) for name, told in group.items()])


app = typer.Typer(
    cls=LazyCommands,
    rich_markup_mode=None,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},  # of all commands
)


def _show_version(ctx: typer.Context, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        screen.result(f"ganctl {__version__}")
        raise typer.Exit


@app.callback()
def ganctl(
    ctx: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_show_version,
            is_eager=True,
            help="Show the version; ganctl doctor shows torch's and others'.",
        ),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
) -> None:
    """Train a GAN on digits, look at what it draws, ship the generator as one ONNX file.

    The usual path: ganctl train, ganctl sample out.png, ganctl export gen.onnx, ganctl infer
    gen.onnx.
    """
    if not ctx.resilient_parsing and any(name.startswith("GANCTL_") for name in os.environ):
        from ganctl.environment import check_environment

        check_environment()
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; see `ganctl.errors` for the codes.

    Args:
        arguments: without the program's name; None for the process's own.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = given[: given.index("--")] if "--" in given else given
    debug = "--debug" in options
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that knows no × gets a ?
            stream.reconfigure(errors="replace")
    end_on_signals()
    with safe_stderr(), screen.log_as_notes():
        return _main(options, given[len(options) :], debug)


def _main(options: list[str], rest: list[str], debug: bool) -> int:
    try:
        command = typer.main.get_command(app)
        status = command(
            [word for word in options if word != "--debug"] + rest,
            prog_name="ganctl",
            standalone_mode=False,
        )
        return status if isinstance(status, int) else 0
    except UsageError as error:
        path = error.ctx.command_path if error.ctx else f"ganctl {_command_in(options)}".strip()
        screen.error(explain_usage(error), f"{path} --help")
        return USAGE_EXIT
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPT_EXIT
    except Exception as error:
        shown = _as_ganctl_error(error, _command_in(options))
        if shown is None:
            raise
        if debug:
            traceback.print_exception(error)
        screen.error(shown.message, shown.hint)
        return shown.exit_code


def _command_in(options: Sequence[str]) -> str:
    """Return the command that is typed, or ""."""
    return next((word for word in options if word in COMMANDS), "")


def _as_ganctl_error(error: Exception, command: str) -> GanctlError | None:
    """Return what the user is told, or None for a bug, which keeps its traceback."""
    if isinstance(error, InvalidOption):
        message = f"{option(error.name, error.value)} cannot be used"
        return WrongValue(message, f"{option(error.name)}: {error.allowed}")
    if isinstance(error, GanctlError):
        return error
    if is_memory_error(error):
        return OutOfResources("there is not enough memory", LESS_MEMORY.get(command, MORE_MEMORY))
    if isinstance(error, OSError) and error.filename is not None:
        reason = explain(error)
        return BadInput(f"cannot use {error.filename}: {reason}", "name a path that can be used")
    return missing_extra(error, "this command") if isinstance(error, ModuleNotFoundError) else None
