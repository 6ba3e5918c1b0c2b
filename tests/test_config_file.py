from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from ganctl.config import to_dict, train_config
from ganctl.config_file import FIELDS, MAX_BYTES, read_config, to_toml, without_recipe
from ganctl.errors import BadInput
from ganctl.recipes import RECIPES


def read(folder: Path, text: str) -> dict[str, Any]:
    path = folder / "run.toml"
    path.write_text(text)
    return read_config(path)


def test_keys_are_the_options_or_the_fields(tmp_path: Path) -> None:
    text = 'batch-size = 32\nlatent_dim = 7\nname = "a"\nema_decay = 0\n[model]\narch = "conv"\n'
    expected = {"batch_size": 32, "latent_dim": 7, "name": "a", "ema_decay": 0.0, "arch": "conv"}
    assert read(tmp_path, text) == expected


def test_what_a_run_saves_is_read_back(tmp_path: Path) -> None:
    config = train_config(recipe="classic", arch="conv", lr=0.001, conditional=True)
    config = replace(config, model=replace(config.model, classes=10))
    values = read(tmp_path, json.dumps(to_dict(config), indent=2))
    saved = to_dict(config)
    model = saved.pop("model")
    del model["classes"]  # which the data settles
    assert values == {**saved, **model}
    chosen = without_recipe(values)
    assert chosen["lr"] == 0.001 and chosen["recipe"] == "classic"
    assert not {"ema_decay", "bn_eps", "decay_after"} & chosen.keys()


@pytest.mark.parametrize("recipe", RECIPES)
def test_what_a_recipe_brings_is_nobodys_choice(recipe: str) -> None:
    saved = to_dict(train_config(recipe=recipe, arch="conv", ema_decay=0.5))
    chosen = without_recipe({**saved, **saved.pop("model")})
    assert chosen["ema_decay"] == 0.5
    assert not {"lr", "decay_after", "decay_floor", "r1_weight", "bn_eps"} & chosen.keys()


def test_some_of_what_a_recipe_brings_stands_as_it_is_written() -> None:
    for recipe, by_arch in RECIPES.items():
        for arch, brought in by_arch.items():
            whole = {"recipe": recipe, "arch": arch, **asdict(brought)}
            assert without_recipe(whole) == {"recipe": recipe, "arch": arch}
            for name in asdict(brought):
                part = {key: value for key, value in whole.items() if key != name}
                assert without_recipe(part) == part


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


def test_every_field_has_an_example_that_is_read(tmp_path: Path) -> None:
    for name, usual in FIELDS.items():
        value = getattr(usual, name)
        expected = {} if name == "classes" else {name: value}
        assert read(tmp_path, to_toml({name: value})) == expected


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("epoch = 5", "unknown key 'epoch': did you mean 'epochs'?", "keys: recipe, data, "),
        ("resume = true", "unknown key 'resume'", "keys: recipe, data, "),
        ("batch-size = 5\nbatch_size = 5", "says batch_size twice", "once"),
        ('epochs = "5"', "epochs = '5' is not a whole number", "such as: epochs = 200"),
        ("epochs = true", "epochs = True is not a whole number", "such as: epochs = 200"),
        ("epochs = 5.0", "epochs = 5.0 is not a whole number", "such as: epochs = 200"),
        ("conditional = 1", "conditional = 1 is not true or false", "conditional = false"),
        ("[model]\narch = 3", "arch = 3 is not text", 'such as: arch = "mlp"'),
        ("model = 3", "unknown key 'model'", "keys: "),
        ("epochs = 0", "epochs = 0 cannot be used", "epochs: 1 to 1,000,000,000"),
        ("lr = nan", "lr = nan cannot be used", "lr: a number above 0"),
        ("batch-size = 1", "batch-size = 1 cannot be used", "batch-size: 2 to 65536"),
        ("threads = 1025", "threads = 1025 cannot be used", "threads: 0 to 1024"),
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
            "objective: non-saturating, hinge, ",
        ),
        ("lr = 1\ndata = digits", "(at line 2", 'text stands in quotes: data = "digits"'),
        ("data-dir = a/b # c", "(at line 1", 'text stands in quotes: data-dir = "a/b"'),
        ("epochs = many", "(at line 1", "such as: epochs = 50"),
        ("epochs 5", "is no TOML that can be read: ", "such as: epochs = 50"),
        ('{"epochs": 5', "is no JSON that can be read: ", 'such as: {"epochs": 50}'),
        ('{"epochs": "5"}', "epochs = '5' is not a whole number", 'such as: "epochs": 200'),
        ('{"a":' * 100_000, "is no JSON that can be read: it is nested", "such as: "),
        (f"epochs = {'9' * 5000}", "is no TOML that can be read: ", "such as: epochs = 50"),
        ("#" * (MAX_BYTES + 1), "has more than 1,048,576 bytes", "name a .toml file"),
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
        ("bytes", "is no text in UTF-8"),
        ("fifo", "it is not a file"),
        (".", "it is not a file"),
        ("none", "no such file"),
    ):
        with pytest.raises(BadInput, match=message):
            read_config(tmp_path / name)


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "") == {} and without_recipe({}) == {}
