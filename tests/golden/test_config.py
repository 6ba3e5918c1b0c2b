"""A configuration that is written down makes the same run again."""

from __future__ import annotations

import html
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

import ganctl as package

from .conftest import QUICK, done, ganctl

Values = dict[str, Any]

TOML = """
data = "{data}"
epochs = 1
arch = "conv"
conditional = true
batch-size = 50
r1-weight = 0.5
ema_decay = 0.5
eval-every = 0
precision = "fp32"
threads = 1
name = "from-file"
"""


def config(run: str) -> Values:
    values: Values = json.loads(Path("checkpoints", run, "config.json").read_text())
    return values


def write_toml(path: Path, data: Path) -> None:
    path.write_text(TOML.format(data=data))


def test_a_file_says_what_is_not_typed(digits: Path, here: Path) -> None:
    write_toml(here / "run.toml", digits)
    done("train --config run.toml")
    found = config("from-file")
    assert (found["arch"], found["conditional"], found["batch_size"]) == ("conv", True, 50)
    assert (found["r1_weight"], found["ema_decay"], found["data"]) == (0.5, 0.5, str(digits))
    done("train --config run.toml --batch-size 40 --no-conditional --name typed")
    typed = config("typed")
    assert (typed["batch_size"], typed["conditional"], typed["r1_weight"]) == (40, False, 0.5)
    # Its own config.json, and from Python the file, a mapping and a TrainConfig, say the same.
    done("train --config checkpoints/from-file/config.json --threads 1 --name from-json")
    assert config("from-json") == found
    made = package.TrainConfig(
        data=str(digits),
        epochs=1,
        arch="conv",
        conditional=True,
        batch_size=50,
        r1_weight=0.5,
        ema_decay=0.5,
        eval_every=0,
        precision="fp32",
    )
    run = package.train(made, threads=1, name="from-python")
    assert config("from-python") == found and run.finished
    assert run.folder == here / "checkpoints/from-python"


def test_json_is_read_as_toml_is(digits: Path, here: Path) -> None:
    values = {"data": str(digits), "epochs": 1, "batch_size": 50, "latent_dim": 32}
    Path("run.json").write_text(json.dumps(values))
    done(f"train --config run.json {QUICK} --name nested")
    flat = {"data": str(digits), "epochs": 1, "batch-size": 50, "latent-dim": 32}
    Path("flat.json").write_text(json.dumps(flat))
    done(f"train --config flat.json {QUICK} --name flat")
    assert config("nested") == config("flat")
    assert config("flat")["latent_dim"] == 32


def test_a_dry_run_makes_nothing_and_can_be_fed_back(digits: Path, here: Path) -> None:
    options = f"--epochs 1 --recipe classic --batch-size 50 --eval-every 0 --data {digits}"
    dry = done(f"train {options} --threads 1 --precision fp32 --name dry --dry-run")
    assert list(here.iterdir()) == []
    Path("dry.toml").write_text(dry.out)
    done("train --config dry.toml")
    done(f"train {options} --threads 1 --precision fp32 --name typed")
    assert config("dry") == config("typed")


def repeated(run: str) -> Values:
    """Train by the command that a run's report prints, and return the new run's configuration."""
    page = Path("checkpoints", run, "report.html").read_text()
    found = re.search(r"<pre>[^<]*?(ganctl train [^\n<]*)", page)
    assert found
    program, *words = shlex.split(html.unescape(found[1]))
    assert program == "ganctl"
    done(shlex.join(words), "--name", "repeated")
    return config("repeated")


@pytest.mark.parametrize(
    "options",
    [
        "--recipe classic --seed 5 --keep 2 --sample-every 3",
        "--arch conv --conditional --objective hinge --lr 0.001 --latent-dim 16 --b1 0.25",
        "--img-size 16 --batch-size 33 --max-rollbacks 1 --checkpoint-every 0",
    ],
)
def test_a_run_is_repeated_by_the_command_in_its_report(
    options: str, digits: Path, here: Path
) -> None:
    done(f"train {QUICK} --epochs 1 --name first {options} --data", digits)
    assert repeated("first") == config("first")


def test_a_run_from_a_file_is_repeated_by_the_command_in_its_report(
    digits: Path, here: Path
) -> None:
    write_toml(here / "run.toml", digits)
    done("train --config run.toml")
    assert repeated("from-file") == config("from-file")


def test_which_options_may_change_on_resume(digits: Path, here: Path) -> None:
    done(f"train {QUICK} --epochs 1 --name run --data", digits)
    assert ganctl("train --resume run").code == 0  # it has finished
    refused = ganctl("train --resume run --epochs 2 --batch-size 50")
    assert refused.code == 3 and refused.err.startswith("error: --batch-size 50 contradicts")
    done("train --resume run --epochs 2 --keep 1 --sample-every 2 --eval-every 0 --threads 1")
    found = config("run")
    assert (found["epochs"], found["keep"], found["sample_every"]) == (2, 1, 2)
    assert len(Path("checkpoints/run/metrics.jsonl").read_text().splitlines()) == 2
