"""``ganctl bench kills`` and ``ganctl bench soak``: what a run loses, and how it holds."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated, Literal

import typer

from ganctl.cli import screen
from ganctl.cli.options import Json, Threads
from ganctl.config import MAX_SEED
from ganctl.errors import CheckFailed
from ganctl.text import counted, duration


def kills(
    times: Annotated[
        int, typer.Option(metavar="N", min=1, help="How many kills, by SIGKILL.")
    ] = 100,
    arch: Annotated[Literal["mlp", "conv"], typer.Option(help="The networks.")] = "mlp",
    conditional: Annotated[
        bool, typer.Option("--conditional", help="Let them learn the classes.")
    ] = False,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, max=MAX_SEED, help="Of the moments of the kills.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Kill a training at random moments, saves included, and see whether anything is lost.

    It goes on each time, and must end as the one that was never killed, to the bit.

    When a run ends before there were kills enough, another is begun.

    Example: [bold]ganctl bench kills --times 100[/]
    """
    from ganctl.benchmark.kills import bench_kills

    found = bench_kills(times, arch, conditional, seed, screen.note)
    if as_json:
        screen.result(*json.dumps(dataclasses.asdict(found), indent=2).splitlines())
    else:
        screen.result(
            f"{counted(found.kills, 'kill')} of runs of {counted(found.epochs, 'epoch')}: "
            f"{found.at_start} before training began, "
            f"{found.while_writing} while a file was being written",
            f"went on from the checkpoint after {found.recovered}, began anew before the first one "
            f"after {found.from_the_beginning}, had nothing left to do after {found.after_the_end}",
            f"lost: {found.lost}",
            f"{counted(found.finished, 'run')} finished, "
            + ("each with" if found.same else "not all with")
            + " the bits of the one that was never killed",
            f"{found.seconds:,.0f} s",
        )
    if found.lost or not found.same:
        raise CheckFailed("a killed run has lost something", "report it: this should not happen")


def soak(
    epochs: Annotated[
        int, typer.Option(metavar="N", min=12, help="Passes over the embedded digits.")
    ] = 300,
    threads: Threads = 0,
    conditional: Annotated[
        bool, typer.Option("--conditional", help="Let the networks learn the classes.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train for long with everything on, and watch memory, open files and the time of a step.

    It exits with 5 if memory grows by more than 2% once it has settled, or an
    epoch's processor time by more than 10%, or the number of open files.

    Example: [bold]ganctl bench soak --epochs 300[/]
    """
    from ganctl.benchmark.soak import SETTLED, bench_soak

    found = bench_soak("digits", epochs, threads, conditional, screen.note)
    if as_json:
        screen.result(*json.dumps(dataclasses.asdict(found), indent=2).splitlines())
    else:
        early, late = found.memory_early / 2**20, found.memory_late / 2**20
        screen.result(
            f"{found.epochs} epochs in {duration(found.seconds)}; medians after epoch "
            f"{SETTLED} and at the end:",
            f"memory: {early:.1f} and {late:.1f} MiB, {found.memory_growth:+.2%}",
            f"open files: {found.files_early} and {found.files_late}",
            f"processor time of an epoch: {found.cpu_early:.2f} and {found.cpu_late:.2f} s, "
            f"{found.cpu_growth:+.1%}",
            f"a step by the clock: {found.step_early * 1000:.2f} and "
            f"{found.step_late * 1000:.2f} ms",
        )
    if found.growth:
        raise CheckFailed(
            found.growth, "try it on a machine with nothing else to do; then report it"
        )
