"""``ganctl data``: what can be trained on."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganctl.cli import complete, screen
from ganctl.cli.options import DataDir, Json, refuse_same
from ganctl.text import counted, sized

if TYPE_CHECKING:
    from ganctl.data.survey import Survey

data = typer.Typer(
    add_completion=False,
    rich_markup_mode="rich",
    help="Say what can be trained on, download it, and look through your own pictures.\n\n"
    "Example: [bold]ganctl data show pictures.zip[/]",
)

NAMED = 5
"""Unreadable files that are named with their reasons before the rest is only counted."""

CLASSES_NAMED = 50
"""Classes that are named."""


@data.command("list")
def list_known(data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the data sets known by name, and whether they are there.

    Example: [bold]ganctl data list[/]
    """
    from ganctl.data.load import default_data_dir
    from ganctl.data.shelf import shelf

    place = data_dir or default_data_dir()
    found = shelf(place)
    if as_json:
        _print_json([dataclasses.asdict(each) for each in found])
        return
    from ganctl.cli.tables import show_fitting_table

    show_fitting_table(
        ["name", "images", "pixels", "on disk", "download", "what", "whose"],
        [
            [
                each.name,
                f"{each.images:,}",
                f"{each.side}×{each.side}",
                sized(each.size) if each.here else "not here",
                sized(each.download) if each.download else "",
                each.what,
                each.source,
            ]
            for each in found
        ],
        ("what", "whose"),
        ("whose", "download", "pixels"),
        "Known by name, for --data",
    )
    screen.result(
        f"they lie in {place}",
        "what is not here: ganctl data fetch NAME",
        "your own pictures: a folder or .zip of PNG and JPEG files, ganctl data show PATH",
    )


@data.command()
def fetch(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME...",
            autocompletion=complete.words(*complete.FETCHABLE),
            help="mnist, fashion-mnist, kmnist, emnist-digits, usps.",
        ),
    ],
    data_dir: DataDir = None,
) -> None:
    """Download data sets and verify them; what is there already is verified.

    Example: [bold]ganctl data fetch mnist kmnist[/]
    """
    from ganctl.cli.bar import Bar
    from ganctl.data.known import KNOWN
    from ganctl.data.load import default_data_dir
    from ganctl.data.shelf import check_fetchable, fetch_known

    for name in names:
        check_fetchable(name)
    place = data_dir or default_data_dir()
    for name in dict.fromkeys(names):
        with Bar(in_bytes=True) as bar:
            downloaded = fetch_known(name, place, bar.show)
        known = KNOWN[name]
        how = "downloaded" if downloaded else "already here"
        screen.result(f"{name}: {how}: {known.what}, verified, in {known.folder(place)}")


@data.command()
def show(
    source: Annotated[
        str,
        typer.Argument(
            metavar="NAME|PATH",
            autocompletion=complete.data,
            help="A known data set, a folder or .zip of PNG and JPEG files, a folder of idx files.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Argument(
            metavar="OUT",
            readable=False,
            autocompletion=complete.files(".png"),
            help="The contact sheet, a .png: a row a class, as training would see them.",
            show_default="NAME-sheet.png, by the data's name",
        ),
    ] = None,
    img_size: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=4,
            max=512,
            help="Height and width in pixels.",
            show_default="what fits, up to 32",
        ),
    ] = None,
    channels: Annotated[
        int | None,
        typer.Option(
            metavar="1|3",
            help="1 grey, 3 colour.",
            show_default="3 where there is colour",
        ),
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Look through a data set: counts, sizes, kinds, unreadable files, and a contact sheet.

    Training turns pictures upright, lays transparency over white, takes the centre square.

    Unreadable files are skipped there and named here.

    Example: [bold]ganctl data show pictures.zip sheet.png --img-size 64[/]
    """
    from ganctl.cli.bar import Bar
    from ganctl.data.contact_sheet import contact_sheet
    from ganctl.data.survey import survey
    from ganctl.files import write_atomic
    from ganctl.images import encode_png

    if channels not in (None, 1, 3):
        raise typer.BadParameter(f"{channels} is not 1 or 3", param_hint="--channels")
    sheet = out or _default_out(source)
    _check_sheet(sheet)
    with Bar() as bar:
        found = survey(
            source,
            data_dir,
            img_size,
            channels,
            lambda done, total: bar.show("reading", done, total),
        )
    if os.path.exists(source):
        refuse_same(sheet, Path(source), "the contact sheet would take the place of the pictures")
    write_atomic(sheet, encode_png(contact_sheet(found)))
    wrote = f"wrote {sheet}: {found.shown} of {counted(found.images, 'image')}"
    if found.classes:
        wrote += ", a row a class"
    if as_json:
        _print_json(_plain(found, source, sheet))
        screen.note(wrote)
        return
    from ganctl.cli.tables import show_sections

    show_sections([(found.name, _rows(found)), ("training", _training_rows(found, source))])
    screen.result("", wrote)


def _default_out(source: str) -> Path:
    """Return a file that hardly is a picture of the user's own."""
    from ganctl.data.load import NAMES

    path = Path(source)
    name = path.resolve().name if os.path.isdir(path) else path.stem
    return Path(f"{source if source in NAMES else name or 'data'}-sheet.png")


def _check_sheet(sheet: Path) -> None:
    """Fail before anything is read if the contact sheet could not be written.

    Raises:
        BadInput: it is no .png, or the place cannot be written.
    """
    from ganctl.errors import BadInput
    from ganctl.files import check_writable

    if sheet.suffix.lower() != ".png":
        raise BadInput(
            f"cannot write {sheet}: '{sheet.suffix}' is no kind of contact sheet", "end it in .png"
        )
    check_writable(sheet)
    if os.path.lexists(sheet) and not os.path.isfile(sheet):
        raise BadInput(f"cannot write {sheet}: it is in the way", "name another file")


def _rows(found: Survey) -> list[tuple[str, str]]:
    rows = [("images", f"{found.images:,}"), ("classes", _classes(found))]
    if found.gaps:
        rows.append(("no image of", _some(found.gaps, CLASSES_NAMED)))
    rows.append(("sizes", _sizes(found)))
    rows.append(("kinds", _tally(found.kinds)))
    if found.traits:
        rows.append(("among them", _tally(found.traits)))
    if found.unreadable:
        named = [f"{name} ({reason})" for name, reason in found.unreadable]
        rows.append(("unreadable", f"{len(named):,}: {_some(named, NAMED)}"))
    if found.others:
        kinds = [f"{ending or 'no ending'} ({count:,})" for ending, count in found.others.items()]
        rows.append(("passed over", f"{_some(kinds, NAMED)}: only PNG and JPEG are read"))
    return rows


def _tally(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} ({count:,})" for name, count in counts.items())


def _classes(found: Survey) -> str:
    if not found.classes:
        return "none: sub-folders would be classes"
    named = [f"{name} ({count:,})" for name, count in found.classes.items()]
    return f"{len(named):,}: {_some(named, CLASSES_NAMED)}"


def _some(words: list[str] | tuple[str, ...], most: int) -> str:
    """Return the first of them, and how many more there are."""
    more = f" and {len(words) - most:,} more" if len(words) > most else ""
    return f"{', '.join(words[:most])}{more}"


def _sizes(found: Survey) -> str:
    commonest, smallest, largest = found.size_range
    if len(found.sizes) == 1:
        return f"all {_size(commonest)}"
    return (
        f"{_size(commonest)} is the commonest ({counted(found.sizes[commonest], 'image')}), "
        f"{_size(smallest)} the smallest, {_size(largest)} the largest"
    )


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"


def _training_rows(found: Survey, source: str) -> list[tuple[str, str]]:
    from ganctl.data.survey import USUAL

    side, channels = found.img_size, found.channels
    size = found.images * channels * side * side
    shape = f"{found.images:,} images of {channels}×{side}×{side}, {sized(size)} in memory"
    changes = [
        f"{count:,} {what}"
        for count, what in (
            (found.cropped, "cropped to the centre square"),
            (found.enlarged, "enlarged"),
        )
        if count
    ]
    rows = [("makes of them", "; ".join([shape, *changes]))]
    if found.images < USUAL:
        rows.append(("few", f"so few are learnt by heart: {USUAL:,} or more are usual"))
    return [*rows, ("command", shlex.join(_command(found, source)))]


def _command(found: Survey, source: str) -> list[str]:
    """Return the command that trains on it, its options where they are not the defaults."""
    command = ["ganctl", "train", "--data", source]
    if found.img_size != 28:
        command += ["--img-size", str(found.img_size)]
    if found.channels != 1:
        command += ["--channels", str(found.channels)]
    if (found.img_size, found.channels) != (28, 1):
        command += ["--arch", "conv"] + ["--conditional"] * (len(found.classes) > 1)
    return command


def _plain(found: Survey, source: str, sheet: Path) -> dict[str, Any]:
    """Return what was found as JSON types, without the picture."""
    from ganctl.data.survey import USUAL

    return {
        "name": found.name,
        "images": found.images,
        "classes": found.classes,
        "gaps": found.gaps,
        "sizes": {
            "different": len(found.sizes),
            **{
                name: {"width": width, "height": height}
                for name, (width, height) in zip(
                    ("commonest", "smallest", "largest"), found.size_range, strict=True
                )
            },
        },
        "kinds": found.kinds,
        "traits": found.traits,
        "unreadable": [each._asdict() for each in found.unreadable],
        "passed_over": found.others,
        "training": {
            "img_size": found.img_size,
            "channels": found.channels,
            "cropped": found.cropped,
            "enlarged": found.enlarged,
            "few": found.images < USUAL,
        },
        "command": _command(found, source),
        "sheet": str(sheet),
    }


def _print_json(found: Any) -> None:
    screen.result(*json.dumps(found, indent=2).splitlines())
