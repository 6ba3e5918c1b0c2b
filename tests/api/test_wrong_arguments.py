"""Every parameter of every function against wrong values, and errors in the words of Python."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

import ganctl
from ganctl.errors import BadInput, GanctlError, InvalidOption

from ..inference import generators

ODD: list[Any] = [None, "4", "", b"4", 2.5, True, -1, [1], np.ones(2, int), object(), 10**30]
"""Nothing that would be a whole number of use."""

SWITCH: list[Any] = ["no", 1, 0, None, []]
NUMBER: list[Any] = ["0.5", None, True, [0.5], np.ones(2), float("nan"), 1j, -1, 10**400]
WORD: list[Any] = ["none of them", "", 3, None, True, b"cpu", ["cpu"]]
PATH: list[Any] = [3, b"x", ["x"], 2.5, {}]


def without(values: list[Any], *fine: Any) -> list[Any]:
    return [value for value in values if not any(value is each for each in fine)]


IMAGES: list[Any] = [
    None,
    3,
    "images",
    [],
    [["a"]],
    {},
    np.zeros((2, 2)),
    np.zeros((1, 2, 8, 8), np.uint8),
    np.zeros((0, 1, 8, 8), np.uint8),
    np.zeros((1, 1, 8, 8), int),
    np.full((1, 1, 8, 8), np.inf),
    torch.zeros(1, 1, 8, 8, requires_grad=True),
]

WRONG: dict[str, dict[str, list[Any]]] = {
    "load": {
        "source": [3, b"x", ["x"], 2.5, {}, "none", "", "none.onnx", "\0"],
        "weights": WORD,
        "threads": ODD,
        "provider": WORD,
        "latent_dim": [*without(ODD, None), 0],
        "value_range": without(WORD, None),
        "layout": without(WORD, None),
        "batch_size": [*ODD, 0],
        "max_model_mb": [*ODD, 0],
        "max_image_mb": [*ODD, 0],
        "max_seconds": [*ODD, 0],
        "allow_any_op": SWITCH,
    },
    "sample": {
        "count": [*ODD, 0],
        "seed": ODD,
        "start": ODD,
        "digit": [2.5, b"4", True, object(), [], [None], [[1]], {4.5}, "shoe", 10, -1, 10**30],
        "truncation": [*NUMBER, 0, 1.01],
        "batch_size": [*without(ODD, 10**30), 0],
    },
    "grid": {"images": IMAGES, "cols": without(ODD, 10**30)},
    "save": {"path": [None, *PATH, "a.jpg", "none/a.png"], "cols": without(ODD, 10**30)},
    "train": {
        "config": [3, "digits", [], b"x", "", "\0", {3: 4}, {"epoch": 5}],
        "on_progress": [3, "print", []],
        "name": [*PATH, "", "..", "a/b", "-a", "a\nb", "x" * 300],
        "device": [*without(WORD, None), "cuda:99"],
        "threads": without(ODD, None),
        "fallback": without(SWITCH, None),
        "tensorboard": without(SWITCH, None),
        "resume": [3, b"x", [], "none", ""],
        "data": [*without(PATH, None), "none", "none/here"],
        "data_dir": without(PATH, None),
        "img_size": [*ODD, 3],
        "channels": [*ODD, 2],
        "recipe": WORD,
        "arch": WORD,
        "conditional": SWITCH,
        "objective": WORD,
        "epochs": [*ODD, 0],
        "batch_size": [*ODD, 1],
        "lr": [*NUMBER, 0],
        "b1": [*NUMBER, 1],
        "b2": [*NUMBER, 1],
        "latent_dim": [*ODD, 0],
        "seed": [*ODD, 2**32],
        "precision": WORD,
        "sample_every": without(ODD, 10**30),
        "eval_every": without(ODD, 10**30),
        "checkpoint_every": without(ODD, 10**30),
        "keep": without(ODD, 10**30),
        "max_rollbacks": [*ODD, 1001],
        "decay_after": without(ODD, 10**30),
        "decay_floor": [*NUMBER, 1.01],
        "ema_decay": [*NUMBER, 1],
        "ema_every": [*without(ODD, 10**30), 0],
        "r1_weight": NUMBER,
        "r1_every": [*without(ODD, 10**30), 0],
        "bn_eps": [*NUMBER, 0],
        "bn_momentum": [*NUMBER, 0, 1.01],
    },
}


for _values in WRONG["train"].values():  # None is the default of every option
    _values[:] = without(_values, None)


@pytest.fixture
def functions(conditional: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    generator = ganctl.load(conditional / "asked.onnx")
    images = generator.sample(2)
    calls: dict[str, Callable[..., Any]] = {
        "load": lambda **options: ganctl.load(**{"source": conditional / "asked.onnx", **options}),
        "sample": generator.sample,
        "grid": lambda **options: ganctl.grid(**{"images": images, **options}),
        "save": lambda **options: images.save(**{"path": "out.png", **options}),
        "train": ganctl.train,
    }
    return calls


def all_said(error: BaseException) -> str:
    """Return what a traceback ends with, as one line."""
    assert isinstance(error, GanctlError | TypeError), repr(error)
    said = " ".join([str(error), *getattr(error, "__notes__", [])])
    assert "\n" not in said and len(said) < 500, said
    return said


@pytest.mark.parametrize("function", WRONG)
def test_a_wrong_argument_is_named_with_its_value_and_what_it_may_be(
    function: str, functions: Any, tmp_path: Path
) -> None:
    for name, values in WRONG[function].items():
        for value in values:
            with pytest.raises((GanctlError, TypeError)) as raised:
                functions[function](**{name: value})
            said = all_said(raised.value)
            if isinstance(raised.value, InvalidOption):
                assert said.startswith(f"{name}=") and f"hint: {name}: " in said
            else:
                assert not isinstance(raised.value, TypeError) or "train() takes" in said
    assert list(tmp_path.iterdir()) == []


def test_no_parameter_is_left_out() -> None:
    def parameters(function: Callable[..., Any]) -> set[str]:
        return {*inspect.signature(function).parameters} - {"self", "options"}

    assert WRONG["load"].keys() == parameters(ganctl.load)
    assert WRONG["sample"].keys() == parameters(ganctl.Generator.sample)
    assert WRONG["grid"].keys() == parameters(ganctl.grid)
    assert WRONG["save"].keys() == parameters(ganctl.Images.save)
    assert WRONG["train"].keys() == parameters(ganctl.train)


def test_what_numpy_and_paths_give_is_taken(functions: Any) -> None:
    images = functions["sample"](
        count=np.int64(2), digit=np.array(4), truncation=np.float32(0.5), seed=np.uint32(1)
    )
    same = functions["sample"](2, digit=4, truncation=0.5, seed=1)
    assert np.array_equal(images, same)
    assert len(functions["sample"](1, digit=(number for number in (1, 2)))) == 2
    assert functions["sample"](1, digit=np.array([3])).shape == (1, 1, 28, 28)


def refusals(data: Path, asked: Path) -> Iterator[tuple[Callable[[], Any], str]]:
    """Yield calls that layers below refuse, and what their errors say."""
    quick: dict[str, Any] = {"data": data, "batch_size": 50, "eval_every": 0, "sample_every": 0}

    def train(**options: Any) -> Callable[[], Any]:
        return lambda: ganctl.train(**options)

    yield train(resume=True), r"no run in .*: ganctl train"
    ganctl.train(**quick, epochs=1, name="my run", arch="conv")
    yield train(name="my run"), r"ganctl train --resume 'my run'; or choose another --name"
    yield train(resume=True), r"ganctl\.train\(resume='my run', epochs=2\)"
    yield (
        train(resume="my run", lr=1.0),
        r"--lr 1.0 contradicts .* leave --lr out .* new run",
    )
    yield train(resume="my run", conditional=True), r"--conditional contradicts .* without it"
    pictures = Path("pictures")
    ganctl.load(asked / "asked.onnx").sample(8).save(pictures)
    yield (
        train(data=pictures, conditional=True),
        r"--conditional needs .* leave --conditional out",
    )
    yield train(data="digits", device="cuda:99"), r"--device cpu"
    plain = ganctl.load("my run")
    yield lambda: plain.sample(digit=4), r"ganctl train --conditional"
    yield lambda: plain.sample(10**15), r"not enough memory for 1,000,0.* lower --count"
    Path("run.onnx").write_bytes((plain.path).read_bytes())
    yield lambda: ganctl.load("run.onnx"), r"ganctl export gen\.onnx"
    onnx.save(generators.linear("Identity"), "other.onnx")
    yield lambda: ganctl.load("other.onnx"), r"--value-range -1,1, or --value-range 0,1"
    other = {"source": "other.onnx", "value_range": "0,1"}
    yield lambda: ganctl.load(**other, latent_dim=77), r"leave --latent-dim out"  # type: ignore[arg-type]
    yield lambda: ganctl.load(**other, layout="nhwc"), r"leave --layout out"  # type: ignore[arg-type]
    file = asked / "asked.onnx"
    yield lambda: ganctl.load(file, max_model_mb=1), r"--max-model-mb \d+"
    yield (
        lambda: ganctl.load(file, max_image_mb=3),
        r"--batch-size, or allow more with --max-image-mb",
    )
    yield lambda: ganctl.load(file, provider="abacus"), r"use --provider cpu"
    yield lambda: ganctl.load(file, value_range="0,1"), r"leave --value-range out"


def test_what_is_refused_further_down_has_a_hint(
    small_data: Path, conditional: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for refused, expected in refusals(small_data, conditional):
        with pytest.raises(GanctlError) as raised:
            refused()
        assert re.search(expected, all_said(raised.value)), all_said(raised.value)


def test_an_error_of_values_is_bad_input() -> None:
    with pytest.raises(BadInput):
        ganctl.grid(np.zeros((1, 1, 8, 8), int))
