"""Options are named alike everywhere, stand in panels, and every command shows an example."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from ganctl.cli.app import app

DIFFERENT = {
    "--arch",
    "--batch-size",
    "--conditional",
    "--count",
    "--data",
    "--epochs",
    "--latent-dim",
    "--precision",
    "--seed",
}
"""Options that each command says in its own words; all others say the same everywhere."""

MOST = 9
"""Options that may stand in no panel of their kind."""


def commands() -> Iterator[tuple[str, Any]]:
    group: Any = typer.main.get_command(app)
    for name in group.list_commands(None):
        command: Any = group.get_command(None, name)
        subcommands: dict[str, Any] = getattr(command, "commands", {})
        yield name, command
        yield from ((f"{name} {sub}", each) for sub, each in subcommands.items())


COMMANDS = dict(commands())
OPTIONS = {
    name: [each for each in command.params if each.param_type_name == "option"]
    for name, command in COMMANDS.items()
    if not getattr(command, "commands", {})
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_ends_in_an_example(name: str) -> None:
    *_, last = COMMANDS[name].help.strip().split("\n\n")
    assert re.match(rf"Example: \[bold\]ganctl {name}\b", " ".join(last.split()))


@pytest.mark.parametrize("name", OPTIONS)
def test_many_options_stand_in_panels(name: str) -> None:
    assert sum(option.rich_help_panel is None for option in OPTIONS[name]) <= MOST


def test_the_same_option_is_the_same_everywhere() -> None:
    said = defaultdict(set)
    for options in OPTIONS.values():
        for option in options:
            name = option.opts[-1]
            words = re.sub(r" \\\[default: .*\]$", "", option.help or "")  # train adds it itself
            words = "" if name in DIFFERENT else words
            said[name].add((tuple(option.opts), option.metavar, option.envvar, words))
    assert [name for name, shapes in said.items() if len(shapes) > 1] == []
    assert DIFFERENT <= said.keys()


def test_options_are_words_and_only_n_has_a_letter() -> None:
    for options in OPTIONS.values():
        for spelling in (word for option in options for word in option.opts):
            assert re.fullmatch(r"--[a-z][a-z0-9]*(-[a-z0-9]+)*|-n", spelling)
