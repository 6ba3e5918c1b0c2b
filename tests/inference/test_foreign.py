"""Generators that ganctl did not make."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from ganctl.errors import BadInput
from ganctl.images import to_uint8
from ganctl.inference.generator import OnnxGenerator, parse_onnx
from ganctl.inference.signature import Told
from ganctl.latents import latents

from ..conftest import Ganctl
from . import generators

Z = latents(0, 0, 7, 5)


def load(model: ModelProto, told: Told | None = None, batch_size: int = 64) -> OnnxGenerator:
    return parse_onnx(
        model.SerializeToString(), "x", threads=1, batch_size=batch_size, told=told or Told()
    )


def plain(model: ModelProto, **fed: NDArray[np.float32]) -> NDArray[Any]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    drawn: NDArray[Any] = session.run(None, fed)[0]
    return drawn


@pytest.mark.parametrize("shape", [("n", 5), ("n", 5, 1, 1), (None, 5)])
def test_latents_are_a_row_or_a_column_of_one_pixel(shape: tuple[str | int | None, ...]) -> None:
    model = generators.linear(latent_shape=shape)
    generator = load(model)
    assert (generator.latent_dim, generator.image_shape, generator.card) == (5, (1, 4, 6), None)
    fed = Z.reshape(7, 5, 1, 1) if len(shape) == 4 else Z
    assert np.array_equal(generator(Z), plain(model, z=fed))
    assert generator.guesses == (
        "'z' taken to be the latents",
        "its last layer is Tanh: values taken to be in [-1, 1]",
    )


def test_values_from_0_to_1_are_stretched() -> None:
    model = generators.linear("Sigmoid")
    generator = load(model)
    assert np.allclose(generator(Z), plain(model, z=Z) * 2 - 1)
    assert generator.guesses[-1] == "its last layer is Sigmoid: values taken to be in [0, 1]"


def test_a_range_that_the_graph_does_not_say_is_asked_for() -> None:
    model = generators.linear("Identity")
    with pytest.raises(BadInput, match="x does not say what its images' values are") as caught:
        load(model)
    assert "--value-range -1,1" in caught.value.hint
    drawn = plain(model, z=Z)
    for value_range, expected in (("-1,1", drawn), ("0,1", drawn * 2 - 1)):
        generator = load(model, Told(value_range=value_range))
        assert np.allclose(generator(Z), expected)


@pytest.mark.parametrize(("low", "high", "spelt"), [(-1, 1, "[-1, 1]"), (0, 1, "[0, 1]")])
def test_a_clip_says_the_range(low: float, high: float, spelt: str) -> None:
    model = generators.linear("Clip")
    model.graph.node[2].input.extend(["low", "high"])
    for name, value in (("low", low), ("high", high)):
        model.graph.initializer.append(helper.make_tensor(name, TensorProto.FLOAT, [], [value]))
    assert load(model).guesses[-1].endswith(spelt)


def test_channels_may_come_last() -> None:
    model = generators.linear(image=(4, 6, 3))
    generator = load(model)
    assert generator.image_shape == (3, 4, 6)
    assert np.array_equal(generator(Z), plain(model, z=Z).transpose(0, 3, 1, 2))
    assert "channels taken to be last" in generator.guesses


def test_a_layout_that_could_be_either_is_asked_for() -> None:
    model = generators.linear(image=(3, 6, 1))
    with pytest.raises(BadInput, match="its channels could be first or last") as caught:
        load(model)
    assert "--layout nchw" in caught.value.hint
    assert load(model, Told(layout="nchw")).image_shape == (3, 6, 1)
    assert load(model, Told(layout="nhwc")).image_shape == (1, 3, 6)
    with pytest.raises(BadInput, match="which is not NHWC"):
        load(generators.linear(), Told(layout="nhwc"))


def test_grey_levels_stay_as_they_are() -> None:
    model = generators.grey_levels()
    generator = load(model)
    assert np.array_equal(to_uint8(generator(Z)), plain(model, z=Z).transpose(0, 3, 1, 2))


@pytest.mark.parametrize("batch", [1, 3])
def test_a_fixed_batch_is_drawn_in_turns(batch: int) -> None:
    fixed = load(generators.linear(batch=batch))
    assert np.array_equal(fixed(Z), load(generators.linear())(Z))


@pytest.mark.parametrize("shape", [(1, 1, 4, 6), (1, -1, 4, 6)])
def test_a_graph_that_is_made_for_one_image_draws_one_at_a_time(shape: tuple[int, ...]) -> None:
    model = generators.linear()
    (sizes,) = (t for t in model.graph.initializer if t.name == "shape")
    sizes.CopyFrom(numpy_helper.from_array(np.array(shape), "shape"))
    model.graph.output[0].type.tensor_type.ClearField("shape")
    alone = load(model)
    assert "its graph is made for one image: drawn one at a time" in alone.guesses
    assert alone.fixed_batch == 1
    assert np.allclose(alone(Z), load(generators.linear())(Z), atol=1e-6)


def test_grey_levels_have_no_other_range() -> None:
    with pytest.raises(BadInput, match="draws grey levels, 0 to 255"):
        load(generators.grey_levels(), Told(value_range="0,1"))


def test_a_graph_that_says_no_shape_of_its_latents_is_asked_for_it() -> None:
    model = generators.linear()
    model.graph.input[0].type.tensor_type.ClearField("shape")
    with pytest.raises(BadInput, match="does not say how many values"):
        load(model)
    assert np.array_equal(load(model, Told(latent_dim=5))(Z), load(generators.linear())(Z))
    with pytest.raises(BadInput, match="sizes do not go together") as caught:
        load(model, Told(latent_dim=6))
    assert caught.value.hint.startswith("is --latent-dim 6 right?")


def test_inputs_of_one_width_are_told_apart_by_their_names() -> None:
    model = generators.linear()
    model.graph.input.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, ("n", 5)))
    with pytest.raises(BadInput, match="several inputs that could be its latents"):
        load(model)
    with pytest.raises(BadInput, match="several inputs of 5 values") as caught:
        load(model, Told(latent_dim=5))
    assert "a name with 'label'" in caught.value.hint
    model.graph.input[1].name = "label"
    assert load(model).latent_dim == 5


def test_one_hot_classes_may_be_a_column_of_one_pixel() -> None:
    model = generators.linear()
    column = helper.make_tensor_value_info("class_id", TensorProto.FLOAT, ("n", 3, 1, 1))
    model.graph.input.append(column)
    generator = load(model)
    assert generator.class_names == ("0", "1", "2")
    drawn = generator(Z, np.zeros(len(Z), np.int64))
    assert np.array_equal(drawn, load(generators.linear())(Z))


def test_grey_levels_may_be_floats() -> None:
    model = generators.linear("Identity")
    levels = load(model, Told(value_range="0,255"))
    assert np.allclose(levels(Z), load(model, Told(value_range="0,1"))(Z) / 255 - 254 / 255)


def test_a_size_that_is_open_is_asked_for() -> None:
    model = generators.linear(latent_shape=("n", "dim"))
    with pytest.raises(BadInput, match="does not say how many values") as caught:
        load(model)
    assert "--latent-dim" in caught.value.hint
    assert np.array_equal(load(model, Told(latent_dim=5))(Z), load(generators.linear())(Z))
    with pytest.raises(BadInput, match="takes latents of 5 values, not 6"):
        load(generators.linear(), Told(latent_dim=6))


def test_axes_that_are_all_open_are_asked_for() -> None:
    model = generators.linear(latent_shape=("n", "z", "a", "b"))
    with pytest.raises(BadInput, match="does not say how many values"):
        load(model)
    assert np.array_equal(load(model, Told(latent_dim=5))(Z), load(generators.linear())(Z))


def test_one_hot_classes_are_said_aloud_by_whatever_name() -> None:
    generator = load(generators.asked("one-hot", labels="labels"))
    assert "'labels' taken to be the classes, one-hot" in generator.guesses


@pytest.mark.parametrize("kind", ["int64", "int32", "column", "one-hot"])
def test_classes_may_be_asked_for(kind: str) -> None:
    generator = load(generators.asked(kind))
    assert generator.class_names == ("0", "1", "2", "3")
    assert generator.class_shares == (0.25,) * 4
    labels = np.array([3, 1, 0, 2, 3, 3, 1])
    expected = plain(generators.linear(), z=Z + generators.random(4, 5)[labels])
    assert np.allclose(generator(Z, labels), expected, atol=1e-6)
    said = "'class_id' taken to be the classes" + (", one-hot" if kind == "one-hot" else "")
    assert said in generator.guesses
    with pytest.raises(BadInput, match="x must be told the class"):
        generator(Z)


def test_a_number_of_classes_that_nothing_says_is_guessed_aloud() -> None:
    generator = load(generators.asked("bare"))
    assert len(generator.class_names) == 10
    assert "it does not say how many classes it has: taken to be 10" in generator.guesses


def test_two_inputs_that_could_be_latents_are_told_apart_by_name_or_size() -> None:
    assert load(generators.asked("one-hot", labels="c_label")).latent_dim == 5
    model = generators.asked("one-hot", labels="c")
    with pytest.raises(BadInput, match="several inputs that could be its latents") as caught:
        load(model)
    assert "--latent-dim" in caught.value.hint
    assert load(model, Told(latent_dim=5)).class_names == ("0", "1", "2", "3")


@pytest.mark.parametrize("batch", ["batch", 1])
def test_the_dcgan_tutorials_generator_draws(batch: str | int) -> None:
    model = generators.dcgan(batch)
    generator = load(model)
    assert (generator.latent_dim, generator.image_shape) == (100, (3, 64, 64))
    z = latents(3, 0, 2, 100)
    expected = [plain(model, input=row.reshape(1, 100, 1, 1)) for row in z]
    assert np.allclose(generator(z), np.concatenate(expected), atol=1e-5)


@pytest.mark.parametrize(
    "model",
    [
        generators.linear(latent_shape=("n", 5, 2)),  # latents of rank 3
        generators.linear(image=(2, 4, 6)),  # two channels
        generators.linear(output_type=TensorProto.INT64),
    ],
)
def test_what_is_no_generator_is_told_what_one_is(model: ModelProto) -> None:
    with pytest.raises(BadInput) as caught:
        load(model)
    assert "\n" not in caught.value.message


def test_infer_draws_from_one_and_says_what_it_guessed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ganctl: Ganctl
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dcgan.onnx").write_bytes(generators.dcgan().SerializeToString())
    outcome = ganctl("infer", "dcgan.onnx", "-n", 3, "out.npy")
    assert (outcome.code, outcome.out) == (0, "wrote out.npy: 3 images of seed 0\n")
    assert outcome.err.splitlines() == [
        "note: dcgan.onnx: 'input' taken to be the latents",
        "note: dcgan.onnx: its last layer is Tanh: values taken to be in [-1, 1]",
    ]
    assert np.load("out.npy").shape == (3, 3, 64, 64)


def test_infer_takes_what_the_file_does_not_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ganctl: Ganctl
) -> None:
    monkeypatch.chdir(tmp_path)
    model = generators.linear("Identity", latent_shape=("n", "dim"), image=(3, 6, 1))
    Path("vague.onnx").write_bytes(model.SerializeToString())
    told = ["--latent-dim", 5, "--value-range", "0,1", "--layout", "nhwc"]
    for missing in range(0, 6, 2):
        outcome = ganctl("infer", "vague.onnx", *told[:missing], *told[missing + 2 :])
        assert outcome.code == 3 and str(told[missing]) in outcome.err
    assert ganctl("infer", "vague.onnx", "-n", 2, "out.npy", *told).code == 0
    assert np.load("out.npy").shape == (2, 1, 3, 6)


@pytest.mark.parametrize(("last", "said"), [("Identity", True), ("Sigmoid", False)])
def test_infer_says_what_it_cut_off(
    last: str, said: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ganctl: Ganctl
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wild.onnx").write_bytes(generators.linear(last).SerializeToString())
    outcome = ganctl("infer", "wild.onnx", "--value-range", "0,1")
    assert outcome.code == 0
    share = re.search(r"([\d.]+)% of the values lay outside the range taken", outcome.err)
    assert bool(share) == said and (not share or 40 < float(share[1]) < 70)


def test_infer_draws_the_class_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ganctl: Ganctl
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("asked.onnx").write_bytes(generators.asked("int64").SerializeToString())
    assert ganctl("infer", "asked.onnx", "-n", 3, "--digit", "0-3", "out.npy").code == 0
    assert np.load("out.npy").shape == (12, 1, 4, 6)
    assert "has no class 4" in ganctl("infer", "asked.onnx", "--digit", 4).err
