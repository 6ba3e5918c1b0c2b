"""The keys of everything that ``--json`` prints: programs read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import done

# Values whose keys name what was found: layers, classes, packages.
NAMED = {
    *("tensors", "operators", "kinds", "traits", "passed_over", "versions", "variables"),
    *("card.config", "card.parity", "card.quality", "run.last_metrics"),
}

CARD = """
architecture card_version class_names class_shares config data_count data_fingerprint data_name
data_note epochs ganctl_version image_shape latent_dim latent_distribution name parity precision
quality steps value_range weights
"""
FIGURES = """
samples frechet_distance kernel_distance kernel_distance_error inception_score precision recall
density coverage authenticity class_shares distance_from_uniform confidence drawn_as_asked
"""
ONNX = """
path kind size sha256_verified latent_dim image_shape class_names guesses fixed_batch problem
way_out inputs outputs opset producer operators numbers card
"""
CHECKPOINT = "path kind size sha256_verified step parameters tensors card"

EXPECTED = {
    "info plain.safetensors": {"": CHECKPOINT, "card": CARD},
    "info plain": {
        "": f"{CHECKPOINT} run",
        "card": CARD,
        "run": "folder best report last_metrics samples size",
    },
    "info plain.onnx": {"": ONNX, "card": CARD},
    "info foreign.onnx": {"": ONNX},
    "evaluate plain.onnx -n 50 --data digits-200": {
        "": "target reference figures real real_name pairs notes class_names",
        "figures": FIGURES,
        "real": FIGURES,
        "pairs": "index ratio",
    },
    "runs": {
        "": "name folder state problem data recipe arch conditional objective epochs "
        "epochs_configured frechet_distance best_frechet_distance size changed"
    },
    "runs compare plain classes": {
        "": "runs configuration figures real_frechet_distance",
        "configuration": "arch|classes|conditional|lr|decay after|decay floor|ema decay",
        "figures": "epochs done|training time|images/s|generator's loss|discriminator's loss",
    },
    "data list": {"": "name images side what path here size download source"},
    "data show digits-200": {
        "": "name images classes gaps sizes kinds traits unreadable passed_over training command "
        "sheet",
        "classes": "0 1 2 3 4 5 6 7 8 9",
        "sizes": "different commonest smallest largest",
        "sizes.commonest": "width height",
        "sizes.smallest": "width height",
        "sizes.largest": "width height",
        "training": "img_size channels cropped enlarged few",
    },
    "doctor": {
        "": "machine missing providers torch cpu_flags variables data_dir data runs runs_free "
        "train_speed judge_speed problems advice minutes",
        "machine": "cpu cores load busy system python versions",
        "torch": "cuda device gpu gpu_memory threads",
        "data": "mnist fashion-mnist kmnist emnist-digits usps",
    },
}


def keys(value: Any, path: str = "") -> dict[str, set[str]]:
    """Return the keys of every object by its path; a list is as its first element."""
    if isinstance(value, list):
        return keys(value[0], path) if value else {}
    if not isinstance(value, dict) or path.rpartition("machine.")[2] in NAMED:
        return {}
    found = {path: set(value)}
    for name, each in value.items():
        found |= keys(each, f"{path}.{name}".lstrip("."))
    return found


def write_foreign(path: Path) -> None:
    """Write a generator that another tool could have made."""
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper

    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["z", "w"], ["x"]),
            helper.make_node("Reshape", ["x", "s"], ["y"]),
        ],
        "foreign",
        [helper.make_tensor_value_info("z", 1, ["n", 10])],
        [helper.make_tensor_value_info("y", 1, ["n", 1, 8, 8])],
        [
            numpy_helper.from_array(np.zeros((10, 64), np.float32), "w"),
            numpy_helper.from_array(np.array([-1, 1, 8, 8]), "s"),
        ],
    )
    opset = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), path)


@pytest.mark.parametrize("command", EXPECTED)
def test_the_keys(command: str, place: Path, digits: Path) -> None:
    (place / digits.name).symlink_to(digits)
    write_foreign(place / "foreign.onnx")
    found = json.loads(done(f"{command} --json").out)
    expected = {
        path: set(names.split("|") if "|" in names else names.split())
        for path, names in EXPECTED[command].items()
    }
    assert keys(found) == expected


def test_the_keys_that_say_where_it_comes_from(place: Path) -> None:
    """Of the card: the configuration but for this machine's path, and the figures once measured."""
    card = json.loads(done("info plain.onnx --json").out)["card"]
    config = json.loads(Path("checkpoints/plain/config.json").read_text())
    assert card["config"].keys() == config.keys() - {"data_dir"}
    assert card["parity"].keys() == {"max_difference", "max_grey_levels", "mean_grey_levels"}
    run = json.loads(done("info plain --json").out)["run"]
    expected = {"epoch", "step", "g_loss", "d_loss", "d_real", "d_fake"}
    assert run["last_metrics"].keys() == expected | {"images_per_second", "seconds"}


def test_the_figures_of_a_run_that_was_measured(digits: Path, here: Path) -> None:
    options = "--epochs 1 --eval-every 1 --threads 1 --precision fp32 --conditional"
    done(f"train {options} --name run --data", digits)
    found = json.loads(done("info run --json").out)
    figures = {"frechet_distance", "confidence", "smallest_share", "drawn_as_asked"}
    assert found["card"]["quality"].keys() == figures
    assert figures <= found["run"]["last_metrics"].keys()
    assert found["run"]["best"].keys() == {"path", "epochs", "frechet_distance"}
    assert (here / found["run"]["best"]["path"]).is_file()
