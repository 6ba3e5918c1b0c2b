"""Files that mean harm, or are broken: each ends in a result or in one line, and costs little."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper

from ganctl.errors import BadInput, GanctlError, OutOfResources
from ganctl.inference.checksum import CHECKSUM_KEY
from ganctl.inference.generator import load_onnx, parse_onnx
from ganctl.inference.onnx_file import parse_model
from ganctl.inference.reading import read_model
from ganctl.inference.session import Limits, run
from ganctl.inference.sizes import measure

from ..conftest import Ganctl
from . import generators

PLAIN = generators.linear().SerializeToString()


def unsealed(path: Path) -> bytes:
    """Return an export as if another tool had made it: no digest stands before its checks."""
    model = onnx.load(path)
    kept = {entry.key: entry.value for entry in model.metadata_props if entry.key != CHECKSUM_KEY}
    helper.set_model_props(model, {key.replace("ganctl", "other"): kept[key] for key in kept})
    model.producer_name = "another tool"
    data: bytes = model.SerializeToString()
    return data


@pytest.mark.parametrize("where", ["../secret", "{folder}/secret", "link", "hard"])
def test_no_other_file_is_read(where: str, tmp_path: Path) -> None:
    """The file beside it holds exactly what the weights should be: onnxruntime would take it."""
    model = generators.linear()
    weights = model.graph.initializer[0]
    secret = tmp_path / "secret"
    secret.write_bytes(weights.raw_data)
    folder = tmp_path / "inner"
    folder.mkdir()
    (folder / "link").symlink_to(secret)
    os.link(secret, folder / "hard")
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=where.format(folder=tmp_path))
    path = folder / "it.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(BadInput, match="stores its weights in another file"):
        load_onnx(path)
    with pytest.raises(BadInput, match="stores its weights in another file"):
        load_onnx(path, limits=Limits(any_op=True))


def test_a_file_cut_short_anywhere_is_refused(conditional: Path) -> None:
    for data in (PLAIN, (conditional / "asked.onnx").read_bytes()):
        for length in [*range(0, len(data), 251), *range(64), *range(len(data) - 64, len(data))]:
            with pytest.raises(GanctlError):
                parse_onnx(data[:length], "x", threads=1)


def test_any_flipped_bit_of_an_export_is_found(conditional: Path) -> None:
    data = (conditional / "asked.onnx").read_bytes()
    rng = np.random.default_rng(0)
    for place in [*range(40), *rng.integers(0, len(data), 200).tolist()]:
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(rng.integers(8))
        with pytest.raises(GanctlError):
            parse_onnx(bytes(flipped), "x", threads=1)


@pytest.mark.parametrize("kind", ["small", "sealed", "unsealed"])
def test_thousands_of_mutations_end_well(kind: str, conditional: Path, tmp_path: Path) -> None:
    export = conditional / "asked.onnx"
    file = tmp_path / "it.onnx"
    if kind == "small":
        file.write_bytes(PLAIN)
    else:
        file.write_bytes(export.read_bytes() if kind == "sealed" else unsealed(export))
    ended = subprocess.run(
        [sys.executable, "-m", "tests.inference.mutate", file, "1000", "0"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    ends = json.loads(ended.stdout)
    assert sum(ends.values()) == 1000
    assert ("drawn" in ends) is (kind != "sealed")  # a seal lets nothing pass


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "it is empty"),
        (b"<!DOCTYPE html><html>Not found</html>", "it is a web page"),
        (b"PK\3\4" + bytes(60), "it is a zip archive"),
    ],
)
def test_another_kind_of_file_is_called_by_its_name(
    data: bytes, what: str, tmp_path: Path, ganctl: Ganctl
) -> None:
    path = tmp_path / "it.onnx"
    path.write_bytes(data)
    outcome = ganctl("infer", path, tmp_path / "out.png")
    assert (outcome.code, outcome.err.count("\n")) == (3, 2)
    assert what in outcome.err and not (tmp_path / "out.png").exists()


def test_an_opset_of_the_future_is_refused() -> None:
    model = generators.linear()
    model.opset_import[0].version = 99
    with pytest.raises(BadInput, match="ONNX Runtime only .* Opset 99 is under development"):
        parse_onnx(model.SerializeToString(), "x")


def test_bytes_of_onnxruntimes_own_format_are_not_taken_for_one() -> None:
    """It is told by four letters at the fifth byte, where nothing here looks."""
    disguised = b"\x1a\x08" + b"xxORTMxx" + PLAIN  # a field "domain" before the model's own
    generator = parse_onnx(disguised, "x")
    assert generator.image_shape == (1, 4, 6)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_only_a_regular_file_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.onnx")
    for path in (tmp_path / "fifo.onnx", tmp_path, Path("/dev/zero")):
        with pytest.raises(BadInput, match="is not a file"):
            read_model(path, 1)


def test_a_file_larger_than_the_cap_is_not_read(tmp_path: Path, ganctl: Ganctl) -> None:
    path = tmp_path / "large.onnx"
    with open(path, "wb") as file:
        file.truncate(3_000_000)
    outcome = ganctl("infer", path, "--max-model-mb", 2)
    assert outcome.code == 6 and "has 3 MB, more than 2" in outcome.err


def bomb(side: int = 20_000) -> ModelProto:
    """Return a few bytes that make side × side floats when they are loaded."""
    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [side, side])
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["ones"]),
        helper.make_node("ReduceSum", ["ones"], ["sum"]),
        helper.make_node("Tanh", ["z"], ["t"]),
        helper.make_node("Add", ["t", "sum"], ["u"]),
        helper.make_node("Unsqueeze", ["u", "axes"], ["image"]),
    ]
    model = generators.made(
        nodes,
        {"z": (TensorProto.FLOAT, ["n", 1])},
        {"image": (TensorProto.FLOAT, ["n", 1, 1, 1])},
        {"axes": np.array([2, 3])},
    )
    model.graph.initializer.append(shape)
    return model


def test_a_bomb_is_not_loaded(tmp_path: Path, ganctl: Ganctl) -> None:
    path = tmp_path / "bomb.onnx"
    path.write_bytes(bomb().SerializeToString())
    outcome = ganctl("infer", path)
    assert (outcome.code, "needs 1601 MB" in outcome.err) == (6, True)


def test_a_flag_of_two_is_read_as_nobody_knows() -> None:
    """onnxruntime keeps dimensions for 1 alone: a size that hangs on it could be any."""
    model = bomb()
    model.graph.node[1].attribute.append(helper.make_attribute("keepdims", 2))
    with pytest.raises(BadInput, match="keepdims is neither 0 nor 1"):
        parse_onnx(model.SerializeToString(), "x")


def test_an_attribute_holds_what_its_type_says_and_nothing_else(tmp_path: Path) -> None:
    """A graph beside a tensor kept the tensor's external data from being seen."""
    model = generators.linear()
    weights = model.graph.initializer[0]
    constant = helper.make_node("Constant", [], [weights.name], value=weights)
    tensor = constant.attribute[0].t
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret")
    constant.attribute[0].g.SetInParent()
    model.graph.initializer.remove(weights)
    model.graph.node.insert(0, constant)
    for any_op in (False, True):
        with pytest.raises(BadInput, match="of a type that no generator needs"):
            parse_onnx(model.SerializeToString(), "x", limits=Limits(any_op=any_op))


def test_classes_without_number_are_not_counted_up() -> None:
    model = generators.asked("int64")
    table = next(each for each in model.graph.initializer if each.name == "table")
    table.CopyFrom(helper.make_tensor("table", TensorProto.FLOAT, [10**9, 0], []))
    with pytest.raises(BadInput, match="1,000,000,000 classes"):
        parse_onnx(model.SerializeToString(), "x")


@pytest.mark.parametrize("op", ["Gather", "OneHot", "Identity"])
def test_a_node_without_its_inputs_is_refused(op: str) -> None:
    model = generators.asked("int64")
    node = model.graph.node[0]
    node.op_type = op
    del node.input[:]
    node.input.extend(["table"] if op == "Gather" else [])
    with pytest.raises(BadInput):
        parse_onnx(model.SerializeToString(), "x")


@pytest.mark.parametrize("op", ["Max", "Split"])
def test_many_of_small_things_are_looked_at_in_a_moment(op: str) -> None:
    model = generators.linear()
    many = 20_000
    weight = helper.make_tensor("few", TensorProto.FLOAT, [1024], [0.0] * 1024)
    model.graph.initializer.append(weight)
    names = [f"part{index}" for index in range(many)]
    if op == "Max":
        node = helper.make_node("Max", ["few"] * many, ["largest"])
    else:
        model.graph.initializer.append(helper.make_tensor("none", TensorProto.FLOAT, [0], []))
        node = helper.make_node("Split", ["none"], names, num_outputs=many)
        model.opset_import[0].version = 20
    model.graph.node.insert(0, node)
    began = time.monotonic()
    measure(parse_model(model.SerializeToString(), "x"), {"z": (2, 5)}, 10**9)
    assert time.monotonic() - began < 20


def test_a_fixed_batch_is_run_no_oftener_than_it_must(
    tmp_path: Path, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "one.onnx"
    path.write_bytes(generators.linear(batch=1).SerializeToString())
    with monkeypatch.context() as patch:
        draw = Mock(wraps=run)
        patch.setattr("ganctl.inference.generator.run", draw)
        assert ganctl("infer", path, "-n", 3, tmp_path / "out.png").code == 0
    assert draw.call_count == 3


def test_images_that_do_not_fit_are_refused_before_they_are_drawn(
    ganctl: Ganctl, tmp_path: Path
) -> None:
    path = tmp_path / "it.onnx"
    path.write_bytes(generators.dcgan().SerializeToString())
    outcome = ganctl("infer", path, "--max-image-mb", 3, tmp_path / "out.png")
    assert outcome.code == 6 and "for a batch of 64" in outcome.err
    assert "--batch-size" in outcome.err and not (tmp_path / "out.png").exists()
    less = ("--max-image-mb", 3, "--batch-size", 2, "-n", 2)
    assert ganctl("infer", path, *less, tmp_path / "out.png").code == 0


@pytest.mark.parametrize("batch", [None, 1])
def test_fewer_images_are_no_way_out_where_one_does_not_fit(batch: int | None) -> None:
    data = generators.linear(batch=batch or "n").SerializeToString()
    with pytest.raises(OutOfResources) as caught:
        parse_onnx(data, "x", limits=Limits(image_mb=0))
    assert caught.value.message.endswith("for a batch of 1")
    assert caught.value.hint == "allow more with --max-image-mb"


@pytest.mark.parametrize(
    ("what", "batch", "hint"),
    [("load", 64, "end other"), ("run", 64, "lower --batch-size"), ("run", 1, "end other")],
)
def test_the_way_out_of_too_little_memory_is_one(
    what: str, batch: int, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = generators.linear().SerializeToString()
    generator = parse_onnx(data, "x", batch_size=batch)
    short = Mock(side_effect=RuntimeError("std::bad_alloc"))
    with pytest.raises(OutOfResources, match="x needs more memory than there is") as caught:
        if what == "load":
            monkeypatch.setattr("onnxruntime.InferenceSession", short)
            parse_onnx(data, "x")
        monkeypatch.setattr(type(generator.session), "run", short)
        generator(np.zeros((64, 5), np.float32))
    assert caught.value.hint.startswith(hint)


def endless() -> bytes:
    """Return a generator that never draws: a Loop without an end, around nothing."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["again"]),
            helper.make_node("Identity", ["x"], ["passed"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("again", TensorProto.BOOL, []),
            helper.make_tensor_value_info("passed", TensorProto.FLOAT, None),
        ],
    )
    model = generators.linear()
    node = model.graph.node[2]  # Tanh
    node.input[0] = "looped"
    model.graph.node.insert(2, helper.make_node("Loop", ["", "true", "y"], ["looped"], body=body))
    model.graph.initializer.append(helper.make_tensor("true", TensorProto.BOOL, [], [True]))
    data: bytes = model.SerializeToString()
    return data


def test_a_loop_is_no_operator_of_a_generator() -> None:
    with pytest.raises(BadInput, match="Loop") as caught:
        parse_onnx(endless(), "x")
    assert "--allow-any-op" in caught.value.hint


def test_time_is_limited(tmp_path: Path, ganctl: Ganctl) -> None:
    path = tmp_path / "endless.onnx"
    path.write_bytes(endless())
    outcome = ganctl("infer", path, "--allow-any-op", "--max-seconds", 1)
    assert outcome.code == 6 and "after 1 seconds" in outcome.err


GANCTL = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
from ganctl.cli.app import main
sys.exit(main(sys.argv[1:]))
"""


def cpu_seconds(process: int) -> float:
    """Return what the process has worked so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_ends_what_never_returns(name: str, code: int, tmp_path: Path) -> None:
    path = tmp_path / "endless.onnx"
    path.write_bytes(endless())
    command = [sys.executable, "-c", GANCTL, "infer", str(path), "--allow-any-op", "out.png"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        while cpu_seconds(process.pid) < 5:  # it is in the loop by then, and stays in it
            time.sleep(0.1)
        process.send_signal(getattr(signal, name))
        assert process.wait(30) == code
    assert os.listdir(tmp_path) == ["endless.onnx"]


def test_images_of_no_numbers_are_an_error(tmp_path: Path, ganctl: Ganctl) -> None:
    model = generators.linear("Log")
    path = tmp_path / "it.onnx"
    path.write_bytes(model.SerializeToString())
    outcome = ganctl("infer", path, "--value-range", "-1,1", tmp_path / "out.png")
    assert outcome.code == 5 and "NaN or infinite" in outcome.err
    assert not (tmp_path / "out.png").exists()
