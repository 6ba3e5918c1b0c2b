"""``info``: what is shown, what is printed for programs, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from ganctl.inference.generator import load_onnx
from ganctl.model_card import card_from_json
from ganctl.training.checkpoint import load_checkpoint

from ..conftest import Ganctl
from ..inference import generators

LAST = Path("checkpoints/small/last.safetensors")


def told(ganctl: Ganctl, target: object) -> dict[str, Any]:
    outcome = ganctl("info", target, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    found: dict[str, Any] = json.loads(outcome.out)
    return found


def sections(text: str) -> dict[str, dict[str, str]]:
    """Return the values of what was shown by section and name."""
    found: dict[str, dict[str, str]] = {}
    for block in text.strip().split("\n\n"):
        title, *lines = block.splitlines()
        rows = (re.split(r"  +", line.strip(), maxsplit=1) for line in lines)
        found[title] = dict(rows)
    return found


def test_an_onnx_file_is_described(workplace: Path, ganctl: Ganctl) -> None:
    outcome = ganctl("info", "small.onnx")
    assert (outcome.code, outcome.err) == (0, "")
    shown = sections(outcome.out)
    assert list(shown) == ["file", "generator", "data", "training", "quality", "export", "graph"]
    assert shown["graph"]["operators"].startswith("Gemm × 5, ") and shown["graph"]["opset"] == "20"
    assert shown["file"]["kind"] == "ONNX file"
    assert re.fullmatch(r"6\.\d MB", shown["file"]["size"])
    assert shown["generator"] == {
        "name": "small",
        "architecture": "mlp",
        "latents": "100, standard normal",
        "images": "28×28, grey, values -1 to 1",
        "classes": "10, of the data, cannot be asked for: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
        "weights": "running average of the weights (ema), stored as fp32",
    }
    assert shown["data"]["images"] == "200"
    assert shown["training"] == {
        "recipe": "default",
        "epochs": "2 of 2",
        "steps": "8",
        "objective": "non-saturating",
        "batch": "64",
        "learning rate": "0.0008",
        "seed": "0",
        "ganctl": shown["training"]["ganctl"],
    }
    assert re.match(
        r"\d+\.\d\d  of 2,000 images from the training", shown["quality"]["Fréchet distance"]
    )
    assert "but" not in shown["quality"]  # the judge knows digits
    assert re.match(r"\d\.\de-0\d  between onnx", shown["export"]["largest difference"])


def test_a_checkpoint_says_what_is_in_it(workplace: Path, ganctl: Ganctl) -> None:
    shown = sections(ganctl("info", LAST).out)
    assert "run" not in shown
    assert shown["file"]["kind"] == "checkpoint" and shown["file"]["SHA-256"] == "verified"
    assert shown["generator"]["parameters"] == "1,510,032"
    assert shown["tensors"]["generator_ema"] == "1,513,619 numbers"
    assert "discriminator_adam" in shown["tensors"]
    best = sections(ganctl("info", LAST.with_name("best.safetensors")).out)
    assert best["file"]["kind"] == "checkpoint, the generator alone"
    assert best["tensors"] == {"generator_ema": "1,513,619 numbers"}


def test_the_parameters_are_torchs(workplace: Path, ganctl: Ganctl) -> None:
    from ganctl.training.checkpoint import load_generator

    generator, _ = load_generator(LAST)
    assert told(ganctl, LAST)["parameters"] == sum(p.numel() for p in generator.parameters())


@pytest.mark.parametrize("target", ["small", "checkpoints/small"])
def test_a_run_says_where_it_stands(target: str, workplace: Path, ganctl: Ganctl) -> None:
    with open(LAST.with_name("metrics.jsonl"), "a") as file:
        file.write('{"step": 1')  # torn
    shown = sections(ganctl("info", target).out)
    run = shown["run"]
    assert run["newest checkpoint"] == "last.safetensors"
    assert re.fullmatch(
        r"best\.safetensors, after epoch [12]: Fréchet distance \d+\.\d\d", run["best checkpoint"]
    )
    assert run["last epoch"].startswith("epoch 2, step 8, generator's loss ")
    assert "Fréchet distance" in run["last epoch"] and "_" not in run["last epoch"]
    assert run["sample pictures"] == "2"
    assert run["report"] == str(LAST.with_name("report.html"))
    assert shown["file"]["path"].endswith(str(LAST))


def test_figures_beyond_the_checkpoint_are_lost(workplace: Path, ganctl: Ganctl) -> None:
    with open(LAST.with_name("metrics.jsonl"), "a") as file:
        file.write('{"epoch": 3, "step": 12}\n')
    assert told(ganctl, "small")["run"]["last_metrics"]["epoch"] == 2


def test_a_run_of_which_little_is_left_says_less(workplace: Path, ganctl: Ganctl) -> None:
    for name in ("best.safetensors", "metrics.jsonl", "report.html"):
        LAST.with_name(name).unlink()
    run = sections(ganctl("info", "small").out)["run"]
    assert run.keys() == {"folder", "newest checkpoint", "sample pictures", "size of all files"}
    assert told(ganctl, "small")["run"]["best"] is None


def test_json_has_everything(conditional: Path, ganctl: Ganctl, monkeypatch: Any) -> None:
    monkeypatch.chdir(conditional)
    exported, run = told(ganctl, "asked.onnx"), told(ganctl, "asked")
    assert exported["card"] == json.loads(load_onnx(Path("asked.onnx")).card.to_json())  # type: ignore[union-attr]
    path = Path("checkpoints/asked/last.safetensors")
    assert run["card"] == json.loads(load_checkpoint(path).card.to_json())
    assert exported["image_shape"] == [1, 28, 28] and exported["latent_dim"] == 100
    assert exported["size"] == Path("asked.onnx").stat().st_size
    assert run["sha256_verified"] is True and run["step"] == 4
    assert set(run["run"]) == {"folder", "best", "report", "last_metrics", "samples", "size"}
    assert run["run"]["last_metrics"]["epoch"] == 1
    assert run["run"]["best"]["frechet_distance"] > 0
    shown = sections(ganctl("info", "asked").out)
    assert re.match(r"10, can be asked for: 0 \(\d+\.\d%\), 1 \(", shown["generator"]["classes"])


def test_a_generator_without_a_card_is_described_by_its_shapes(
    tmp_path: Path, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.ONNX").write_bytes(generators.linear().SerializeToString())
    shown = sections(ganctl("info", "x.ONNX").out)
    assert shown["file"]["model card"].startswith("none")
    assert shown["file"]["SHA-256"].startswith("none")
    assert shown["generator"] == {
        "latents": "5",
        "images": "6×4, grey",
        "guessed": "its last layer is Tanh: values taken to be in [-1, 1]",
    }
    assert shown["graph"]["input"] == "'z' float32 (n, 5)"
    assert shown["graph"]["output"] == "'image' float32 (n, 1, 4, 6)"
    plain = told(ganctl, "x.ONNX")
    assert plain["card"] is None and plain["sha256_verified"] is False
    assert plain["inputs"] == [shown["graph"]["input"]] and plain["fixed_batch"] is None
    Path("x.onnx").write_bytes(generators.linear(batch=3).SerializeToString())
    assert sections(ganctl("info", "x.onnx").out)["generator"]["drawn at once"] == "3 images"


def test_a_file_that_infer_refuses_says_why_and_the_way_out(
    tmp_path: Path, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = generators.linear(latent_shape=("n", "dim"))
    Path("x.onnx").write_bytes(model.SerializeToString())
    shown = sections(ganctl("info", "x.onnx").out)["generator"]
    assert shown == {
        "infer refuses it": "does not say how many values its latents have",
        "way out": "say it: --latent-dim",
    }
    outcome = ganctl("info", "x.onnx", "--max-model-mb", 1)
    assert outcome.code == 0
    Path("x.onnx").write_bytes(b"x" * 1_100_000)
    outcome = ganctl("info", "x.onnx", "--max-model-mb", 1)
    assert outcome.code == 6 and "hint: if you trust it: --max-model-mb 2" in outcome.err


def test_a_file_is_told_by_what_is_in_it(workplace: Path, ganctl: Ganctl) -> None:
    for source, kind in (("small.onnx", "ONNX file"), (LAST, "checkpoint")):
        for name in ("bare", "named.png"):
            shutil.copy(source, name)
            assert sections(ganctl("info", name).out)["file"]["kind"] == kind


def test_a_file_that_needs_others_is_described_without_them(tmp_path: Path, ganctl: Ganctl) -> None:
    model, path = generators.linear(), tmp_path / "x.onnx"
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = 1
    weight.external_data.add(key="location", value="x.bin")
    path.write_bytes(model.SerializeToString())
    found = told(ganctl, path)
    assert found["kind"] == "ONNX file, its weights in other files" and found["numbers"] == 148
    shown = sections(ganctl("info", path).out)["generator"]
    assert shown["infer refuses it"] == "stores its weights in another file"
    assert ganctl("infer", path).code == 3


def test_the_card_in_json_reads_back(workplace: Path, ganctl: Ganctl) -> None:
    card = card_from_json(json.dumps(told(ganctl, "small.onnx")["card"]))
    assert card == load_onnx(Path("small.onnx")).card
