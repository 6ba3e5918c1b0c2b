"""The configuration of a training run: every option once, with its default, range and help.

To add an option, add one field to `TrainConfig` and the code that uses it. Everything else is
derived from the fields: validation, the options and help of ``ganctl train``, the keywords of
`ganctl.train`, the keys of ``--config``, what may change on resume, the options table and the JSON
schema in the docs, and the command that repeats a run. All functions here accept a subclass.
"""

from __future__ import annotations

import dataclasses
import math
import operator
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from ganctl.arguments import real, text, truth, whole
from ganctl.environment import DEVICE_VARIABLE, DEVICES, THREADS_VARIABLE, is_device, is_run_name
from ganctl.errors import BadInput, InvalidOption
from ganctl.text import did_you_mean
from ganctl.text import option as option_text

MAX_SEED = 2**32 - 1  # as in most tools of the field
MONITOR_IMAGES = 2000  # images drawn for each evaluation during training

Config = TypeVar("Config", bound="_Options")

# What a recipe changes, by architecture. The average of the weights tolerates a higher rate than
# the live weights, and learns faster with it; the distance then falls further only if the rate
# falls. docs/recipes.md has the measurements.
_CONV: dict[str, Any] = {
    "lr": 5e-4,
    "decay_after": 14_000,
    "decay_floor": 0.0,
    "ema_decay": 0.9995,
}
_CLASSIC: dict[str, Any] = {
    "lr": 2e-4,
    "decay_after": 0,
    "decay_floor": 0.0,
    "ema_decay": 0.0,
    "r1_weight": 0.0,
    "bn_eps": 0.8,  # the literal BatchNorm1d(n, 0.8), whose second argument is eps
    "bn_momentum": 0.1,
}
RECIPES: dict[str, dict[str, dict[str, Any]]] = {
    "default": {"mlp": {}, "conv": _CONV},
    "classic": {"mlp": _CLASSIC, "conv": _CLASSIC},
}

BOUNDS: dict[str, tuple[Callable[[Any, Any], bool], str, str]] = {  # with their JSON schema words
    "ge": (operator.ge, "{:,} or more", "minimum"),
    "gt": (operator.gt, "above {:,}", "exclusiveMinimum"),
    "le": (operator.le, "up to {:,}", "maximum"),
    "lt": (operator.lt, "below {:,}", "exclusiveMaximum"),
}
DATA, TRAINING, RUN, ADVANCED = "Data", "Training", "Run", "Advanced"  # panels of the help


@dataclass(frozen=True)
class Option:
    """What is known about one field of a configuration class.

    ``ge``, ``gt``, ``le`` and ``lt`` bound a number. ``valid`` checks a text, and ``expected``
    then says what it may be. ``resumable`` options may change when a run is resumed. An option
    without a panel is no option for users: ganctl sets it when a run starts.
    """

    name: str
    kind: type  # bool, int, float or str
    default: Any
    help: str
    panel: str
    choices: tuple[Any, ...] = ()
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    valid: Callable[[str], bool] | None = None
    expected: str = ""
    resumable: bool = False
    default_text: str = ""  # shown in place of the default
    envvar: str = ""

    @property
    def limits(self) -> dict[str, float]:
        """Return the bounds that the option has, by their keys in `BOUNDS`."""
        return {key: getattr(self, key) for key in BOUNDS if getattr(self, key) is not None}

    @property
    def allowed(self) -> str:
        """Return the allowed values in words, such as "a whole number, 2 to 65,536"."""
        if self.choices:
            return " or ".join(str(choice) for choice in self.choices)
        if self.expected:
            return self.expected
        kinds = {bool: "true or false", str: "text, or a path"}
        kinds |= {int: "a whole number", float: "a number"}
        limits = " and ".join(BOUNDS[key][1].format(limit) for key, limit in self.limits.items())
        if self.limits.keys() == {"ge", "le"}:
            limits = f"{self.ge:,} to {self.le:,}"
        return ", ".join(filter(None, (kinds[self.kind], limits)))

    def check(self, value: Any) -> Any:
        """Return ``value`` as a plain Python value; NumPy's scalars and paths are accepted.

        Raises:
            InvalidOption: the value has another type, or is out of range.
        """
        converters: dict[type, Callable[[str, object], Any]]
        converters = {bool: truth, int: whole, float: real, str: text}
        try:
            plain = converters[self.kind](self.name, value)
        except InvalidOption as error:
            raise InvalidOption(self.name, value, self.allowed) from error
        ok = (
            (not self.choices or plain in self.choices)
            and all(BOUNDS[key][0](plain, limit) for key, limit in self.limits.items())
            and (self.kind is not float or math.isfinite(plain))
            and (self.valid is None or self.valid(plain))
        )
        if not ok:
            raise InvalidOption(self.name, value, self.allowed)
        return plain


def option(default: Any, help: str, *, panel: str = TRAINING, **details: Any) -> Any:
    """Return the dataclass field of an option; ``details`` are those of `Option`."""
    known = {"default": default, "help": help, "panel": panel}
    return field(default=None, metadata={**known, **details})


@dataclass(frozen=True, kw_only=True)
class _Options:
    """Base of configuration classes: a field left out or None takes its default."""

    def __post_init__(self) -> None:
        for name in fields(type(self)):
            object.__setattr__(self, name, self._checked(name))

    def _checked(self, name: str) -> Any:
        value, each = getattr(self, name), fields(type(self))[name]
        return each.default if value is None else each.check(value)


_known_fields: dict[type, dict[str, Option]] = {}


def fields(kind: type[_Options]) -> dict[str, Option]:
    """Return the fields of a configuration class by name, in their order."""
    if kind in _known_fields:
        return _known_fields[kind]
    hints = get_type_hints(kind)
    found = {}
    for each in dataclasses.fields(kind):
        hint, details = hints[each.name], dict(each.metadata)
        if get_origin(hint) is Literal:
            details["choices"] = get_args(hint)
            hint = type(details["choices"][0])
        found[each.name] = Option(each.name, hint, **details)
    _known_fields[kind] = found
    return found


def options(*kinds: type[_Options]) -> dict[str, Option]:
    """Return the options of these classes that users may set, by name."""
    found = (each for kind in kinds for each in fields(kind).values())
    return {each.name: each for each in found if each.panel}


@dataclass(frozen=True, kw_only=True)
class TrainConfig(_Options):
    """What is trained and how. A field left out takes the default of its recipe.

    ``TrainConfig(recipe="classic", data="digits", epochs=5)``; pass it to `ganctl.train`.

    Raises:
        InvalidOption: a value has another type, or is out of range.
    """

    data: str = option(
        "mnist",
        "mnist, fashion-mnist, kmnist, emnist-digits, usps; digits (10,000 of MNIST, embedded); "
        "or a path: a folder or .zip of images, a folder of idx files.",
        panel=DATA,
    )
    data_dir: str = option(
        "",
        "Folder of downloaded data sets.",
        panel=DATA,
        resumable=True,
        default_text="$GANCTL_DATA, else the user's cache",
    )
    img_size: int = option(28, "Height and width in pixels.", panel=DATA, ge=4, le=512)
    channels: int = option(1, "1 for grey, 3 for colour.", panel=DATA, choices=(1, 3))

    recipe: Literal["default", "classic"] = option(
        "default", "default; or classic: the plain loop of most GAN tutorials, for study."
    )
    arch: Literal["mlp", "conv"] = option(
        "mlp", "mlp: fully connected networks; conv: small convolutional ones."
    )
    conditional: bool = option(
        False, "Learn the classes, so that sample and infer can draw a given digit."
    )
    objective: Literal["non-saturating", "hinge", "least-squares", "wasserstein"] = option(
        "non-saturating",
        "What both networks minimise: non-saturating, hinge, least-squares or wasserstein.",
    )
    epochs: int = option(200, "Passes over the data.", ge=1, le=10**9, resumable=True)
    batch_size: int = option(64, "Images per step.", ge=2, le=65536)  # BatchNorm compares images
    lr: float = option(8e-4, "Adam's learning rate, for both networks.", gt=0)
    latent_dim: int = option(100, "Dimensions of the latent z.", ge=1, le=65536)
    seed: int = option(
        0, "Seed of the first weights, the order of the data and the latents.", ge=0, le=MAX_SEED
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = option(
        "auto",
        "Arithmetic of a step; the weights stay fp32. auto: bf16 where its matrix products are at "
        "least twice as fast, else fp32.",
    )

    sample_every: int = option(
        10, "Epochs between sample grids; 0 for none.", panel=RUN, ge=0, resumable=True
    )
    eval_every: int = option(
        10,
        "Epochs between evaluations (FD, the Fréchet distance of 2,000 images); 0 for none.",
        panel=RUN,
        ge=0,
        resumable=True,
    )
    checkpoint_every: int = option(
        10, "Epochs between checkpoints; 0 for the end only.", panel=RUN, ge=0, resumable=True
    )
    keep: int = option(
        0,
        "How many earlier checkpoints to keep, as step-….safetensors.",
        panel=RUN,
        ge=0,
        resumable=True,
    )
    max_rollbacks: int = option(
        0,
        "How often to go back to the last checkpoint when training diverges.",
        panel=RUN,
        ge=0,
        le=1000,
        resumable=True,
    )

    b1: float = option(0.5, "Adam's decay of the mean gradient.", panel=ADVANCED, ge=0, lt=1)
    b2: float = option(0.999, "Adam's decay of the squared gradient.", panel=ADVANCED, ge=0, lt=1)
    decay_after: int = option(
        62_500,
        "Steps after which the learning rate falls linearly to 0 at the end; 0 for never.",
        panel=ADVANCED,
        ge=0,
    )
    decay_floor: float = option(
        0.45, "Share of the learning rate below which it does not fall.", panel=ADVANCED, ge=0, le=1
    )
    ema_decay: float = option(
        0.9999,
        "Decay per step of the average of the generator's weights, which draws the images; 0 for "
        "no average.",
        panel=ADVANCED,
        ge=0,
        lt=1,
    )
    ema_every: int = option(8, "Steps between updates of the average.", panel=ADVANCED, ge=1)
    r1_weight: float = option(
        0.1, "Weight of the R1 penalty on real images; 0 disables it.", panel=ADVANCED, ge=0
    )
    r1_every: int = option(
        16, "Steps between R1 penalties, each weighted as many times.", panel=ADVANCED, ge=1
    )
    bn_eps: float = option(1e-5, "Added to the variance in BatchNorm.", panel=ADVANCED, gt=0, le=1)
    bn_momentum: float = option(
        0.8,
        "Weight of the newest batch in BatchNorm's running statistics.",
        panel=ADVANCED,
        gt=0,
        le=1,
    )

    classes: int = option(0, "Classes of a conditional run.", panel="", ge=0, le=65536)

    def __post_init__(self) -> None:
        overrides = RECIPES[self._checked("recipe")][self._checked("arch")]
        for name, value in overrides.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        super().__post_init__()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Return (C, H, W)."""
        return (self.channels, self.img_size, self.img_size)

    @property
    def kind(self) -> str:
        """Return the recipe and what differs from it, such as "default-conv-conditional"."""
        known = fields(type(self))
        parts: list[str] = [self.recipe]
        parts += [self.arch] if self.arch != known["arch"].default else []
        parts += ["conditional"] if self.conditional else []
        parts += [self.objective] if self.objective != known["objective"].default else []
        return "-".join(parts)


@dataclass(frozen=True, kw_only=True)
class RunOptions(_Options):
    """How and where a run is made; not saved with it.

    Raises:
        InvalidOption: a value has another type, or is out of range.
    """

    fallback: bool = option(
        True, "Use the embedded digits if MNIST cannot be downloaded.", panel=DATA
    )
    name: str = option(
        "",
        "The run's folder, checkpoints/NAME; or in $GANCTL_RUNS.",
        panel=RUN,
        valid=is_run_name,
        expected="a plain folder name, such as first-try",
        default_text="data, recipe and time",
    )
    device: str = option(
        "auto",
        f"{DEVICES}.",
        panel=RUN,
        valid=is_device,
        expected=DEVICES,
        envvar=DEVICE_VARIABLE,
    )
    threads: int = option(
        0, "CPU threads; 0 for all cores.", panel=RUN, ge=0, le=1024, envvar=THREADS_VARIABLE
    )
    tensorboard: bool = option(False, "Also write metrics and samples for TensorBoard.", panel=RUN)
    plain: bool = option(False, "Print one line per epoch instead of a live panel.", panel=RUN)
    quiet: bool = option(False, "Print errors only.", panel=RUN)


def split(
    values: Mapping[str, Any], kind: type[Config], function: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return ``values`` as those of ``kind`` and those of `RunOptions`; None values are left out.

    Raises:
        TypeError: ``function`` has no such keyword.
    """
    training, run = options(kind), options(RunOptions)
    for name in values:
        if name not in training and name not in run:
            meant = did_you_mean(name, [*training, *run])
            raise TypeError(f"{function}() got an unexpected keyword argument '{name}'{meant}")
    given = {name: value for name, value in values.items() if value is not None}
    return (
        {name: value for name, value in given.items() if name in training},
        {name: value for name, value in given.items() if name in run},
    )


def to_dict(config: _Options) -> dict[str, Any]:
    """Return all fields of ``config`` as plain JSON types."""
    return {name: getattr(config, name) for name in fields(type(config))}


def from_dict(kind: type[Config], values: Mapping[str, Any]) -> Config:
    """Return the configuration that `to_dict` wrote.

    Raises:
        BadInput: a field is missing, unknown, of the wrong type or out of range.
    """
    for name in sorted(fields(kind).keys() ^ values.keys()):
        what = "lacks" if name in fields(kind) else "has an unknown field,"
        raise BadInput(f"the configuration {what} {name[:60]!r}", "use the ganctl that wrote it")
    try:
        return kind(**{name: fields(kind)[name].check(value) for name, value in values.items()})
    except InvalidOption as error:  # from a file, not the command line
        raise BadInput(f"in the configuration, {error.message}", error.hint) from error


def recipe_values(kind: type[TrainConfig], recipe: str, arch: str) -> dict[str, Any]:
    """Return the values of all options that a recipe gives to an architecture."""
    return to_dict(kind(recipe=recipe, arch=arch))  # type: ignore[arg-type]


def without_recipe(values: Mapping[str, Any], kind: type[TrainConfig]) -> dict[str, Any]:
    """Return ``values`` without those that only repeat their recipe.

    A file that names everything a recipe may change, as ``--dry-run`` and a run's config.json do,
    leaves room for another ``--recipe`` or ``--arch``. A file that names only some of it is taken
    as it is.
    """
    recipe, arch = (values.get(name, fields(kind)[name].default) for name in ("recipe", "arch"))
    if not _CLASSIC.keys() <= values.keys():
        return dict(values)
    usual = recipe_values(kind, recipe, arch)
    return {
        name: value
        for name, value in values.items()
        if name not in _CLASSIC or value != usual[name]
    }


def resumed(saved: TrainConfig, given: Mapping[str, Any]) -> TrainConfig:
    """Return the configuration that a resumed run continues with.

    Args:
        saved: the run's own.
        given: explicitly given options and their values.

    Raises:
        BadInput: an option contradicts the run.
    """
    known, changes = fields(type(saved)), {}
    for name, value in given.items():
        value = known[name].check(value)
        if value == getattr(saved, name) or (name, value) == ("precision", "auto"):
            continue
        if not known[name].resumable:
            started = "with" if value is False else "without"
            has = (
                f"was started {started} it"
                if known[name].kind is bool
                else f"has {getattr(saved, name)}"
            )
            raise BadInput(
                f"{option_text(name, value)} contradicts the run, which {has}",
                f"leave {option_text(name)} out to resume, or start a new run without --resume",
            )
        changes[name] = value
    return replace(saved, **changes)


def repeat_command(config: TrainConfig, threads: int = 0) -> str:
    """Return the command line that starts the same run.

    Args:
        config: of the run.
        threads: of the CPU, on which the last bits of the weights depend; 0 if unknown.
    """
    usual = recipe_values(type(config), config.recipe, config.arch)
    words = [f"--data {shlex.quote(config.data)}"]
    for name, each in options(type(config)).items():
        value = getattr(config, name)
        always = name in ("epochs", "precision")
        named = name in ("recipe", "arch") and value != each.default
        if name != "data" and (always or named or value != usual[name]):
            words.append(option_text(name, _short(value)))
    words += [option_text("threads", threads)] if threads else []
    return " ".join(["ganctl train", *words])


def _short(value: Any) -> Any:
    short = f"{value:g}" if type(value) is float else value
    return short if type(value) is not float or float(short) == value else value


def json_schema(kind: type[TrainConfig]) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a run's config.json."""
    types = {bool: "boolean", int: "integer", float: "number", str: "string"}
    properties: dict[str, Any] = {}
    for name, each in fields(kind).items():
        found: dict[str, Any] = {"type": types[each.kind], "description": each.help}
        found |= {"enum": list(each.choices)} if each.choices else {"default": each.default}
        properties[name] = found | {BOUNDS[key][2]: n for key, n in each.limits.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ganctl training configuration",
        "type": "object",
        "required": list(properties),
        "additionalProperties": False,
        "properties": properties,
    }


def options_table(*kinds: type[_Options]) -> str:
    """Return a Markdown table of all options with their defaults and ranges, by panel."""
    lines = ["| option | default | allowed | meaning |", "|---|---|---|---|"]
    for panel in (DATA, TRAINING, RUN, ADVANCED):
        lines.append(f"| **{panel}** | | | |")
        for each in options(*kinds).values():
            if each.panel == panel:
                cells = (f"`{option_text(each.name)}`", default_text(each), each.allowed, each.help)
                lines.append(f"| {' | '.join(re.sub('[|]', '/', cell) for cell in cells)} |")
    return "\n".join(lines) + "\n"


def default_text(each: Option) -> str:
    """Return the default in words, with those of other recipes, as "0.0008; conv 0.0005"."""
    if each.default_text:
        return each.default_text
    if each.kind is bool:
        return "yes" if each.default else "no"
    parts = [str(_short(each.default))]
    for name, overrides in (("conv", _CONV), ("classic", _CLASSIC)):
        if each.name in overrides:
            parts.append(f"{name} {_short(overrides[each.name])}")
    return "; ".join(parts)
