"""A file that says how to train: TOML, or the ``config.json`` of a run, which is nested JSON."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ganctl.arguments import make_plain
from ganctl.config import train_config
from ganctl.environment import DEVICES, is_device, is_run_name
from ganctl.errors import BadInput, InvalidOption, explain
from ganctl.files import near_file
from ganctl.recipes import RECIPES
from ganctl.text import did_you_mean

MAX_BYTES = 2**20
"""A larger file is no configuration."""

FROM_DATA = "classes"
"""What a run learns from its data; a config.json has it, and it is not read back."""


@dataclass(frozen=True)
class RunSettings:
    """What a file may hold beside `TrainConfig`: how and where a run is made."""

    name: str = "first-try"
    device: str = "auto"
    threads: int = 0  # 0: all cores
    fallback: bool = True
    tensorboard: bool = False
    plain: bool = False
    quiet: bool = False

    def __post_init__(self) -> None:
        make_plain(self)
        if not 0 <= self.threads <= 1024:
            raise InvalidOption("threads", self.threads, "0 to 1024")
        if not is_device(self.device):
            raise InvalidOption("device", self.device, DEVICES)
        if not is_run_name(self.name):
            raise InvalidOption("name", self.name, "a plain folder name")


USUAL = train_config()

FIELDS: dict[str, Any] = {
    field.name: usual
    for usual in (USUAL, USUAL.model, RunSettings())
    for field in dataclasses.fields(usual)
    if field.name != "model"
}
"""What a file may say, and beside it what has the default and checks the value."""

WORDS = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false"}


def read_config(path: Path) -> dict[str, Any]:
    """Return what the file says, flat, by the names of `FIELDS`; each value is in its range.

    A key may be spelt with - or _; those of the networks may stand in a table ``model``.

    Raises:
        BadInput: it cannot be read, or a key or a value is wrong; the file and the key are named.
    """
    parsed, in_json = _parsed(path)
    values = {
        name: _checked(path, key, name, value, in_json)
        for name, (key, value) in named(parsed, str(path)).items()
    }
    values.pop(FROM_DATA, None)
    return values


def named(said: Mapping[str, Any], source: str) -> dict[str, tuple[str, Any]]:
    """Return what is ``said``, by the names of `FIELDS`: each key as it is spelt, and its value.

    Raises:
        BadInput: a key is unknown, or there twice; ``source`` and the key are named.
    """
    found: dict[str, tuple[str, Any]] = {}
    for key, value in _flat(said):
        name = key.replace("-", "_")
        if name not in FIELDS:
            words = [field.replace("_", "-") for field in FIELDS if field != FROM_DATA]
            raise BadInput(
                f"{source} has an unknown key {key[:60]!r}{did_you_mean(key, words)}",
                f"keys: {', '.join(words)}",
            )
        if name in found:
            raise BadInput(f"{source} says {key} twice", "say it once")
        found[name] = key, value
    return found


def without_recipe(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``values`` as far as they are somebody's choice, beside which there may be another.

    Those that name all that a recipe settles, as ``--dry-run`` prints and a run saves, are taken as
    settled: what equals their own recipe's is left out, so that another recipe or architecture can
    bring its own. Of values that name only some of that, each stands as it is written.

    Args:
        values: as `read_config` returns them.
    """
    recipe = values.get("recipe", USUAL.recipe)
    brought = asdict(RECIPES[recipe][values.get("arch", USUAL.model.arch)])
    if not brought.keys() <= values.keys():
        return dict(values)
    return {
        name: value
        for name, value in values.items()
        if name not in brought or value != brought[name]
    }


def to_toml(values: Mapping[str, str | int | float | bool]) -> str:
    """Return ``values`` as the lines that `read_config` reads."""
    return "".join(f"{name.replace('_', '-')} = {_toml(value)}\n" for name, value in values.items())


def _toml(value: str | int | float | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return _quoted(value) if isinstance(value, str) else repr(value)


def _quoted(text: str) -> str:
    escaped = (
        f"\\{char}"
        if char in '\\"'
        else char
        if char.isprintable()
        else f"\\U{ord(char):08x}"  # a terminal would obey it, and TOML refuses some
        for char in text
    )
    return f'"{"".join(escaped)}"'


def _parsed(path: Path) -> tuple[dict[str, Any], bool]:
    """Return what the file says, and whether it is JSON: by its name, or by how it begins."""
    text = _text(path)
    in_json = path.suffix.lower() == ".json" or text.lstrip().startswith("{")  # as no TOML does
    parse: Callable[[str], Any]
    if in_json:
        parse, kind, example = json.loads, "JSON", '{"epochs": 50}'
    else:
        kind, example = "TOML", "epochs = 50"
        if sys.version_info >= (3, 11):
            import tomllib
        else:
            import tomli as tomllib
        parse = tomllib.loads
    try:
        parsed = parse(text)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, ValueError) else "it is nested too deeply"
        mended = "" if in_json else _mended(text, reason)
        raise BadInput(
            f"{path} is no {kind} that can be read: {reason[:200]}",
            f"text stands in quotes: {mended}" if mended else f"such as: {example}",
        ) from error
    if not isinstance(parsed, dict):
        raise BadInput(f"{path} is no JSON object", f"such as: {example}")
    return parsed, in_json


def _mended(text: str, reason: str) -> str:
    """Return the line that is wrong as it was probably meant: a text in quotes; "" for others."""
    number = re.search(r"at line (\d+)", reason)
    line = text.splitlines()[int(number[1]) - 1 :][:1] if number else []
    found = re.match(r"\s*([\w-]+)\s*=\s*([^\s\"'#][^\"'#]*)", line[0]) if line else None
    name = found[1].replace("-", "_") if found else ""
    if found is None or name not in FIELDS or not isinstance(getattr(FIELDS[name], name), str):
        return ""
    return f"{found[1]} = {_quoted(found[2].strip()[:60])}"


def _text(path: Path) -> str:
    hint = "name a .toml file, or the config.json of a run"
    if os.path.exists(path) and not os.path.isfile(path):  # a FIFO would be waited for
        raise BadInput(f"cannot read {path}: it is not a file", hint)
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: \0 in its name
        reason = f"{explain(error)}{near_file(path)}" if isinstance(error, OSError) else str(error)
        raise BadInput(f"cannot read {path}: {reason}", hint) from error
    if len(data) > MAX_BYTES:
        raise BadInput(f"{path} has more than {MAX_BYTES:,} bytes", hint)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is no text in UTF-8", hint) from error


def _flat(parsed: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in parsed.items():
        if key == "model" and isinstance(value, Mapping):
            yield from ((str(name), each) for name, each in value.items())
        else:
            yield str(key), value


def _checked(path: Path, key: str, name: str, value: Any, in_json: bool) -> Any:
    """Return the value, which is of its field's type and in its range."""
    usual = FIELDS[name]
    default = getattr(usual, name)
    declared = type(default).__name__
    if declared == "float" and type(value) is int and abs(value) < 2**53:
        value = float(value)
    if type(value).__name__ != declared:
        raise BadInput(
            f"{path}: {key} = {value!r:.60} is not {WORDS[declared]}",
            f'such as: "{key}": {json.dumps(default)}'
            if in_json
            else f"such as: {key} = {_toml(default)}",
        )
    try:
        dataclasses.replace(usual, **{name: value})
    except InvalidOption as error:
        choices = error.allowed.replace(" or ", ", ").split(", ")
        guess = did_you_mean(value, choices) if declared == "str" else ""
        raise BadInput(
            f"{path}: {key} = {value!r:.60} cannot be used{guess}", f"{key}: {error.allowed}"
        ) from error
    return value
