"""Configuration files: TOML, or JSON such as a run's config.json."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ganctl.config import Option, RunOptions, TrainConfig, fields, options
from ganctl.errors import BadInput, InvalidOption, explain
from ganctl.files import near_file
from ganctl.text import did_you_mean

MAX_BYTES = 2**20  # a larger file is no configuration


def read_config(path: Path, kind: type[TrainConfig] = TrainConfig) -> dict[str, Any]:
    """Return the options that the file sets, checked; keys may be spelt with - or _.

    Raises:
        BadInput: the file cannot be read, or a key or a value is wrong; the message names both.
    """
    parsed, is_json = _parse(path, kind)
    return {
        name: _checked(path, key, value, options(kind, RunOptions)[name], is_json)
        for name, (key, value) in by_name(parsed, str(path), kind).items()
    }


def by_name(
    values: Mapping[str, Any], source: str, kind: type[TrainConfig] = TrainConfig
) -> dict[str, tuple[str, Any]]:
    """Return ``values`` by the names of options, each with its key as written.

    Fields that ganctl sets itself, such as ``classes`` in a config.json, are left out.

    Raises:
        BadInput: a key is unknown or repeated; the message names ``source`` and the key.
    """
    known, found = options(kind, RunOptions), dict[str, tuple[str, Any]]()
    for key, value in ((str(key), value) for key, value in values.items()):
        name = key.replace("-", "_")
        if name in fields(kind) and name not in known:
            continue
        if name not in known:
            words = [each.replace("_", "-") for each in known]
            raise BadInput(
                f"{source} has an unknown key {key[:60]!r}{did_you_mean(key, words)}",
                f"keys: {', '.join(words)}",
            )
        if name in found:
            raise BadInput(f"{source} sets {key} twice", "set it once")
        found[name] = key, value
    return found


def to_toml(values: Mapping[str, str | int | float | bool]) -> str:
    """Return ``values`` as lines that `read_config` reads."""
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


def _parse(path: Path, kind: type[TrainConfig]) -> tuple[dict[str, Any], bool]:
    """Return what the file holds, and whether it is JSON: by its name or its first character."""
    text = _read(path)
    is_json = path.suffix.lower() == ".json" or text.lstrip().startswith("{")
    parse: Callable[[str], Any]
    if is_json:
        parse, form, example = json.loads, "JSON", '{"epochs": 50}'
    else:
        form, example = "TOML", "epochs = 50"
        if sys.version_info >= (3, 11):
            import tomllib
        else:
            import tomli as tomllib
        parse = tomllib.loads
    try:
        parsed = parse(text)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, ValueError) else "it is nested too deeply"
        fixed = "" if is_json else _with_quotes(text, reason, kind)
        raise BadInput(
            f"{path} is not valid {form}: {reason[:200]}",
            f"put text in quotes: {fixed}" if fixed else f"such as: {example}",
        ) from error
    if not isinstance(parsed, dict):
        raise BadInput(f"{path} is not a JSON object", f"such as: {example}")
    return parsed, is_json


def _with_quotes(text: str, reason: str, kind: type[TrainConfig]) -> str:
    """Return the wrong line with its text in quotes, if that is what was probably meant."""
    number = re.search(r"at line (\d+)", reason)
    line = text.splitlines()[int(number[1]) - 1 :][:1] if number else []
    found = re.match(r"\s*([\w-]+)\s*=\s*([^\s\"'#][^\"'#]*)", line[0]) if line else None
    each = options(kind, RunOptions).get(found[1].replace("-", "_")) if found else None
    if found is None or each is None or each.kind is not str:
        return ""
    return f"{found[1]} = {_quoted(found[2].strip()[:60])}"


def _read(path: Path) -> str:
    hint = "name a .toml file, or the config.json of a run"
    if os.path.exists(path) and not os.path.isfile(path):  # a FIFO would block
        raise BadInput(f"cannot read {path}: it is not a file", hint)
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a null character in its name
        reason = f"{explain(error)}{near_file(path)}" if isinstance(error, OSError) else str(error)
        raise BadInput(f"cannot read {path}: {reason}", hint) from error
    if len(data) > MAX_BYTES:
        raise BadInput(f"{path} is larger than {MAX_BYTES:,} bytes", hint)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text", hint) from error


def _checked(path: Path, key: str, value: Any, each: Option, is_json: bool) -> Any:
    words = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
    if each.kind is float and type(value) is int and abs(value) < 2**53:
        value = float(value)
    if type(value) is not each.kind:
        default = f'"{key}": {json.dumps(each.default)}'
        raise BadInput(
            f"{path}: {key} = {value!r:.60} is not {words[each.kind]}",
            f"such as: {default if is_json else f'{key} = {_toml(each.default)}'}",
        )
    try:
        return each.check(value)
    except InvalidOption as error:
        guess = did_you_mean(str(value), map(str, each.choices)) if each.kind is str else ""
        raise BadInput(
            f"{path}: {key} = {value!r:.60} cannot be used{guess}", f"{key}: {each.allowed}"
        ) from error
