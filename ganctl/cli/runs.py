"""``ganctl runs``: list runs, compare them, draw their reports."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganctl.cli import complete, screen
from ganctl.cli.options import Json
from ganctl.errors import BadInput, WrongValue
from ganctl.text import counted, format_bytes

if TYPE_CHECKING:
    from ganctl.runs.history import RunStatus, Table

runs = typer.Typer(
    add_completion=False,
    rich_markup_mode="rich",
    invoke_without_command=True,
    help="List runs, compare them, draw their reports.\n\n"
    "Without a command it lists the runs in checkpoints/, the most recently changed first.\n\n"
    "Example: [bold]ganctl runs compare first-try second-try[/]",
)

COMPARISON = Path("compare.png")

# Suffixes that mean an output file, not a run whose name contains a dot.
OTHER_FORMATS = {".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".svg", ".pdf"}

COLUMNS = ("run", "data", "recipe", "epochs", "FD", "best FD", "size", "age", "state")
TEXT_COLUMNS = ("data", "recipe", "state")
# Dropped in this order on a narrow terminal: the best distance says more than the latest, and
# many names contain data and recipe.
OPTIONAL_COLUMNS = ("FD", "data", "recipe", "size", "age")

MINUTE, HOUR, DAY = 60, 3600, 86400


@runs.callback()
def list_runs(ctx: typer.Context, as_json: Json = False) -> None:
    """List the runs; see `runs` for the help."""
    if ctx.invoked_subcommand is not None:
        return
    from ganctl.environment import RUNS
    from ganctl.runs.history import all_runs

    found = all_runs(RUNS)
    if as_json:
        screen.result(*json.dumps(list(map(_plain, found)), indent=2).splitlines())
    elif not found:
        screen.note(f"there is no run in {RUNS}/ yet: ganctl train")
    else:
        from ganctl.cli.tables import show_named_table

        show_named_table(COLUMNS, list(map(_row, found)), TEXT_COLUMNS, OPTIONAL_COLUMNS)
        screen.result(*(f"{each.run.name}: {each.problem}" for each in found if each.problem))


def _row(status: RunStatus) -> list[str]:
    from ganctl.runs.history import data_name

    config = status.config
    return [
        status.run.name,
        data_name(config) if config else "",
        config.kind if config else "",
        f"{status.epochs}/{config.epochs}" if config else "",
        "" if status.distance is None else f"{status.distance:.1f}",
        "" if status.best is None else f"{status.best:.1f}",
        format_bytes(status.run.size),
        age(time.time() - status.run.changed),
        status.state,
    ]


def age(seconds: float) -> str:
    """Return how long ago something was, in its largest unit."""
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= unit:
            return f"{seconds // unit:,.0f} {name}"
    return "now"


def _plain(status: RunStatus) -> dict[str, Any]:
    config = status.config
    return {
        "name": status.run.name,
        "folder": str(status.run.folder),
        "state": status.state,
        "problem": status.problem or None,
        "data": config and config.data,
        "recipe": config and config.recipe,
        "arch": config and config.arch,
        "conditional": config and config.conditional,
        "objective": config and config.objective,
        "epochs": status.epochs,
        "epochs_configured": config and config.epochs,
        "frechet_distance": status.distance,
        "best_frechet_distance": status.best,
        "size": status.run.size,
        "changed": datetime.fromtimestamp(status.run.changed, timezone.utc).isoformat(),
    }


@runs.command()
def compare(
    given: Annotated[
        list[Path],
        typer.Argument(
            metavar="A B… [OUT.png]",
            readable=False,
            autocompletion=complete.runs(".png"),
            help=f"Runs, each by its name, its folder or one of its files; and the PNG to draw, "
            f"{COMPARISON} if none is named.",
        ),
    ],
    as_json: Json = False,
) -> None:
    """Compare runs: curves and samples in a picture, differing options and metrics in tables.

    Example: [bold]ganctl runs compare first-try second-try both.png[/]
    """
    from ganctl.files import check_writable, write_atomic
    from ganctl.runs.history import DISTANCE, config_table, metrics_table, read_run
    from ganctl.runs.plots import MAX_RUNS, draw_comparison
    from ganctl.runs.report import real_metrics_of
    from ganctl.runs.run_dir import RunDir, find_run

    paths, out = list(given), COMPARISON
    if paths[-1].suffix.lower() == ".png":
        out = paths.pop()
    elif paths[-1].suffix.lower() in OTHER_FORMATS and not paths[-1].exists():
        raise BadInput(f"cannot write {paths[-1]}: the format must be PNG", "end it in .png")
    if not 2 <= len(paths) <= MAX_RUNS:
        raise WrongValue(
            f"{counted(len(paths), 'run')} cannot be compared",
            f"name 2 to {MAX_RUNS}: ganctl runs lists them",
        )
    if RunDir(out.parent).config.is_file():
        raise BadInput(f"{out} is in a run's folder", "name a .png in another folder")
    check_writable(out)
    compared = [read_run(find_run(each)) for each in paths]
    names = [each.run.name for each in compared]
    tables = {"configuration": config_table(compared), "figures": metrics_table(compared)}
    known = [real_metrics_of(each.config) for each in compared]
    real = known[0].get(DISTANCE) if all(known) else None
    write_atomic(out, draw_comparison(compared, tables, real))
    if as_json:
        result = {
            "runs": names,
            **{title: dict(rows) for title, rows in tables.items()},
            "real_frechet_distance": real,
        }
        screen.result(*json.dumps(result, indent=2).splitlines())
        screen.note(f"wrote {out}")
    else:
        _show_tables(names, tables)
        if real is not None:
            screen.result(f"real test digits: Fréchet distance {real:.2f}")
        screen.result(f"wrote {out}")


def _show_tables(names: list[str], tables: Mapping[str, Table]) -> None:
    """Print a column per run, headed by letters if the names do not fit."""
    from ganctl.cli.tables import fits, show_table

    cells = {title: [[label, *values] for label, values in rows] for title, rows in tables.items()}
    if not all(fits([title, *names], rows) for title, rows in cells.items()):
        letters = list(ascii_uppercase[: len(names)])
        screen.result(*map(" = ".join, zip(letters, names, strict=True)))
        names = letters
    for title, rows in cells.items():
        if rows:
            show_table("", [title, *names], rows)
    if not cells["configuration"]:
        screen.result("their configurations are the same")


@runs.command()
def report(
    run: Annotated[
        Path | None,
        typer.Argument(
            metavar="RUN",
            readable=False,
            autocompletion=complete.runs(),
            help="Its name, its folder or one of its files.",
            show_default="the one that changed last",
        ),
    ] = None,
) -> None:
    """Draw a run's curves.png, progress.gif and report.html again.

    Training draws them when it ends.

    Example: [bold]ganctl runs report first-try[/]
    """
    from ganctl.runs.report import write_report
    from ganctl.runs.run_dir import find_run

    screen.result(*(f"wrote {path}" for path in write_report(find_run(run))))
