from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

import ganctl
from ganctl.cli.train_options import with_signature
from ganctl.config import (
    RunOptions,
    TrainConfig,
    fields,
    from_dict,
    json_schema,
    option,
    options,
    options_table,
    repeat_command,
    resumed,
    to_dict,
)
from ganctl.config_file import read_config
from ganctl.errors import BadInput, InvalidOption

DOCS = Path(__file__).parents[1] / "docs"


def test_the_recipes_are_what_the_design_says() -> None:
    classic, default, conv = (
        TrainConfig(recipe="classic"),
        TrainConfig(),
        TrainConfig(arch="conv"),
    )
    assert (classic.bn_eps, classic.bn_momentum) == (0.8, 0.1)
    assert (classic.ema_decay, classic.r1_weight, classic.decay_after) == (0, 0, 0)
    assert (default.bn_eps, default.bn_momentum) == (1e-5, 0.8)
    assert (default.ema_decay, default.r1_weight, default.decay_after) == (0.9999, 0.1, 62_500)
    assert (classic.lr, default.lr, conv.lr) == (2e-4, 8e-4, 5e-4)
    assert (conv.decay_floor, conv.decay_after, conv.ema_decay) == (0, 14_000, 0.9995)
    for config in (classic, default, conv):
        assert (config.b1, config.b2, config.batch_size) == (0.5, 0.999, 64)
        assert (config.latent_dim, config.image_shape) == (100, (1, 28, 28))


def test_an_explicit_value_wins_over_the_recipe() -> None:
    assert TrainConfig(recipe="classic", lr=0.5, ema_decay=0.9).lr == 0.5
    assert TrainConfig(recipe="classic", r1_weight=0.0).r1_weight == 0


@given(
    recipe=st.sampled_from(["default", "classic"]),
    latent_dim=st.integers(1, 1000),
    img_size=st.integers(4, 512),
    channels=st.sampled_from([1, 3]),
    lr=st.floats(1e-9, 1e3),
    b1=st.floats(0, 0.999999),
    seed=st.integers(0, 2**32 - 1),
    data=st.text(),
)
def test_a_configuration_survives_json_and_fits_the_schema(**values: Any) -> None:
    config = TrainConfig(**values)
    saved = json.loads(json.dumps(to_dict(config)))
    assert from_dict(TrainConfig, saved) == config
    jsonschema.validate(saved, json_schema(TrainConfig))


WRONG: dict[str, list[Any]] = {
    "epochs": [0, 10**30, 1.5, True, "5"],
    "batch_size": [1, 10**30],
    "lr": [0.0, -1.0, float("nan"), float("inf"), "fast"],
    "b1": [1.0, -0.1, float("nan")],
    "b2": [1.0],
    "seed": [-1, 2**32],
    "objective": ["hing"],
    "recipe": ["clasic"],
    "arch": ["mpl"],
    "sample_every": [-1],
    "latent_dim": [0],
    "img_size": [3, 513],
    "channels": [2],
    "conditional": ["no", 1],
    "data": [5],
    "bn_eps": [0.0, 1.1],
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_named_with_what_is_allowed(name: str) -> None:
    for value in WRONG[name]:
        with pytest.raises(InvalidOption, match=f"{name}=.* cannot be used") as caught:
            TrainConfig(**{name: value})
        assert caught.value.hint == f"{name}: {fields(TrainConfig)[name].allowed}"
        with pytest.raises(InvalidOption):
            replace(TrainConfig(), **{name: value})
        with pytest.raises(BadInput, match=name) as from_file:
            from_dict(TrainConfig, to_dict(TrainConfig()) | {name: value})
        assert from_file.value.exit_code == 3  # no usage error: it was not on a command line


def test_ranges_are_written_in_words() -> None:
    known = options(TrainConfig, RunOptions)
    assert known["epochs"].allowed == "a whole number, 1 to 1,000,000,000"
    assert known["lr"].allowed == "a number, above 0"
    assert known["b1"].allowed == "a number, 0 or more and below 1"
    assert known["bn_eps"].allowed == "a number, above 0 and up to 1"
    assert known["channels"].allowed == "1 or 3"
    assert known["device"].allowed == "auto, cpu, cuda, cuda:N or mps"


def test_values_of_numpy_and_paths_become_plain() -> None:
    given: dict[str, Any] = {
        "data": Path("shapes"),
        "epochs": np.int64(1),
        "lr": np.float32(0.5),
        "conditional": np.bool_(True),
        "img_size": np.uint8(32),
    }
    plain = TrainConfig(data="shapes", epochs=1, lr=0.5, conditional=True, img_size=32)
    for config in (TrainConfig(**given), replace(plain, **given)):
        assert json.dumps(to_dict(config)) == json.dumps(to_dict(plain)) and config == plain


@pytest.mark.parametrize("change", [{"novel": 1}, {"epochs": None}, {"model": {"arch": "conv"}}])
def test_a_dictionary_that_fits_no_configuration_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        from_dict(TrainConfig, to_dict(TrainConfig()) | change)


def test_a_missing_field_is_named() -> None:
    values = to_dict(TrainConfig())
    del values["seed"]
    with pytest.raises(BadInput, match="lacks 'seed'"):
        from_dict(TrainConfig, values)


def test_only_some_options_change_on_resume() -> None:
    saved = TrainConfig(data="digits", epochs=5, precision="fp32")
    assert resumed(saved, {"epochs": 9, "keep": 2, "lr": 8e-4, "precision": "auto"}) == replace(
        saved, epochs=9, keep=2
    )
    with pytest.raises(BadInput, match="--lr 0.1 contradicts the run, which has 0.0008"):
        resumed(saved, {"lr": 0.1})
    with pytest.raises(BadInput, match="--conditional contradicts the run, which was started wit"):
        resumed(saved, {"conditional": True})


@given(
    config=st.builds(
        TrainConfig,
        recipe=st.sampled_from(["default", "classic"]),
        arch=st.sampled_from(["mlp", "conv"]),
        data=st.sampled_from(["digits", "my pictures", "a'b"]),
        conditional=st.booleans(),
        lr=st.sampled_from([None, 0.001, 1 / 3]),
        r1_weight=st.sampled_from([None, 0.0, 0.5]),
        ema_decay=st.sampled_from([None, 0.99]),
        bn_eps=st.sampled_from([None, 1e-3]),
        seed=st.integers(0, 2**32 - 1),
        epochs=st.integers(1, 10**9),
    )
)
def test_the_repeat_command_gives_the_same_configuration(config: TrainConfig) -> None:
    assert parsed(TrainConfig, repeat_command(config)) == config


def parsed(kind: type[TrainConfig], command: str) -> TrainConfig:
    """Return what a ``ganctl train`` command with these options would train."""
    import shlex

    found: dict[str, Any] = {}

    @with_signature(kind)
    def train(source: Any, config: Any, dry_run: bool, resume: bool, **values: Any) -> None:
        found.update(values)

    app = typer.Typer()
    app.command()(train)
    typer.main.get_command(app)(shlex.split(command)[2:], standalone_mode=False)
    given = {name: value for name, value in found.items() if name in options(kind)}
    return kind(**given)


@dataclass(frozen=True, kw_only=True)
class Extended(TrainConfig):
    """A configuration with one more option, added in one place."""

    extra_weight: float = option(0.25, "Weight of something new.", panel="Advanced", ge=0, le=2)


def test_a_new_field_is_found_everywhere(
    tmp_path: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = Extended(data=str(small_data), epochs=1, eval_every=0, extra_weight=0.5)
    # the command that repeats a run, and with it the command line
    assert "--extra-weight 0.5" in repeat_command(config)
    assert parsed(Extended, repeat_command(config)) == config
    # a configuration file
    Path("run.toml").write_text("extra-weight = 1\n")
    assert read_config(Path("run.toml"), Extended) == {"extra_weight": 1.0}
    Path("run.toml").write_text("extra-weight = 3\n")
    with pytest.raises(BadInput, match="extra-weight = 3.0 cannot be used"):
        read_config(Path("run.toml"), Extended)
    # Python
    run = ganctl.train(config, name="run", extra_weight=0.75)
    assert isinstance(run.config, Extended) and run.config.extra_weight == 0.75
    assert json.loads((run.folder / "config.json").read_text())["extra_weight"] == 0.75
    with pytest.raises(InvalidOption, match="extra_weight=3"):
        ganctl.train(config, extra_weight=3)
    # the docs
    assert json_schema(Extended)["properties"]["extra_weight"]["maximum"] == 2
    assert "| `--extra-weight` | 0.25 | a number, 0 to 2 |" in options_table(Extended)


def test_every_option_is_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(TrainConfig, "ganctl train --help")
        sys.exit(0)
    shown = capsys.readouterr().out
    for name in options(TrainConfig, RunOptions):
        assert f"--{name.replace('_', '-')} " in shown, name


def test_the_docs_have_the_options_and_the_schema() -> None:
    """``python scripts/write_options.py`` writes both."""
    page = (DOCS / "options.md").read_text(encoding="utf-8")
    assert page.endswith(options_table(TrainConfig, RunOptions))
    schema = json.loads((DOCS / "config.schema.json").read_text(encoding="utf-8"))
    assert schema == json_schema(TrainConfig)
