"""What a training makes, and what it says of it."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganctl.training.checkpoint import load_checkpoint

from ..conftest import Ganctl

pytestmark = pytest.mark.usefixtures("here")

LAST = Path("checkpoints/run/last.safetensors")


def test_a_pipe_gets_one_line_an_epoch_and_stdout_the_results(
    ganctl: Ganctl, small_data: Path
) -> None:
    outcome = ganctl("train", "--data", small_data, "--epochs", 2, "--name", "run")
    assert outcome.code == 0
    figures = r"G \d\.\d{3}  D \d\.\d{3}  D\(x\) 0\.\d\d  D\(G\(z\)\) 0\.\d\d"
    lines = outcome.err.splitlines()
    assert len(lines) == 2
    for number, line in enumerate(lines, 1):
        distance = r"  FD \d+\.\d" if number == 2 else ""  # measured at the end
        speed = r"[\d,]+ images/s  \d+:\d\d left"
        assert re.fullmatch(rf"epoch {number}/2  {figures}{distance}  {speed}", line)
    trained, wrote, beside, quality, following = outcome.out.splitlines()
    assert trained.startswith("trained 2 epochs in ")
    assert wrote == "wrote checkpoints/run: last and best checkpoint"
    assert beside == "there too: report.html, curves.png, progress.gif, samples/"
    assert len(wrote) + 30 - len("run") <= 80 and len(beside) <= 80
    assert re.fullmatch(r"Fréchet distance [\d,]+\.\d", quality)
    assert following == "next: ganctl sample out.png"


def test_every_size_is_an_option(ganctl: Ganctl, small_data: Path) -> None:
    options = "--latent-dim 7 --img-size 16 --channels 3 --batch-size 50 --lr 0.001 --b1 0.4"
    options += " --b2 0.9 --seed 3 --threads 1 --device cpu --recipe classic"
    arguments = ["--data", small_data, "--epochs", 1, "--name", "run", *options.split()]
    assert ganctl("train", *arguments).code == 0
    config = load_checkpoint(LAST).config
    assert (config.latent_dim, config.image_shape) == (7, (3, 16, 16))
    assert (config.lr, config.b1, config.b2, config.seed) == (0.001, 0.4, 0.9, 3)
    assert (config.recipe, config.ema_decay, config.bn_eps) == ("classic", 0, 0.8)


def test_what_was_measured_is_kept_with_the_best_generator(
    ganctl: Ganctl, small_data: Path
) -> None:
    arguments = ["--data", small_data, "--epochs", 3, "--eval-every", 1, "--name", "run"]
    assert ganctl("train", *arguments).code == 0
    metrics = LAST.with_name("metrics.jsonl").read_text()
    lines = [json.loads(line) for line in metrics.splitlines()]
    best = load_checkpoint(LAST.with_name("best.safetensors"))
    distances = [line["frechet_distance"] for line in lines]
    assert best.card.quality["frechet_distance"] == min(distances) > 0
    assert set(best.card.quality) <= set(lines[0])
    outcome = ganctl("sample", "--checkpoint", LAST.with_name("best.safetensors"), "best.png")
    assert outcome.code == 0


def test_conv_networks_and_every_objective_train(ganctl: Ganctl, small_data: Path) -> None:
    for name in ("hinge", "least-squares", "wasserstein"):
        arguments = ["--data", small_data, "--epochs", 1, "--name", name, "--objective", name]
        assert ganctl("train", *arguments, "--arch", "conv").code == 0
        config = load_checkpoint(Path("checkpoints") / name / "last.safetensors").config
        assert (config.objective, config.arch, config.lr) == (name, "conv", 5e-4)


@pytest.mark.parametrize("arch", ["mlp", "conv"])
def test_a_conditional_run_learns_the_classes_of_its_data(
    arch: str, ganctl: Ganctl, small_data: Path
) -> None:
    arguments = ["train", "--data", small_data, "--arch", arch, "--name", "run", "--conditional"]
    assert ganctl(*arguments, "--epochs", 1).code == 0
    saved = load_checkpoint(LAST)
    assert (saved.config.conditional, saved.config.classes) == (True, 10)
    (line,) = LAST.with_name("metrics.jsonl").read_text().splitlines()
    assert 0 <= json.loads(line)["drawn_as_asked"] <= 1
    for number, options in enumerate(([], ["--conditional"]), 2):
        assert ganctl("train", "--resume", *options, "--epochs", number).code == 0
    assert load_checkpoint(LAST).config == dataclasses.replace(saved.config, epochs=3)


def test_classes_are_not_learnt_half_way(ganctl: Ganctl, small_data: Path) -> None:
    assert ganctl("train", "--data", small_data, "--epochs", 1, "--name", "run").code == 0
    outcome = ganctl("train", "--resume", "--conditional", "--epochs", 2)
    assert (
        outcome.code == 3
        and "--conditional contradicts the run, which was started without" in outcome.err
    )


def test_data_without_classes_cannot_be_conditional(ganctl: Ganctl, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for number in range(4):
        image = Image.fromarray(np.full((8, 8), 60 * number, np.uint8))
        image.save(tmp_path / "pictures" / f"{number}.png")
    outcome = ganctl("train", "--data", "pictures", "--conditional", "--epochs", 1)
    assert outcome.code == 3 and "--conditional needs classes" in outcome.err


def test_the_precision_is_settled_at_the_start_and_kept(ganctl: Ganctl, small_data: Path) -> None:
    arguments = ["train", "--data", small_data, "--epochs", 1, "--name", "run"]
    assert ganctl(*arguments, "--precision", "bf16").code == 0
    assert load_checkpoint(LAST).config.precision == "bf16"
    assert json.loads(Path("checkpoints/run/config.json").read_text())["precision"] == "bf16"
    refused = ganctl("train", "--resume", "--epochs", 2, "--precision", "fp32")
    assert (refused.code, "--precision fp32 contradicts" in refused.err) == (3, True)
    assert ganctl("train", "--resume", "--epochs", 2, "--precision", "auto").code == 0
    assert load_checkpoint(LAST).config.precision == "bf16"
    assert ganctl(*arguments[:-1], "auto").code == 0
    settled = load_checkpoint(Path("checkpoints/auto/last.safetensors")).config.precision
    assert settled in ("fp32", "bf16")


def test_a_run_without_a_name_gets_one(ganctl: Ganctl, small_data: Path) -> None:
    assert ganctl("train", "--data", small_data, "--epochs", 1).code == 0
    (folder,) = Path("checkpoints").iterdir()
    assert re.fullmatch(r"small-default-\d{8}-\d{6}", folder.name)


def test_a_name_says_what_is_unusual_and_is_nobody_elses(ganctl: Ganctl, small_data: Path) -> None:
    now, kind = datetime.now(), "small-default-conv-conditional-hinge"
    taken = {f"{kind}-{now + timedelta(seconds=each):%Y%m%d-%H%M%S}" for each in range(600)}
    for name in taken:
        Path("checkpoints", name).mkdir(parents=True)
        Path("checkpoints", name, "metrics.jsonl").touch()
    options = ["--arch", "conv", "--conditional", "--objective", "hinge", "--eval-every", 0]
    assert ganctl("train", "--data", small_data, "--epochs", 1, *options).code == 0
    (folder,) = {path.name for path in Path("checkpoints").iterdir()} - taken
    assert folder.removesuffix("-2") in taken and folder.endswith("-2")


def test_what_is_not_made_is_not_named(ganctl: Ganctl, small_data: Path) -> None:
    arguments = ["--data", small_data, "--epochs", 1, "--name", "run", "--eval-every", 0]
    outcome = ganctl("train", *arguments, "--sample-every", 0)
    assert "wrote checkpoints/run: last checkpoint\nthere too: report.html, curves.png\n" in (
        outcome.out
    )


def test_the_next_command_names_the_run_only_where_it_must(
    ganctl: Ganctl, small_data: Path
) -> None:
    arguments = ["train", "--data", small_data, "--epochs", 1, "--eval-every", 0]
    arguments += ["--precision", "fp32", "--threads", 1, "--name"]
    assert ganctl(*arguments, "run").out.endswith("next: ganctl sample out.png\n")
    assert ganctl(*arguments, "other").code == 0
    newest = Path("checkpoints/other/last.safetensors")
    os.utime(newest, (2e9, 2e9))  # another training that saves meanwhile
    more = ganctl("train", "--resume", "run", "--epochs", 2)
    assert more.out.endswith("next: ganctl sample --checkpoint run out.png\n")
    Path("checkpoints/run").rename("a run elsewhere")
    more = ganctl("train", "--resume", "a run elsewhere", "--epochs", 3)
    assert more.out.endswith("next: ganctl sample --checkpoint 'a run elsewhere' out.png\n")
