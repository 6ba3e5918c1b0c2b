"""``ganctl runs``: what was trained, how it went, and several runs beside each other."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganctl.cli import complete, screen
from ganctl.cli.options import Json
from ganctl.errors import BadInput, WrongValue
from ganctl.text import counted, sized

if TYPE_CHECKING:
    from ganctl.runs.compare import Compared
    from ganctl.runs.history import RunStatus

runs = typer.Typer(
    add_completion=False,
    rich_markup_mode="rich",
    invoke_without_command=True,
    help="List the runs, lay them side by side, draw their reports.\n\n"
    "Alone it lists the runs in checkpoints/, the one that changed last first.\n\n"
    "Example: [bold]ganctl runs compare first-try second-try[/]",
)

COMPARISON = Path("compare.png")

OTHER_PICTURES = {".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".svg", ".pdf"}
"""What is taken for a picture to be drawn, not for a run, whose name may have a full stop."""

COLUMNS = ("run", "data", "recipe", "epochs", "FD", "best FD", "size", "age", "state")
WORDS = ("data", "recipe", "state")
LEAST = ("FD", "data", "recipe", "size", "age")
"""Columns that give way on a narrow terminal, the first one first.

The best distance says more than the newest, and many a name says data and recipe.
"""

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

        show_named_table(COLUMNS, list(map(_row, found)), WORDS, LEAST)
        screen.result(*(f"{each.run.name}: {each.problem}" for each in found if each.problem))


def _row(status: RunStatus) -> list[str]:
    from ganctl.runs.words import data_name

    config = status.config
    return [
        status.run.name,
        data_name(config) if config else "",
        config.kind if config else "",
        f"{status.epochs}/{config.epochs}" if config else "",
        "" if status.distance is None else f"{status.distance:.1f}",
        "" if status.best is None else f"{status.best:.1f}",
        sized(status.run.size),
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
        "arch": config and config.model.arch,
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
    """Lay runs side by side: their curves and samples in a picture, what differs in a table.

    Example: [bold]ganctl runs compare first-try second-try both.png[/]
    """
    from ganctl.files import check_writable, write_atomic
    from ganctl.runs.compare import MOST, read_run
    from ganctl.runs.history import DISTANCE
    from ganctl.runs.report import known_figures
    from ganctl.runs.run_dir import CONFIG, find_run
    from ganctl.runs.side_by_side import picture

    named, out = list(given), COMPARISON
    if named[-1].suffix.lower() == ".png":
        out = named.pop()
    elif named[-1].suffix.lower() in OTHER_PICTURES and not named[-1].exists():
        raise BadInput(
            f"cannot write {named[-1]}: '{named[-1].suffix}' is no kind of output", "end it in .png"
        )
    if not 2 <= len(named) <= MOST:
        raise WrongValue(
            f"{counted(len(named), 'run')} cannot be compared",
            f"name 2 to {MOST}: ganctl runs lists them",
        )
    if (out.parent / CONFIG).is_file():
        raise BadInput(f"{out} lies among a run's own pictures", "name a .png in another folder")
    check_writable(out)
    compared = [read_run(find_run(each)) for each in named]
    known = [known_figures(run.config) for run in compared]
    real = known[0].get(DISTANCE) if all(known) else None
    write_atomic(out, picture(compared, real))
    _show(compared, real, as_json)
    (screen.note if as_json else screen.result)(f"wrote {out}")


def _show(compared: Sequence[Compared], real: float | None, as_json: bool) -> None:
    from ganctl.runs.compare import differences, outcomes

    parts = {"configuration": differences(compared), "figures": outcomes(compared)}
    if as_json:
        plain = {
            "runs": [run.name for run in compared],
            **{title: dict(rows) for title, rows in parts.items()},
            "real_frechet_distance": real,
        }
        screen.result(*json.dumps(plain, indent=2).splitlines())
        return
    from ganctl.cli.tables import fits, show_table

    names = [run.name for run in compared]
    tables = {title: [[name, *values] for name, values in rows] for title, rows in parts.items()}
    if not all(fits([title, *names], rows) for title, rows in tables.items()):
        letters = ascii_uppercase[: len(names)]
        screen.result(*map(" = ".join, zip(letters, names, strict=True)))
        names = list(letters)
    for title, rows in tables.items():
        if rows:
            show_table("", [title, *names], rows)
    if not parts["configuration"]:
        screen.result("their configurations are the same")
    if real is not None:
        screen.result(f"real test digits: Fréchet distance {real:.2f}")


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
    """Draw a run's curves.png, progress.gif and report.html anew, at any time.

    Training draws them when it ends.

    Example: [bold]ganctl runs report first-try[/]
    """
    from ganctl.runs.report import write_report
    from ganctl.runs.run_dir import find_run

    screen.result(*(f"wrote {path}" for path in write_report(find_run(run))))
