"""A wrong command line in one line, with the word that was probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ganctl.text import did_you_mean

KINDS = {"int": "a whole number", "float": "a number"}
"""What click calls by Python's types."""


def explain_usage(error: Any) -> str:
    """Return what is wrong, of a usage error of typer's click."""
    message: str = error.format_message()
    context, parameter = error.ctx, getattr(error, "param", None)
    option = getattr(error, "option_name", "")
    if message.startswith("Missing command"):
        return f"Missing command: one of {', '.join(context.command.list_commands(context))}"
    if option and "requires an argument" in message:
        return f"{option} needs a value"
    if (
        option in ("-o", "--out", "--output")
        and "OUT" in context.command.collect_usage_pieces(context)[-1]
    ):
        return f"No such option: {option}: OUT is written without it"
    if option:
        return f"No such option: {option}{did_you_mean(option, _options(context))}"
    if found := re.match(r"No such command '(.*?)'\.", message, re.DOTALL):
        if f"--{found[1]}" in _options(context):
            return (
                f"No such command '{found[1]}': did you mean '{context.command_path} --{found[1]}'?"
            )
        commands = context.command.list_commands(context)
        return f"No such command '{found[1]}'{did_you_mean(found[1], commands)}"
    if found := re.search(r": '(.*)' is not one of ", message, re.DOTALL):
        choices = getattr(getattr(parameter, "type", None), "choices", ())
        return message.removesuffix(".") + did_you_mean(found[1], map(str, choices))
    if found := re.match(r"(.*) is not a valid (int|float)\w*( range)?\.$", message, re.DOTALL):
        return f"{found[1]} is not {KINDS[found[2]]}"
    return message


def _options(context: Any) -> Iterable[str]:
    for parameter in context.command.get_params(context) if context else ():
        if parameter.param_type_name == "option":
            yield from (*parameter.opts, *parameter.secondary_opts)
