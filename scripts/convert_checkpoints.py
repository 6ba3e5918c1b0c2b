"""Convert checkpoints of format 1 (ganctl 0.1 before version 2) to format 2, in place.

    python scripts/convert_checkpoints.py checkpoints/mnist-*.safetensors

The tensors stay as they are. The configuration, nested in format 1, becomes flat, in the header and
in the model card. The checksum of the old file is verified first.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import safe_open

from ganctl.config import TrainConfig, from_dict
from ganctl.model_card import card_from_json
from ganctl.training.checkpoint import Checkpoint, save_checkpoint


def convert(path: Path) -> None:
    """Rewrite one file.

    Raises:
        ValueError: it has another format, or its checksum is wrong.
    """
    data = path.read_bytes()
    with safe_open(path, "pt") as file:
        values = json.loads(file.metadata()["ganctl"])
    if values["format"] != 1:
        raise ValueError(f"{path} has format {values['format']}, not 1")
    checksum = values["sha256"].encode()
    if hashlib.sha256(data.replace(checksum, b"0" * 64)).hexdigest().encode() != checksum:
        raise ValueError(f"{path} is damaged")
    card = json.loads(values["card"])
    card["config"] = flat(card["config"])
    checkpoint = Checkpoint(
        from_dict(TrainConfig, flat(values["config"])),
        card_from_json(json.dumps(card)),
        values["step"],
        safetensors.torch.load(data),
        values.get("threads", 0),
    )
    save_checkpoint(path, checkpoint)
    print(f"converted {path}")


def flat(config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration of format 1 with the networks' options beside the others."""
    added_later = {"keep": 0, "max_rollbacks": 0}  # what an older file means by leaving it out
    return {**added_later, **config.pop("model"), **config}


if __name__ == "__main__":
    for name in sys.argv[1:]:
        convert(Path(name))
