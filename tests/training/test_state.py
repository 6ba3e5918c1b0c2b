"""What a checkpoint holds of the training, and the generator that draws."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ganctl.config import TrainConfig
from ganctl.errors import BadInput
from ganctl.latents import seeded
from ganctl.models.networks import Generator
from ganctl.training.checkpoint import as_function
from ganctl.training.state import TrainState, new_state, recompute_statistics, under

from .helpers import CPU, assert_equal, at, checkpoint, new_session, trained


@pytest.fixture
def state(small_data: Path) -> TrainState:
    """A state that has taken five steps."""
    session = new_session(small_data, ema_every=1)
    assert not session.train(should_stop=at(session, 5))
    return session.state


def test_a_new_state_depends_on_the_configuration_alone() -> None:
    first, torch_state = new_state(TrainConfig(), CPU), torch.get_rng_state()
    torch.manual_seed(5)
    assert_equal(first.tensors(), new_state(TrainConfig(), CPU).tensors())
    other = new_state(TrainConfig(seed=1), CPU)
    assert not torch.equal(first.vectors["generator"], other.vectors["generator"])
    torch.set_rng_state(torch_state)
    assert new_state(TrainConfig(recipe="classic"), CPU).generator_ema is None


def test_a_state_is_restored_from_its_tensors(state: TrainState) -> None:
    state.rollbacks, state.best_distance = 2, 3.5
    tensors = state.tensors()
    other = new_state(TrainConfig(seed=9, ema_every=1), CPU)
    other.restore(tensors, 5)
    assert_equal(other.tensors(), tensors)
    assert (other.step, other.rollbacks, other.best_distance) == (5, 2, 3.5)
    for name, vector in other.vectors.items():
        assert torch.equal(vector, state.vectors[name])


def test_the_moments_are_named_per_parameter_as_torch_numbers_them(state: TrainState) -> None:
    tensors, parameters = state.tensors(), list(state.generator.parameters())
    moments = under("generator_adam", tensors)
    assert len(moments) == 3 * len(parameters)
    values = {
        index: {key: moments[f"{index}.{key}"] for key in ("step", "exp_avg", "exp_avg_sq")}
        for index in range(len(parameters))
    }
    adam = torch.optim.Adam(parameters)
    adam.load_state_dict({**adam.state_dict(), "state": values})
    assert adam.state[parameters[0]]["exp_avg"].shape == parameters[0].shape
    assert moments["3.step"] == 5


@pytest.mark.parametrize("damage", ["missing", "unknown", "shape", "moments"])
def test_tensors_that_do_not_fit_are_refused(damage: str, state: TrainState) -> None:
    tensors = state.tensors()
    if damage == "missing":
        del tensors["latent_rng"]
    elif damage == "unknown":
        tensors["generator.layers.99.weight"] = torch.zeros(1)
    elif damage == "shape":
        tensors["discriminator.layers.1.weight"] = torch.zeros(1)
    else:
        tensors["generator_adam.0.exp_avg"] = torch.zeros(1)
    with pytest.raises(BadInput, match="does not fit its own configuration"):
        new_state(TrainConfig(), CPU).restore(tensors, 5)


def test_the_random_state_of_another_device_is_seeded_anew(state: TrainState) -> None:
    """A checkpoint of a GPU has a shorter one."""
    drawn: list[Tensor] = []
    for step in (5, 5, 6):
        other = new_state(TrainConfig(), CPU)
        other.restore(state.tensors() | {"latent_rng": torch.zeros(16, dtype=torch.uint8)}, step)
        drawn.append(torch.randn(3, generator=other.latent_rng))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_the_average_is_saved_with_batchnorm_statistics_of_its_own(small_data: Path) -> None:
    saved = checkpoint(trained(small_data, epochs=1, ema_every=1))
    average = under("generator_ema", saved.tensors)
    generator = Generator(saved.config)
    generator.load_state_dict(average)
    recompute_statistics(generator)
    assert_equal(generator.state_dict(), average)
    live = under("generator", saved.tensors)
    for name in [name for name in live if name.endswith("running_mean")]:
        assert not torch.equal(average[name], live[name])


@pytest.mark.parametrize("recipe", ["default", "classic"])
def test_a_preview_is_nearly_what_is_drawn_and_changes_nothing(
    recipe: str, small_data: Path
) -> None:
    session = new_session(small_data, recipe=recipe)
    assert not session.train(should_stop=at(session, 9))
    before, latents = copy.deepcopy(session.state.tensors()), seeded(0, 100)(0, 64)[0]
    preview = as_function(session.state.preview_generator())(latents, None)
    assert_equal(session.state.tensors(), before)
    drawn = as_function(session.state.drawing_generator())(latents, None)
    difference = np.abs(preview - drawn).mean()
    assert 0 < difference < 0.1 if recipe == "default" else difference == 0


def test_the_generator_that_draws_is_the_average_if_there_is_one(state: TrainState) -> None:
    assert state.drawing_generator() is state.generator_ema
    names = {name.partition(".")[0] for name in state.drawing_tensors()}
    assert names == {"generator_ema"}
    classic = new_state(TrainConfig(recipe="classic"), CPU)
    drawing = classic.drawing_generator()
    assert drawing is not classic.generator and not drawing.training
    assert {name.partition(".")[0] for name in classic.drawing_tensors()} == {"generator"}
