from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ganctl.config import (
    RECIPES,
    RunOptions,
    TrainConfig,
    options,
    to_dict,
    without_recipe,
)
from ganctl.config_file import MAX_BYTES, read_config, to_toml
from ganctl.errors import BadInput


def read(folder: Path, text: str) -> dict[str, Any]:
    path = folder / "run.toml"
    path.write_text(text)
    return read_config(path)


def test_keys_are_the_options(tmp_path: Path) -> None:
    text = 'batch-size = 32\nlatent_dim = 7\nname = "a"\nema_decay = 0\narch = "conv"\n'
    expected = {"batch_size": 32, "latent_dim": 7, "name": "a", "ema_decay": 0.0, "arch": "conv"}
    assert read(tmp_path, text) == expected


def test_what_a_run_saves_is_read_back(tmp_path: Path) -> None:
    config = TrainConfig(recipe="classic", arch="conv", lr=0.001, conditional=True)
    saved = to_dict(replace(config, classes=10))
    values = read(tmp_path, json.dumps(saved, indent=2))
    assert values == {name: value for name, value in saved.items() if name != "classes"}
    chosen = without_recipe(values, TrainConfig)
    assert chosen["lr"] == 0.001 and chosen["recipe"] == "classic"
    assert not {"ema_decay", "bn_eps", "decay_after"} & chosen.keys()


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_values_of_a_recipe_leave_room_for_another(recipe: Any) -> None:
    saved = to_dict(TrainConfig(recipe=recipe, arch="conv", ema_decay=0.5))
    chosen = without_recipe(saved, TrainConfig)
    assert chosen["ema_decay"] == 0.5
    assert not {"lr", "decay_after", "decay_floor", "r1_weight", "bn_eps"} & chosen.keys()


def test_some_of_the_values_of_a_recipe_stay_as_written() -> None:
    changed = RECIPES["classic"]["mlp"]
    for name in changed:
        part = {key: value for key, value in changed.items() if key != name}
        assert without_recipe({"recipe": "classic", **part}, TrainConfig) == {
            "recipe": "classic",
            **part,
        }


AWKWARD = 'a "b" \\ \x1b[2J \x7f \u202e é 😀\n'


def test_toml_is_read_as_it_was_written(tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "data": AWKWARD,
        "lr": 1e-05,
        "epochs": 3,
        "conditional": True,
        "b1": 0.0,
    }
    text = to_toml(values)
    assert text.replace("\n", "").isprintable() and "\nepochs = 3\n" in text
    assert read(tmp_path, text) == values


def test_every_default_is_read_back(tmp_path: Path) -> None:
    known = options(TrainConfig, RunOptions)
    del known["name"]  # "" means that ganctl makes one
    for name, each in known.items():
        assert read(tmp_path, to_toml({name: each.default})) == {name: each.default}


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("epoch = 5", "unknown key 'epoch': did you mean 'epochs'?", "keys: data, data-dir, "),
        ("resume = true", "unknown key 'resume'", "keys: data, data-dir, "),
        ("batch-size = 5\nbatch_size = 5", "sets batch_size twice", "once"),
        ('epochs = "5"', "epochs = '5' is not a whole number", "such as: epochs = 200"),
        ("epochs = true", "epochs = True is not a whole number", "such as: epochs = 200"),
        ("epochs = 5.0", "epochs = 5.0 is not a whole number", "such as: epochs = 200"),
        ("conditional = 1", "conditional = 1 is not true or false", "conditional = false"),
        ("arch = 3", "arch = 3 is not text", 'such as: arch = "mlp"'),
        ("[model]\narch = 3", "unknown key 'model'", "keys: "),
        ("model = 3", "unknown key 'model'", "keys: "),
        ("epochs = 0", "epochs = 0 cannot be used", "epochs: a whole number, 1 to 1,000,000,000"),
        ("lr = nan", "lr = nan cannot be used", "lr: a number, above 0"),
        (
            "batch-size = 1",
            "batch-size = 1 cannot be used",
            "batch-size: a whole number, 2 to 65,536",
        ),
        ("threads = 1025", "threads = 1025 cannot be used", "threads: a whole number, 0 to 1,024"),
        ('device = "gpu"', "device = 'gpu' cannot be used", "device: auto, cpu, cuda, "),
        ('name = "a/b"', "name = 'a/b' cannot be used", "name: a plain folder name"),
        (
            'arch = "con"',
            "arch = 'con' cannot be used: did you mean 'conv'?",
            "arch: mlp or conv",
        ),
        (
            'objective = "least_squares"',
            "cannot be used: did you mean 'least-squares'?",
            "objective: non-saturating or hinge or ",
        ),
        ("lr = 1\ndata = digits", "(at line 2", 'put text in quotes: data = "digits"'),
        ("data-dir = a/b # c", "(at line 1", 'put text in quotes: data-dir = "a/b"'),
        ("epochs = many", "(at line 1", "such as: epochs = 50"),
        ("epochs 5", "is not valid TOML: ", "such as: epochs = 50"),
        ('{"epochs": 5', "is not valid JSON: ", 'such as: {"epochs": 50}'),
        ('{"epochs": "5"}', "epochs = '5' is not a whole number", 'such as: "epochs": 200'),
        ('{"a":' * 100_000, "is not valid JSON: it is nested", "such as: "),
        (f"epochs = {'9' * 5000}", "is not valid TOML: ", "such as: epochs = 50"),
        ("#" * (MAX_BYTES + 1), "is larger than 1,048,576 bytes", "name a .toml file"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(
    text: str, message: str, hint: str, tmp_path: Path
) -> None:
    with pytest.raises(BadInput) as caught:
        read(tmp_path, text)
    assert str(tmp_path / "run.toml") in caught.value.message
    assert caught.value.exit_code == 3  # no option's value, which would be a usage error
    assert message in caught.value.message and hint in caught.value.hint


def test_what_is_no_text_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    os.mkfifo(tmp_path / "fifo")
    for name, message in (
        ("bytes", "is not UTF-8 text"),
        ("fifo", "it is not a file"),
        (".", "it is not a file"),
        ("none", "no such file"),
    ):
        with pytest.raises(BadInput, match=message):
            read_config(tmp_path / name)


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "") == {} and without_recipe({}, TrainConfig) == {}
