"""What is trained and how: the options of ``ganctl train`` that make its configuration."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TypedDict

from ganctl.text import did_you_mean


class Options(TypedDict, total=False):
    """What is trained and how, with the defaults of ``ganctl train``: see `ganctl.train`."""

    data: str | os.PathLike[str]
    data_dir: str | os.PathLike[str]
    img_size: int
    channels: int
    recipe: str
    arch: str
    conditional: bool
    objective: str
    epochs: int
    batch_size: int
    lr: float
    b1: float
    b2: float
    latent_dim: int
    seed: int
    precision: str
    sample_every: int
    eval_every: int
    checkpoint_every: int
    keep: int
    max_rollbacks: int
    decay_after: int
    decay_floor: float
    ema_decay: float
    ema_every: int
    r1_weight: float
    r1_every: int
    bn_eps: float
    bn_momentum: float


def refuse_unknown(function: str, options: Iterable[str]) -> None:
    """Refuse an option that ``function`` does not have, as Python does.

    Raises:
        TypeError: there is one.
    """
    for name in options:
        if name not in Options.__annotations__:
            meant = did_you_mean(name, Options.__annotations__)
            raise TypeError(f"{function}() got an unexpected keyword argument '{name}'{meant}")
