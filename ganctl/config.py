"""What a run is made of: frozen, checked when it is made, saved with everything it produces."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any, TypeVar

from ganctl.errors import BadInput, WrongValue
from ganctl.spelling import option

Config = TypeVar("Config", "ModelConfig", "TrainConfig")

MAX_SEED = 2**32 - 1
"""Seeds are 0 … MAX_SEED, as in most tools of the field."""

MAX_BATCH = 65536
"""Images of a batch at the most."""

MEASURED = 2000
"""Images that are drawn to be measured while training; so as many real ones stand beside them."""

PRECISIONS = ("auto", "fp32", "bf16", "fp16")
"""fp32 throughout, or matrix products in 16 bits; auto: bf16 where it is clearly faster."""

ARCHITECTURES = ("mlp", "conv")
"""The study note's fully connected networks, or a small convolutional pair."""

OBJECTIVES = ("non-saturating", "hinge", "least-squares", "wasserstein")
"""What the players minimise: see `ganctl.training.losses`."""

ADDED_LATER = {
    "precision": "fp32",
    "arch": "mlp",
    "classes": 0,
    "conditional": False,
    "objective": "non-saturating",
    "eval_every": 0,
    "decay_after": 0,
    "decay_floor": 0.0,
    "keep": 0,
    "max_rollbacks": 0,
}
"""Fields that older files lack, and what they would say."""


class OutOfRange(WrongValue):
    """An option, or a field of a configuration, whose value cannot be.

    Args:
        name: the option's.
        value: what it was given.
        allowed: what it may be, in words; of a choice, the choices.
    """

    def __init__(self, name: str, value: Any, allowed: str) -> None:
        words = option(name).rstrip("=")
        super().__init__(f"{option(name, value)} cannot be used", f"{words}: {allowed}")
        self.allowed = allowed


@dataclass(frozen=True)
class ModelConfig:
    """The shape of both networks.

    Raises:
        BadInput: a field is out of its range.
    """

    arch: str = "mlp"  # see ARCHITECTURES
    classes: int = 0  # that can be asked for; 0: unconditional
    latent_dim: int = 100
    img_size: int = 28  # height and width in pixels
    channels: int = 1  # 1 grey, 3 colour
    bn_eps: float = 1e-5  # added to the variance before the root
    bn_momentum: float = 0.8  # weight of the newest batch in the running statistics

    def __post_init__(self) -> None:
        _check(self, "arch", self.arch in ARCHITECTURES, " or ".join(ARCHITECTURES))
        _check(self, "classes", 0 <= self.classes <= 65536, "0 to 65536")
        _check(self, "latent_dim", 1 <= self.latent_dim <= 65536, "1 to 65536")
        _check(self, "img_size", 4 <= self.img_size <= 512, "4 to 512")
        _check(self, "channels", self.channels in (1, 3), "1 or 3")
        _check(self, "bn_eps", 0 < self.bn_eps <= 1, "above 0 and up to 1")
        _check(self, "bn_momentum", 0 < self.bn_momentum <= 1, "above 0 and up to 1")

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Return (C, H, W)."""
        return (self.channels, self.img_size, self.img_size)


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Raises:
        BadInput: a field is out of its range.
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    recipe: str = "default"  # where the values below came from: see RECIPES
    data: str = "mnist"  # a data set's name or a path
    data_dir: str = ""  # where downloaded data sets lie; "" for the default place
    epochs: int = 200
    conditional: bool = False  # on the class; the model's classes are settled when a run starts
    objective: str = "non-saturating"  # see OBJECTIVES
    batch_size: int = 64
    lr: float = 8e-4  # Adam's step size, both networks
    decay_after: int = 62_500  # steps after which lr falls, in a line to 0 at the end; 0: never
    decay_floor: float = 0.45  # share of lr that it does not fall below
    b1: float = 0.5  # Adam's decay of the gradient's mean
    b2: float = 0.999  # Adam's decay of its square
    ema_decay: float = 0.9999  # of the generator's weights, a step; 0 switches the average off
    ema_every: int = 8  # steps between updates of the average, by decay ** ema_every
    r1_weight: float = 0.1  # of the gradient penalty on real images; 0 switches it off
    r1_every: int = 16  # steps between penalties, each weighted so many times as much
    precision: str = "auto"  # of a step's arithmetic: see PRECISIONS; settled when a run starts
    seed: int = 0  # of the initial weights, the order of the data and the latents
    sample_every: int = 10  # epochs; 0 for never
    eval_every: int = 10  # epochs between measurements of the drawn digits; 0 for never
    checkpoint_every: int = 10  # epochs; 0 for only at the end
    keep: int = 0  # checkpoints that stay when later ones come, the newest ones
    max_rollbacks: int = 0  # to the last checkpoint, in another order, when training diverges

    def __post_init__(self) -> None:
        _check(self, "recipe", self.recipe in RECIPES, " or ".join(RECIPES))
        _check(self, "epochs", 1 <= self.epochs <= 10**9, "1 to 1,000,000,000")
        _check(self, "objective", self.objective in OBJECTIVES, ", ".join(OBJECTIVES))
        valid = 2 <= self.batch_size <= MAX_BATCH  # BatchNorm compares images
        _check(self, "batch_size", valid, f"2 to {MAX_BATCH}")
        _check(self, "lr", math.isfinite(self.lr) and self.lr > 0, "a number above 0")
        _check(self, "decay_after", self.decay_after >= 0, "0 or more")
        _check(self, "decay_floor", 0 <= self.decay_floor <= 1, "0 to 1")
        _check(self, "b1", 0 <= self.b1 < 1, "0 or more and below 1")
        _check(self, "b2", 0 <= self.b2 < 1, "0 or more and below 1")
        _check(self, "ema_decay", 0 <= self.ema_decay < 1, "0 or more and below 1")
        _check(self, "ema_every", self.ema_every >= 1, "1 or more")
        valid = math.isfinite(self.r1_weight) and self.r1_weight >= 0
        _check(self, "r1_weight", valid, "a number of 0 or more")
        _check(self, "r1_every", self.r1_every >= 1, "1 or more")
        _check(self, "precision", self.precision in PRECISIONS, ", ".join(PRECISIONS))
        _check(self, "seed", 0 <= self.seed <= MAX_SEED, f"0 to {MAX_SEED}")
        _check(self, "sample_every", self.sample_every >= 0, "0 or more")
        _check(self, "eval_every", self.eval_every >= 0, "0 or more")
        _check(self, "checkpoint_every", self.checkpoint_every >= 0, "0 or more")
        _check(self, "keep", self.keep >= 0, "0 or more")
        _check(self, "max_rollbacks", 0 <= self.max_rollbacks <= 1000, "0 to 1,000")

    @property
    def kind(self) -> str:
        """Return the recipe and what is beside it, such as "default-conv-conditional"."""
        usual = TrainConfig()
        beside = (
            self.model.arch if self.model.arch != usual.model.arch else "",
            "conditional" if self.conditional else "",
            self.objective if self.objective != usual.objective else "",
        )
        return "-".join(filter(None, (self.recipe, *beside)))


@dataclass(frozen=True)
class Recipe:
    """What a recipe settles for an architecture, beyond the networks and Adam."""

    lr: float
    decay_after: int
    decay_floor: float
    ema_decay: float
    r1_weight: float
    bn_eps: float
    bn_momentum: float


# The average of the weights bears a rate that the live ones do not, and learns faster for it. Once
# that has brought what it can, the rate has to fall for the distance to go on falling; sooner, it
# would cost more than it brings. See the README for what was measured.
_MLP = Recipe(
    lr=8e-4,
    decay_after=62_500,
    decay_floor=0.45,
    ema_decay=0.9999,
    r1_weight=0.1,
    bn_eps=1e-5,
    bn_momentum=0.8,
)
_CONV = replace(_MLP, lr=5e-4, decay_after=14_000, decay_floor=0.0, ema_decay=0.9995)

# BatchNorm1d(n, 0.8): the study note's literal call, whose 0.8 is eps. Kept for study.
_CLASSIC = Recipe(
    lr=2e-4,
    decay_after=0,
    decay_floor=0.0,
    ema_decay=0.0,
    r1_weight=0.0,
    bn_eps=0.8,
    bn_momentum=0.1,
)

RECIPES = {
    "default": {"mlp": _MLP, "conv": _CONV},
    "classic": {"mlp": _CLASSIC, "conv": _CLASSIC},
}
"""By name, then by architecture."""


def train_config(
    recipe: str,
    model: Mapping[str, Any],
    others: Mapping[str, Any] = MappingProxyType({}),
    /,
    **training: Any,
) -> TrainConfig:
    """Return the configuration of ``recipe`` with the given fields in place of the defaults.

    Args:
        recipe: a key of `RECIPES`.
        model: fields of the networks.
        others: fields of either that the recipe settles, or that no option does.
        training: fields of the run.

    Raises:
        BadInput: there is no such recipe, or a field is out of its range.
    """
    if recipe not in RECIPES:
        raise BadInput(f"there is no recipe '{recipe}'", f"recipes: {', '.join(RECIPES)}")
    shape = ModelConfig(**model)  # checks the architecture
    fields = {**asdict(RECIPES[recipe][shape.arch]), **others}
    norm = {name: fields.pop(name) for name in ("bn_eps", "bn_momentum")}
    shape = ModelConfig(**{**norm, **model})
    return TrainConfig(model=shape, recipe=recipe, **{**fields, **training})


def to_dict(config: ModelConfig | TrainConfig) -> dict[str, Any]:
    """Return ``config`` as plain JSON types, nested as it is."""
    return asdict(config)


def flat(config: TrainConfig) -> dict[str, Any]:
    """Return the configuration's fields by their names, the networks' first among them."""
    values = to_dict(config)
    model: dict[str, Any] = values.pop("model")
    return model | values


def from_dict(kind: type[Config], values: Mapping[str, Any]) -> Config:
    """Return the configuration that `to_dict` wrote.

    Raises:
        BadInput: a field is missing, unknown, of the wrong type or out of its range.
    """
    fields = {f.name: f for f in dataclasses.fields(kind)}
    values = {name: ADDED_LATER[name] for name in fields.keys() & ADDED_LATER} | dict(values)
    for name in sorted(fields.keys() ^ values.keys()):
        what = "lacks" if name in fields else "has an unknown field,"
        raise BadInput(f"the configuration {what} {name[:60]!r}", "use the ganctl that wrote it")
    checked = {name: _typed(name, str(fields[name].type), values[name]) for name in fields}
    try:
        return kind(**checked)
    except OutOfRange as error:  # nobody has typed it
        raise BadInput(error.message, error.hint) from error


def _typed(name: str, declared: str, value: Any) -> Any:
    if declared == "ModelConfig" and isinstance(value, Mapping):
        return from_dict(ModelConfig, value)
    if declared == "float" and type(value) is int and abs(value) < 2**53:
        return float(value)  # JSON writes 1.0 as it likes
    if type(value).__name__ != declared:
        hint = "use the ganctl that wrote it"
        raise BadInput(f"the configuration's {name} is no {declared}: {value!r:.60}", hint)
    return value


def _check(config: ModelConfig | TrainConfig, name: str, valid: bool, allowed: str) -> None:
    if not valid:
        raise OutOfRange(name, getattr(config, name), allowed)
