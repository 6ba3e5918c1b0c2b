"""``ganctl infer``: draw from an ONNX generator, without torch."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganctl.cli import complete, screen
from ganctl.cli.options import (
    UNTRUSTED,
    Cols,
    Count,
    Digit,
    Digits,
    Interpolate,
    MaxModel,
    Seed,
    Show,
    Start,
    Threads,
    Truncation,
    nothing_written,
    out_argument,
    refuse_same,
    tell_kept,
)
from ganctl.text import counted

if TYPE_CHECKING:
    from ganctl.inference.self_test import Verdict

OTHERS = "Generators that ganctl did not make: what the file does not say"


class ValueRange(str, Enum):
    """As `ganctl.inference.signature.RANGES` spells them."""

    SIGNED = "-1,1"
    UNSIGNED = "0,1"
    LEVELS = "0,255"


class Layout(str, Enum):
    """As `ganctl.inference.signature.LAYOUTS` spells them."""

    FIRST = "nchw"
    LAST = "nhwc"


def infer(
    ctx: typer.Context,
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            readable=False,
            autocompletion=complete.files(".onnx"),
            help="An ONNX file: of ganctl export, or another generator.",
        ),
    ],
    out: Annotated[Path | None, out_argument("the model's name with .png")] = None,
    count: Count = None,
    seed: Seed = 0,
    start: Start = 0,
    cols: Cols = 0,
    digit: Digit = None,
    digits: Digits = None,
    truncation: Truncation = 1.0,
    interpolate: Interpolate = None,
    show: Show = False,
    batch_size: Annotated[
        int,
        typer.Option(metavar="N", min=1, max=65536, help="Images drawn at once; changes no image."),
    ] = 64,
    threads: Threads = 0,
    provider: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            autocompletion=complete.words("cpu", "cuda"),
            help="What runs it: cpu, or another that onnxruntime has (cuda, …).",
        ),
    ] = "cpu",
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Write nothing: say whether the file still draws what it drew when it was made.",
        ),
    ] = False,
    latent_dim: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, max=65536, help="Values of a latent.", rich_help_panel=OTHERS
        ),
    ] = None,
    value_range: Annotated[
        ValueRange | None,
        typer.Option(help="Of its images' values.", rich_help_panel=OTHERS),
    ] = None,
    layout: Annotated[
        Layout | None,
        typer.Option(help="Whether channels come first or last.", rich_help_panel=OTHERS),
    ] = None,
    max_model_mb: MaxModel = 512,
    max_image_mb: Annotated[
        int,
        typer.Option(
            metavar="MB",
            min=1,
            max=1_000_000,
            help="Memory of a batch of images, and of all that leads to it.",
            rich_help_panel=UNTRUSTED,
        ),
    ] = 1024,
    max_seconds: Annotated[
        int,
        typer.Option(
            metavar="S",
            min=1,
            max=86_400,
            help="Time to load it, and for each batch.",
            rich_help_panel=UNTRUSTED,
        ),
    ] = 60,
    allow_any_op: Annotated[
        bool,
        typer.Option(
            "--allow-any-op",
            help="Run whatever the file holds, its memory not known beforehand.",
            rich_help_panel=UNTRUSTED,
        ),
    ] = False,
) -> None:
    """Draw images from an ONNX generator: onnxruntime and NumPy, no torch.

    The same seed draws the same images as [bold]ganctl sample[/].

    Generators of other tools will do, if they make images of latents (and classes).

    No file is trusted: it can read no other file, its memory and time are limited.

    Example: [bold]ganctl infer gen.onnx -n 64 --seed 7 out.png[/]
    """
    from ganctl.cli.asked import Asked
    from ganctl.cli.deliver import check_target, deliver, file_for
    from ganctl.environment import cpu_count
    from ganctl.inference.generator import load_onnx
    from ganctl.inference.session import Limits
    from ganctl.inference.signature import Told
    from ganctl.inference.watched import Watched

    place = out and file_for(out)
    asked = Asked(place, count, seed, start, cols, digit, digits, truncation, interpolate, show)
    cores = cpu_count()
    if threads > cores:
        screen.note(
            f"{threads} threads would wait for each other on {counted(cores, 'core')}: "
            f"using {cores}"
        )
    beside = {"out", *Asked.__dataclass_fields__} & set(_given(ctx))
    if verify and beside:
        raise typer.BadParameter(
            f"draws the file's own self-test and writes nothing: leave {_spelt(beside)} out",
            param_hint="--verify",
        )
    if out is not None:
        check_target(out, show)
    with nothing_written():
        generator = load_onnx(
            model,
            min(threads, cores),
            provider,
            batch_size,
            Told(latent_dim, value_range and value_range.value, layout and layout.value),
            Limits(max_model_mb, max_image_mb, max_seconds, allow_any_op),
        )
        for guess in generator.guesses:
            screen.note(f"{model}: {guess}")
        if verify:
            screen.result(f"{model}: {_verdict(generator.verify())}")
            return
        if out is None and not show:
            out = model.with_suffix(".png")
            check_target(out, show)
        if out is not None:
            refuse_same(file_for(out), model, "the images would take the model's place")
        drawn = asked.of(model, generator.latent_dim, generator.class_names, generator.class_shares)
        if out is not None:
            tell_kept(out)
        watched = Watched(generator)
        deliver(
            generator if generator.card else watched,
            drawn,
            generator.image_shape,
            generator.fixed_batch or batch_size,
            out,
            show,
        )
    if watched.share_beyond:
        screen.note(
            f"{watched.share_beyond:.1%} of the values lay outside the range taken and were cut "
            "off: is --value-range another?"
        )


def _spelt(names: Collection[str]) -> str:
    """Return the parameters as a command line spells them."""
    return ", ".join("OUT" if name == "out" else f"--{name}" for name in sorted(names))


def _verdict(verdict: Verdict) -> str:
    compared = f"{counted(verdict.images, 'image')}, {counted(verdict.pixels, 'pixel')}"
    if not verdict.pixels_off:
        return f"identical to what it drew when it was made ({compared})"
    return (
        f"within tolerance of what it drew when it was made ({compared}, of which "
        f"{verdict.pixels_off:,} off by {counted(verdict.max_levels, 'grey level')} at most)"
    )


def _given(ctx: typer.Context) -> list[str]:
    """Return the names of the options that are on the command line."""
    sources = {name: ctx.get_parameter_source(name) for name in ctx.params}
    return [name for name, source in sources.items() if source and source.name == "COMMANDLINE"]
