"""A generator to measure: the file that is given, or a fresh one of the default size."""

from __future__ import annotations

from pathlib import Path

from ganctl import __version__
from ganctl.config import TrainConfig, from_dict, to_dict
from ganctl.errors import BadInput
from ganctl.export.onnx import export_onnx
from ganctl.files import write_atomic
from ganctl.inference.generator import load_onnx
from ganctl.model_card import Card
from ganctl.models.networks import Generator, seeded_networks


def write_fresh_model(path: Path) -> None:
    """Export a generator of the default configuration and seed 0, as ``ganctl export`` would.

    It draws noise, in the time in which a trained one draws digits.

    Raises:
        CheckFailed: the export does not agree with torch.
    """
    config = TrainConfig()
    generator, _ = seeded_networks(config)
    card = Card(
        name="untrained",
        architecture="mlp",
        latent_dim=config.latent_dim,
        image_shape=config.image_shape,
        class_names=(),
        data_name="none",
        data_fingerprint="",
        data_count=0,
        data_note="",
        weights="live",
        epochs=0,
        steps=0,
        config=to_dict(config),
        ganctl_version=__version__,
    )
    write_atomic(path, export_onnx(generator.eval(), card).data)


def same_network(path: Path) -> Generator:
    """Return a torch generator of the size of the ONNX file's, in eval mode, with fresh weights.

    Raises:
        BadInput: the file is no generator, or has no card that says what is in it.
    """
    card = load_onnx(path).card
    if card is None:
        raise BadInput(
            f"{path} has no model card, so torch cannot rebuild its network",
            "name a file that ganctl export wrote, or none",
        )
    generator, _ = seeded_networks(from_dict(TrainConfig, {**card.config, "data_dir": ""}))
    return generator.eval()
