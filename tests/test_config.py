from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganctl.config import ModelConfig, TrainConfig, flat, from_dict, to_dict, train_config
from ganctl.errors import BadInput
from ganctl.options import Options


def test_the_recipes_are_what_the_design_says() -> None:
    classic, default = train_config(recipe="classic"), train_config()
    assert (classic.model.bn_eps, classic.model.bn_momentum) == (0.8, 0.1)
    assert (classic.ema_decay, classic.r1_weight) == (0, 0)
    assert (default.model.bn_eps, default.model.bn_momentum) == (1e-5, 0.8)
    assert (default.ema_decay, default.r1_weight) == (0.9999, 0.1)
    assert (classic.lr, default.lr) == (2e-4, 8e-4)
    assert (classic.decay_after, default.decay_after) == (0, 62_500)
    assert (classic.decay_floor, default.decay_floor) == (0, 0.45)
    conv = train_config(arch="conv")
    assert conv.decay_floor == 0
    assert (conv.lr, conv.decay_after, conv.ema_decay) == (5e-4, 14_000, 0.9995)
    for config in (classic, default):
        assert (config.b1, config.b2, config.batch_size) == (0.5, 0.999, 64)
        assert config.model.latent_dim == 100
        assert config.model.image_shape == (1, 28, 28)


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
def test_a_configuration_survives_json(
    recipe: str, latent_dim: int, img_size: int, channels: int, **training: Any
) -> None:
    config = train_config(
        recipe=recipe, latent_dim=latent_dim, img_size=img_size, channels=channels, **training
    )
    assert from_dict(TrainConfig, json.loads(json.dumps(to_dict(config)))) == config


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", 10**30),
        ("batch_size", 1),
        ("batch_size", 10**30),
        ("lr", 0.0),
        ("lr", -1.0),
        ("lr", float("nan")),
        ("lr", float("inf")),
        ("b1", 1.0),
        ("b1", -0.1),
        ("b1", float("nan")),
        ("b2", 1.0),
        ("seed", -1),
        ("objective", "hing"),
        ("seed", 2**32),
        ("sample_every", -1),
    ],
)
def test_a_value_out_of_range_is_named(name: str, value: Any) -> None:
    with pytest.raises(BadInput, match=f"{name}="):
        train_config(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("latent_dim", 0), ("img_size", 3), ("img_size", 513), ("channels", 2), ("arch", "mpl")],
)
def test_a_shape_out_of_range_is_named(name: str, value: Any) -> None:
    with pytest.raises(BadInput, match=f"{name}="):
        ModelConfig(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 1.5),
        ("epochs", True),
        ("lr", "fast"),
        ("conditional", "no"),
        ("data", 5),
        ("model", {"arch": "conv"}),
    ],
)
def test_a_value_of_another_type_is_refused_by_the_configuration_itself(
    name: str, value: Any
) -> None:
    with pytest.raises(BadInput, match=f"{name}=.* cannot be used"):
        replace(train_config(), **{name: value})


def test_what_numpy_and_paths_give_is_made_plain() -> None:
    plain = train_config(data="shapes", epochs=1, lr=0.5, conditional=True, img_size=32)
    given: dict[str, Any] = {
        "data": Path("shapes"),
        "epochs": np.int64(1),
        "lr": np.float32(0.5),
        "conditional": np.bool_(True),
    }
    for config in (train_config(**given, img_size=np.uint8(32)), replace(plain, **given)):  # type: ignore[arg-type]
        assert json.dumps(to_dict(config)) == json.dumps(to_dict(plain)) and config == plain


def test_no_configuration_is_made_without_what_a_recipe_settles() -> None:
    with pytest.raises(TypeError, match="'lr', 'decay_after', 'decay_floor', 'ema_decay'"):
        TrainConfig(model=ModelConfig(), recipe="classic", data="digits")  # type: ignore[call-arg]


def test_an_option_that_is_not_there_is_refused_with_its_neighbour() -> None:
    with pytest.raises(TypeError, match=r"train_config\(\) got .*'epoch': did you mean 'epochs'\?"):
        train_config(epoch=5)  # type: ignore[call-arg]


def test_the_options_are_all_that_can_be_chosen() -> None:
    assert Options.__annotations__.keys() == flat(train_config()).keys() - {"classes"}


def test_a_flat_configuration_has_every_field_once() -> None:
    nested = to_dict(train_config(img_size=16, epochs=3))
    model = nested.pop("model")
    values = flat(train_config(img_size=16, epochs=3))
    assert (values["img_size"], values["epochs"]) == (16, 3)
    assert list(values.items()) == [*model.items(), *nested.items()]


def test_an_unknown_recipe_is_refused() -> None:
    with pytest.raises(BadInput, match="'clasic'"):
        train_config(recipe="clasic")


@pytest.mark.parametrize(
    "change", [{"lr": "fast"}, {"epochs": 1.5}, {"epochs": True}, {"model": 3}, {"novel": 1}]
)
def test_a_dictionary_that_fits_no_configuration_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        from_dict(TrainConfig, to_dict(train_config()) | change)


def test_a_value_out_of_range_in_a_file_is_no_usage_error() -> None:
    with pytest.raises(BadInput, match="lr") as caught:
        from_dict(TrainConfig, to_dict(train_config()) | {"lr": -1.0})
    assert caught.value.exit_code == 3


def test_a_missing_field_is_named() -> None:
    values = to_dict(train_config())
    del values["seed"]
    with pytest.raises(BadInput, match="seed"):
        from_dict(TrainConfig, values)


def test_a_configuration_from_before_a_field_was_added_says_what_it_meant() -> None:
    older = to_dict(train_config(precision="fp32"))
    del older["precision"]
    assert from_dict(TrainConfig, older) == train_config(precision="fp32")
