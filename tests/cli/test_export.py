from __future__ import annotations

import re
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest
import torch
import torch_fidelity

from ganctl.cli import export
from ganctl.data import ImageData
from ganctl.evaluation.monitor import Monitor
from ganctl.evaluation.reference import FINGERPRINTS
from ganctl.export.quantize import PRECISIONS
from ganctl.inference.generator import load_onnx
from ganctl.latents import draw, latents, seeded
from scripts.make_shapes import make_shapes

from ..conftest import Ganctl


def test_it_says_what_it_wrote_and_how_well_it_agrees(workplace: Path, ganctl: Ganctl) -> None:
    outcome = ganctl("export")
    assert outcome.code == 0
    wrote, parity, following = outcome.out.splitlines()
    assert re.fullmatch(r"wrote generator\.onnx: 6\.\d\d MB, opset 20", wrote)
    assert re.fullmatch(
        r"against torch: at most \d(\.\d)?e-0\d apart; \d+ of 203,840 pixels off, by "
        r"(1 grey level|0 grey levels) at most, \S+ on average",
        parity,
    )
    assert following == "next: ganctl infer generator.onnx"
    assert Path("generator.onnx").read_bytes() == Path("small.onnx").read_bytes()
    assert list(Path().glob("*.data")) == []


def test_the_command_offers_every_precision() -> None:
    offered = get_type_hints(export.export, include_extras=False)["precision"]
    assert get_args(offered) == PRECISIONS


def test_frechet_distance_shows_the_cost_of_smaller_weights(
    workplace: Path, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "EVALUATED", 500)
    outcome = ganctl("export", "--precision", "int8", "tiny.onnx")
    assert outcome.code == 0
    wrote, parity, distances, following = outcome.out.splitlines()
    assert re.fullmatch(r"wrote tiny\.onnx: 1\.\d\d MB, opset 20", wrote)
    assert re.search(r"by \d+ grey levels? at most, 0\.\d+ on average$", parity)
    assert following == "next: ganctl infer tiny.onnx"
    match = re.fullmatch(
        r"Fréchet distance ([\d.]+), ([\d.]+) in fp32 \(500 images each\)", distances
    )
    assert match
    digits = ImageData("mnist", np.zeros((2, 1, 28, 28), np.uint8), None, (), FINGERPRINTS["mnist"])
    measure = Monitor(digits, 500, threads=1)
    for name, printed in zip(("tiny.onnx", "small.onnx"), match.groups(), strict=True):
        batches = draw(load_onnx(Path(name)), seeded(0, 100), start=0, count=500, batch_size=64)
        distance = measure(np.concatenate(list(batches)))["frechet_distance"]
        assert float(printed) == pytest.approx(distance, abs=0.006)


def test_images_that_are_not_digits_have_no_frechet_distance(
    ganctl: Ganctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_shapes(Path("shapes"), 3, 8)
    options = ["--data", "shapes", "--img-size", 8, "--epochs", 1, "--eval-every", 0]
    assert ganctl("train", *options).code == 0
    outcome = ganctl("export", "--precision", "fp16", "half.onnx")
    assert outcome.code == 0 and "Fréchet" not in outcome.out
    card = load_onnx(Path("half.onnx")).card
    assert card is not None and card.precision == "fp16"


def test_a_file_for_torch_fidelity_says_how_it_is_read(workplace: Path, ganctl: Ganctl) -> None:
    outcome = ganctl("export", "--for", "torch-fidelity", "rounded.onnx")
    assert outcome.code == 0
    _, parity, following = outcome.out.splitlines()
    assert "of 611,520 pixels off" in parity
    call = "torch_fidelity.GenerativeModelONNX('rounded.onnx', 100, 'normal', 0)"
    assert following == f"next: {call}"
    model = eval(call, {"torch_fidelity": torch_fidelity})
    drawn = model(torch.from_numpy(latents(1, 0, 5, 100)))
    assert drawn.dtype == torch.uint8 and drawn.shape == (5, 3, 28, 28)
    assert drawn.float().std() > 1
    assert "  28×28, colour: made of the generator's images\n" in ganctl("info", "rounded.onnx").out


def test_the_generator_alone_draws_and_exports_as_its_run_does(
    workplace: Path, ganctl: Ganctl, small_data: Path
) -> None:
    outcome = ganctl("export", "alone.safetensors")
    assert outcome.code == 0
    assert re.match(r"wrote alone\.safetensors: 6\.\d\d MB, the generator alone", outcome.out)
    assert ganctl("sample", "-n", 8, "run.npy").code == 0
    assert ganctl("sample", "-n", 8, "--checkpoint", "alone.safetensors", "alone.npy").code == 0
    assert Path("run.npy").read_bytes() == Path("alone.npy").read_bytes()
    assert ganctl("export", "--checkpoint", "alone.safetensors", "alone.onnx").code == 0
    drawn = [load_onnx(Path(name)) for name in ("alone.onnx", "small.onnx")]
    z = latents(1, 0, 8, 100)
    assert np.array_equal(drawn[0](z), drawn[1](z))
    assert str(small_data.parent).encode() not in Path("alone.safetensors").read_bytes()
    outcome = ganctl("sample", "--checkpoint", "alone.safetensors", "--weights", "live", "x.png")
    assert outcome.code == 3 and "holds only the average of the weights" in outcome.err
