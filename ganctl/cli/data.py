"""``ganctl data``: list, download and inspect data sets."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganctl.cli import complete, screen
from ganctl.cli.options import DataDir, Json, refuse_same
from ganctl.text import counted, format_bytes

if TYPE_CHECKING:
    from ganctl.data.inspect import Inspection

data = typer.Typer(
    add_completion=False,
    rich_markup_mode="rich",
    help="List data sets, download them, and inspect your own pictures.\n\n"
    "Example: [bold]ganctl data show pictures.zip[/]",
)

MAX_FILES, MAX_CLASSES = 5, 50  # named in the summary; the rest is only counted


@data.command("list")
def list_known(data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the data sets that are known by name, and which are downloaded.

    Example: [bold]ganctl data list[/]
    """
    from ganctl.data.registry import DATASETS, default_data_dir, find_dataset

    folder = data_dir or default_data_dir()
    found: list[dict[str, Any]] = []
    for name, dataset in DATASETS.items():
        path, size = find_dataset(name, folder)
        about = {"name": name, "images": dataset.count, "side": dataset.side, "what": dataset.what}
        where = {"path": str(path), "here": size > 0, "size": size, "download": dataset.download}
        found.append(about | where | {"source": dataset.source})
    if as_json:
        _print_json(found)
        return
    from ganctl.cli.tables import show_fitting_table

    show_fitting_table(
        ["name", "images", "pixels", "on disk", "download", "what", "source"],
        [
            [
                each["name"],
                f"{each['images']:,}",
                f"{each['side']}×{each['side']}",
                format_bytes(each["size"]) if each["here"] else "not here",
                format_bytes(each["download"]) if each["download"] else "",
                each["what"],
                each["source"],
            ]
            for each in found
        ],
        ("what", "source"),
        ("source", "download", "pixels"),
        "Known by name, for --data",
    )
    screen.result(
        f"data directory: {folder}",
        "download one: ganctl data fetch NAME",
        "inspect your own folder or .zip of PNG and JPEG files: ganctl data show PATH",
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
    """Download data sets and verify them. Existing ones are only verified.

    Example: [bold]ganctl data fetch mnist kmnist[/]
    """
    from ganctl.cli.progress import Bar
    from ganctl.data.registry import (
        DATASETS,
        check_downloadable,
        default_data_dir,
        is_downloaded,
        load_dataset,
    )

    for name in names:
        check_downloadable(name)
    folder = data_dir or default_data_dir()
    for name in dict.fromkeys(names):
        how = "already here" if is_downloaded(name, folder) else "downloaded"
        with Bar(in_bytes=True) as bar:
            load_dataset(name, folder, bar.show)
        dataset = DATASETS[name]
        screen.result(f"{name}: {how}: {dataset.what}, verified, in {folder / dataset.folder}")


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
            help="The contact sheet, a .png: one row per class, as training sees the images.",
            show_default="NAME-sheet.png",
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
            help="1 for grey, 3 for colour.",
            show_default="3 if any picture has colour",
        ),
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Inspect a data set: counts, sizes, kinds, unreadable files, and a contact sheet.

    Training applies EXIF rotation, lays transparency over white and crops to the centre square.

    It skips unreadable files. This command names them and gives the reasons.

    Example: [bold]ganctl data show pictures.zip sheet.png --img-size 64[/]
    """
    from ganctl.cli.progress import Bar
    from ganctl.data.inspect import inspect_data
    from ganctl.data.load import data_name
    from ganctl.files import write_atomic
    from ganctl.images import encode_png

    if channels not in (None, 1, 3):
        raise typer.BadParameter(f"{channels} is not 1 or 3", param_hint="--channels")
    sheet = out or Path(f"{data_name(source) or 'data'}-sheet.png")
    _check_sheet(sheet)
    with Bar() as bar:
        found = inspect_data(
            *(source, data_dir, img_size, channels),
            lambda done, total: bar.show("reading", done, total),
        )
    if os.path.exists(source):
        refuse_same(sheet, Path(source), "the contact sheet would replace the pictures")
    write_atomic(sheet, encode_png(found.sheet))
    wrote = f"wrote {sheet}: {found.shown} of {counted(found.images, 'image')}"
    wrote += ", one row per class" if found.classes else ""
    if as_json:
        _print_json(_as_json(found, source, sheet))
        screen.note(wrote)
        return
    from ganctl.cli.tables import show_sections

    show_sections([(found.name, _rows(found)), ("training", _training_rows(found, source))])
    screen.result("", wrote)


def _check_sheet(sheet: Path) -> None:
    """Raise BadInput before anything is read if the contact sheet cannot be written."""
    from ganctl.errors import BadInput
    from ganctl.files import check_writable

    if sheet.suffix.lower() != ".png":
        raise BadInput(f"cannot write {sheet}: a contact sheet is a .png", "end its name in .png")
    check_writable(sheet)
    if os.path.lexists(sheet) and not os.path.isfile(sheet):
        raise BadInput(f"cannot write {sheet}: it is not a file", "name another file")


def _rows(found: Inspection) -> list[tuple[str, str]]:
    classes = "none: sub-folders would be classes"
    if found.classes:
        classes = f"{len(found.classes):,}: {_tally(found.classes, MAX_CLASSES)}"
    rows = [("images", f"{found.images:,}"), ("classes", classes)]
    if found.empty_classes:
        rows.append(("no image of", _some(found.empty_classes, MAX_CLASSES)))
    common, smallest, largest = map(_size, found.size_range)
    sizes = f"all {common}"
    if len(found.sizes) > 1:
        ((_, count),) = found.sizes.most_common(1)
        images = counted(count, "image")
        sizes = f"most common {common} ({images}), smallest {smallest}, largest {largest}"
    rows += [("sizes", sizes), ("kinds", _tally(found.kinds, MAX_FILES))]
    if found.traits:
        rows.append(("among them", _tally(found.traits, len(found.traits))))
    if found.skipped:
        named = [f"{name} ({reason})" for name, reason in found.skipped]
        rows.append(("unreadable", f"{len(named):,}: {_some(named, MAX_FILES)}"))
    if found.other_suffixes:
        others = {suffix or "no suffix": count for suffix, count in found.other_suffixes.items()}
        rows.append(("ignored", f"{_tally(others, MAX_FILES)}: only PNG and JPEG are read"))
    return rows


def _tally(counts: dict[str, int], most: int) -> str:
    return _some([f"{name} ({count:,})" for name, count in counts.items()], most)


def _some(words: list[str], most: int) -> str:
    """Return the first words, and how many more there are."""
    more = f" and {len(words) - most:,} more" if len(words) > most else ""
    return f"{', '.join(words[:most])}{more}"


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"


def _training_rows(found: Inspection, source: str) -> list[tuple[str, str]]:
    from ganctl.data.inspect import FEW_IMAGES

    side, channels = found.img_size, found.channels
    size = format_bytes(found.images * channels * side * side)
    result = f"{found.images:,} images of {channels}×{side}×{side}, {size} in memory"
    for count, what in (
        (found.cropped, "cropped to the centre square"),
        (found.enlarged, "enlarged"),
    ):
        result += f"; {count:,} {what}" if count else ""
    rows = [("result", result)]
    if found.images < FEW_IMAGES:
        rows.append(("few images", f"the generator may memorise them; use {FEW_IMAGES:,} or more"))
    return [*rows, ("command", shlex.join(_command(found, source)))]


def _command(found: Inspection, source: str) -> list[str]:
    """Return the training command, with the options that differ from the defaults."""
    command = ["ganctl", "train", "--data", source]
    if found.img_size != 28:
        command += ["--img-size", str(found.img_size)]
    if found.channels != 1:
        command += ["--channels", str(found.channels)]
    if (found.img_size, found.channels) != (28, 1):
        command += ["--arch", "conv"] + ["--conditional"] * (len(found.classes) > 1)
    return command


def _as_json(found: Inspection, source: str, sheet: Path) -> dict[str, Any]:
    from ganctl.data.inspect import FEW_IMAGES

    sizes = zip(("commonest", "smallest", "largest"), found.size_range, strict=True)
    return {
        "name": found.name,
        "images": found.images,
        "classes": found.classes,
        "gaps": found.empty_classes,
        "sizes": {
            "different": len(found.sizes),
            **{name: {"width": width, "height": height} for name, (width, height) in sizes},
        },
        "kinds": found.kinds,
        "traits": found.traits,
        "unreadable": [each._asdict() for each in found.skipped],
        "passed_over": found.other_suffixes,
        "training": {
            "img_size": found.img_size,
            "channels": found.channels,
            "cropped": found.cropped,
            "enlarged": found.enlarged,
            "few": found.images < FEW_IMAGES,
        },
        "command": _command(found, source),
        "sheet": str(sheet),
    }


def _print_json(found: Any) -> None:
    screen.result(*json.dumps(found, indent=2).splitlines())
