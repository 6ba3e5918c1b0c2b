"""The gate of ``ganctl export``, proven by breaking what goes through it, one way a case."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from ganctl.export import onnx as export
from ganctl.export.fidelity import round_images
from ganctl.export.quantize import store_weights
from ganctl.model_card import Card
from ganctl.models.networks import Generator
from ganctl.training import generate

from ..conftest import Ganctl, Outcome

CENTRE = 14 * 28 + 14
"""The pixel in the middle of an image."""

Edit = Callable[[onnx.ModelProto], None]
Spoil = Callable[[Generator], None]


@pytest.fixture
def plain(trained: Path, workplace: Path) -> onnx.ModelProto:
    """What torch's exporter makes of a run, unharmed; beside it lies a file that is to stay."""
    Path("old.onnx").write_bytes(b"old")
    return onnx.load(trained / "small.onnx")


@pytest.fixture
def with_classes(
    conditional: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> onnx.ModelProto:
    """The same of a conditional run."""
    shutil.copytree(conditional, tmp_path / "conditional")
    monkeypatch.chdir(tmp_path / "conditional")
    Path("old.onnx").write_bytes(b"old")
    return onnx.load(conditional / "asked.onnx")


def export_edited(
    model: onnx.ModelProto, edit: Edit, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Outcome]:
    """Return the command with ``model``, edited, in place of what torch's exporter would make."""
    edit(model)
    made: bytes = model.SerializeToString()
    monkeypatch.setattr(export, "to_onnx", lambda *_: onnx.load_model_from_string(made))
    return lambda *arguments: ganctl("export", *arguments)


def assert_refused(command: Callable[..., Outcome], reason: str) -> None:
    """Say that nothing is written, neither where there is no file nor over one, and why."""
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    for out in ("new.onnx", "old.onnx"):
        outcome = command(out)
        assert (outcome.code, outcome.out) == (5, "")
        assert reason in outcome.err and "hint: " in outcome.err
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


def weight_of(model: onnx.ModelProto, name: str) -> tuple[onnx.TensorProto, NDArray[np.float32]]:
    (tensor,) = (each for each in model.graph.initializer if each.name == name)
    return tensor, numpy_helper.to_array(tensor).copy()


def node_of(model: onnx.ModelProto, operator: str, number: int = 0) -> onnx.NodeProto:
    nodes: list[onnx.NodeProto] = [each for each in model.graph.node if each.op_type == operator]
    return nodes[number]


def insert_before(model: onnx.ModelProto, node: onnx.NodeProto, *new: onnx.NodeProto) -> None:
    """Put nodes, which make "new" of "old", between ``node`` and what it reads."""
    place = list(model.graph.node).index(node)
    for each in new:
        each.input[:] = [node.input[0] if name == "old" else name for name in each.input]
    node.input[0] = "new"
    for each in reversed(new):
        model.graph.node.insert(place, each)


def add_constant(model: onnx.ModelProto, name: str, value: NDArray[np.generic]) -> None:
    model.graph.initializer.append(numpy_helper.from_array(value, name))


def normalise_by_the_batch(model: onnx.ModelProto) -> None:
    add_constant(model, "over_batch", np.array([0]))
    add_constant(model, "epsilon", np.array(1e-5, np.float32))
    insert_before(
        model,
        node_of(model, "LeakyRelu", 1),
        helper.make_node("ReduceMean", ["old", "over_batch"], ["mean"]),
        helper.make_node("Sub", ["old", "mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "centred"], ["squares"]),
        helper.make_node("ReduceMean", ["squares", "over_batch"], ["variance"]),
        helper.make_node("Add", ["variance", "epsilon"], ["positive"]),
        helper.make_node("Sqrt", ["positive"], ["deviation"]),
        helper.make_node("Div", ["centred", "deviation"], ["new"]),
    )


def look_at_the_neighbours(model: onnx.ModelProto) -> None:
    """Add a ten-thousandth of the batch's mean, a fortieth of a grey level at most."""
    add_constant(model, "over_batch", np.array([0]))
    add_constant(model, "little", np.array(1e-4, np.float32))
    insert_before(
        model,
        node_of(model, "Reshape"),
        helper.make_node("ReduceMean", ["old", "over_batch"], ["mean"]),
        helper.make_node("Mul", ["mean", "little"], ["some"]),
        helper.make_node("Add", ["old", "some"], ["new"]),
    )


def perturb_one_weight(model: onnx.ModelProto) -> None:
    """Of 803 thousand in the last layer."""
    tensor, weight = weight_of(model, "layers.8.weight")
    weight[CENTRE, 0] += 1e-2
    tensor.CopyFrom(numpy_helper.from_array(weight, tensor.name))


def lose_a_weight(model: onnx.ModelProto) -> None:
    tensor, weight = weight_of(model, "layers.4.weight")
    weight[0, 0] = np.nan
    tensor.CopyFrom(numpy_helper.from_array(weight, tensor.name))


def change_one_slope(model: onnx.ModelProto) -> None:
    (slope,) = node_of(model, "LeakyRelu", 2).attribute
    slope.f = 0.19


def take_another_activation(model: onnx.ModelProto) -> None:
    node_of(model, "Tanh").op_type = "Erf"  # as odd, as steep and as bounded: the nearest there is


def swap_two_classes(model: onnx.ModelProto) -> None:
    tensor, weight = weight_of(model, "layers.0.weight")
    weight[:, [103, 108]] = weight[:, [108, 103]]  # 3 and 8 behind z of 100
    tensor.CopyFrom(numpy_helper.from_array(weight, tensor.name))


def declare_a_batch_of_one(model: onnx.ModelProto) -> None:
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1


def shape_a_batch_of_one(model: onnx.ModelProto) -> None:
    """Behind inputs and outputs that still promise any."""
    add_constant(model, "of_one", np.array([1, 1, 28, 28]))
    node_of(model, "Reshape").input[1] = "of_one"


def nothing(model: onnx.ModelProto) -> None:
    """Break nothing."""


def test_what_is_not_broken_passes(
    plain: onnx.ModelProto, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the cases below are refused for what they break, not for how they are brought in."""
    outcome = export_edited(plain, nothing, ganctl, monkeypatch)("new.onnx")
    assert outcome.code == 0
    assert Path("new.onnx").read_bytes() == Path("small.onnx").read_bytes()


DIFFERS = "onnxruntime's images differ from torch's"


INT8 = ("--precision", "int8")


@pytest.mark.parametrize(
    ("edit", "reason", "options"),
    [
        (normalise_by_the_batch, DIFFERS, ()),
        (look_at_the_neighbours, DIFFERS, INT8),
        (perturb_one_weight, DIFFERS, ()),
        (perturb_one_weight, DIFFERS, INT8),
        (lose_a_weight, "values that are not finite", ()),
        (change_one_slope, DIFFERS, INT8),
        (take_another_activation, DIFFERS, ()),
        (declare_a_batch_of_one, "its batch is 1", ()),
        (shape_a_batch_of_one, "its graph is made for one image", ()),
    ],
)
def test_a_broken_graph_is_refused(
    edit: Edit,
    reason: str,
    options: tuple[str, ...],
    plain: onnx.ModelProto,
    ganctl: Ganctl,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever is made of it: the limits of rounded weights, which are wide, do not let it pass."""
    command = export_edited(plain, edit, ganctl, monkeypatch)
    assert_refused(lambda out: command(*options, out), reason)


def test_swapped_classes_are_refused(
    with_classes: onnx.ModelProto, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert export_edited(with_classes, nothing, ganctl, monkeypatch)("passes.onnx").code == 0
    assert_refused(export_edited(with_classes, swap_two_classes, ganctl, monkeypatch), DIFFERS)


def leave_in_train_mode(generator: Generator) -> None:
    generator.layers[3].train()


def lose_a_weight_in_training(generator: Generator) -> None:
    with torch.no_grad():
        next(generator.parameters())[0, 0] = float("nan")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (leave_in_train_mode, "the generator is in train mode"),
        (lose_a_weight_in_training, "values that are not finite"),
    ],
)
def test_a_broken_network_is_refused(
    spoil: Spoil,
    reason: str,
    plain: onnx.ModelProto,
    ganctl: Ganctl,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load = generate.load_generator

    def load_spoilt(path: Path) -> tuple[Generator, Card]:
        generator, card = load(path)
        spoil(generator)
        return generator, card

    monkeypatch.setattr(generate, "load_generator", load_spoilt)
    assert_refused(lambda out: ganctl("export", out), reason)


def test_weights_that_are_stored_wrongly_are_refused(
    plain: onnx.ModelProto, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrongly(model: onnx.ModelProto, precision: str) -> onnx.ModelProto:
        stored = store_weights(model, precision)
        tensor, rows = weight_of(stored, "layers.4.weight.rows")
        tensor.CopyFrom(numpy_helper.from_array(np.roll(rows, 1, axis=0), tensor.name))
        return stored

    monkeypatch.setattr(export, "store_weights", wrongly)
    command = export_edited(plain, nothing, ganctl, monkeypatch)
    assert_refused(lambda out: command("--precision", "int8", out), DIFFERS)


def cut_instead_of_rounding(model: onnx.ModelProto) -> None:
    node_of(model, "Round").op_type = "Floor"


def double_the_batch(model: onnx.ModelProto) -> None:
    (axis,) = node_of(model, "Concat").attribute
    axis.i = 0


@pytest.mark.parametrize(
    ("edit", "reason"),
    [(cut_instead_of_rounding, DIFFERS), (double_the_batch, "says a wrong shape of 'images'")],
)
def test_images_that_are_rounded_wrongly_are_refused(
    edit: Edit,
    reason: str,
    plain: onnx.ModelProto,
    ganctl: Ganctl,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wrongly(model: onnx.ModelProto) -> onnx.ModelProto:
        rounded = round_images(model)
        edit(rounded)
        return rounded

    monkeypatch.setattr(export, "round_images", wrongly)
    command = export_edited(plain, nothing, ganctl, monkeypatch)
    assert_refused(lambda out: command("--for", "torch-fidelity", out), reason)


def test_a_file_that_onnx_does_not_accept_is_refused(
    plain: onnx.ModelProto, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though onnxruntime draws from it what torch draws."""

    def lose_its_name(model: onnx.ModelProto) -> None:
        model.graph.ClearField("name")

    command = export_edited(plain, lose_its_name, ganctl, monkeypatch)
    assert_refused(command, "onnx refuses the new file")


def test_a_card_that_does_not_read_back_is_refused(
    plain: onnx.ModelProto, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = export._encode

    def forge(model: onnx.ModelProto, card: Card, self_test: str | None = None) -> bytes:
        return encode(model, dataclasses.replace(card, steps=card.steps + 1), self_test)

    monkeypatch.setattr(export, "_encode", forge)
    command = export_edited(plain, nothing, ganctl, monkeypatch)
    assert_refused(command, "model card does not read back")
