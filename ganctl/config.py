"""What a run is made of: frozen, checked when it is made, saved with everything it produces."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ganctl.arguments import make_plain, one_of
from ganctl.errors import BadInput, InvalidOption
from ganctl.options import Options, refuse_unknown
from ganctl.recipes import RECIPES

if TYPE_CHECKING:
    from typing_extensions import Unpack

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


@dataclass(frozen=True)
class ModelConfig:
    """The shape of both networks: the ``model`` of a `TrainConfig`.

    Raises:
        BadInput: a field has another type, or is out of its range.
    """

    arch: str = "mlp"  # see ARCHITECTURES
    classes: int = 0  # that can be asked for, up to 65,536; 0: unconditional
    latent_dim: int = 100  # 1 to 65,536
    img_size: int = 28  # height and width in pixels, 4 to 512
    channels: int = 1  # 1 grey, 3 colour
    bn_eps: float = 1e-5  # added to the variance before the root; above 0 and up to 1
    bn_momentum: float = 0.8  # of the newest batch in the running statistics; above 0 and up to 1

    def __post_init__(self) -> None:
        make_plain(self)
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


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One training run, settled: what `train_config` returns, and ``run.config``.

    ``recipe`` says where the values came from, and brings none: `train_config` does, so what it
    settles has no default here.

    Raises:
        TypeError: a field without a default is missing.
        BadInput: a field has another type, or is out of its range.
    """

    model: ModelConfig
    recipe: str = "default"  # where the values below came from: see RECIPES
    data: str = "mnist"  # a data set's name or a path
    data_dir: str = ""  # where downloaded data sets lie; "" for the default place
    epochs: int = 200  # 1 to 10⁹
    conditional: bool = False  # on the class; the model's classes are settled when a run starts
    objective: str = "non-saturating"  # see OBJECTIVES
    batch_size: int = 64  # images a step, 2 to 65,536
    lr: float  # Adam's step size, both networks; above 0
    decay_after: int  # steps after which lr falls, in a line to 0 at the end; 0: never
    decay_floor: float  # share of lr that it does not fall below, 0 to 1
    b1: float = 0.5  # Adam's decay of the gradient's mean, 0 or more and below 1
    b2: float = 0.999  # Adam's decay of its square, 0 or more and below 1
    ema_decay: float  # of the generator's weights, a step, below 1; 0 switches the average off
    ema_every: int = 8  # steps between updates of the average, by decay ** ema_every; from 1
    r1_weight: float  # of the gradient penalty on real images; 0 switches it off
    r1_every: int = 16  # steps between penalties, each weighted so many times as much; from 1
    precision: str = "auto"  # of a step's arithmetic: see PRECISIONS; settled when a run starts
    seed: int = 0  # of the initial weights, the order of the data and the latents; below 2³²
    sample_every: int = 10  # epochs; 0 for never
    eval_every: int = 10  # epochs between measurements of the drawn digits; 0 for never
    checkpoint_every: int = 10  # epochs; 0 for only at the end
    keep: int = 0  # checkpoints that stay when later ones come, the newest ones
    max_rollbacks: int = 0  # to the last checkpoint, when training diverges; up to 1,000

    def __post_init__(self) -> None:
        make_plain(self)
        _check(self, "model", isinstance(self.model, ModelConfig), "a ModelConfig")
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
        beside = (
            self.model.arch if self.model.arch != ModelConfig.arch else "",
            "conditional" if self.conditional else "",
            self.objective if self.objective != TrainConfig.objective else "",
        )
        return "-".join(filter(None, (self.recipe, *beside)))


def train_config(**options: Unpack[Options]) -> TrainConfig:
    """Return the configuration that ``options`` make: the recipe's values where they say nothing.

    ``ganctl.train_config(recipe="classic", data="digits", epochs=5)``, for `ganctl.train` to take.

    Args:
        **options: as of `ganctl.train`.

    Raises:
        TypeError: there is no such option.
        BadInput: an option has another type, or is out of its range.
    """
    refuse_unknown("train_config", options)
    recipe = one_of("recipe", options.get("recipe", TrainConfig.recipe), RECIPES)
    arch = one_of("arch", options.get("arch", ModelConfig.arch), ARCHITECTURES)
    values: dict[str, Any] = asdict(RECIPES[recipe][arch]) | options
    names = {each.name for each in dataclasses.fields(ModelConfig)}
    model = {name: values.pop(name) for name in names & values.keys()}
    return TrainConfig(model=ModelConfig(**model), **values)


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
    except InvalidOption as error:  # nobody has typed it
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
        raise InvalidOption(name, getattr(config, name), allowed)
