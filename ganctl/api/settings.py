"""What ``ganctl.train`` is given as its ``config``: by name, checked as its keywords are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ganctl.arguments import text
from ganctl.config import TrainConfig, flat, train_config
from ganctl.config_file import FROM_DATA, RunSettings, named, read_config, without_recipe
from ganctl.errors import BadInput
from ganctl.options import Options


def said(config: object) -> dict[str, Any]:
    """Return what ``config`` says, plain: names of `Options` and of fields of `RunSettings`.

    Args:
        config: None for nothing, a mapping, a file's path, or a `TrainConfig`.

    Raises:
        BadInput: it is something else, it cannot be read, or it says what cannot be.
    """
    if config is None:
        return {}
    if isinstance(config, TrainConfig):
        return without_recipe(_checked(flat(config)))
    if isinstance(config, Mapping):
        values = {name: value for name, (_, value) in named(config, "config").items()}
        return without_recipe(_checked(values))
    path = text("config", config, "a mapping of options, a file's path, or a TrainConfig")
    try:
        return without_recipe(read_config(Path(path)))
    except BadInput as error:
        if os.path.exists(path):
            raise
        hint = f"{error.hint}; data is a keyword: data={path!r}"
        raise BadInput(error.message, hint) from error


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """Return ``values`` as they are saved, but what the data decides."""
    values.pop(FROM_DATA, None)
    training = {name: value for name, value in values.items() if name in Options.__annotations__}
    place = {name: value for name, value in values.items() if name not in training}
    plain = flat(train_config(**training)) | asdict(RunSettings(**place))
    return {name: plain[name] for name in values}
