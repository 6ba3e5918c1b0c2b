"""``ganctl doctor``: what is installed and found here, how fast it is, and what to change."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from ganctl.cli import screen
from ganctl.cli.options import Json, Threads
from ganctl.errors import TRAIN_PACKAGES, MissingDependency
from ganctl.text import duration

if TYPE_CHECKING:
    from ganctl.benchmark.doctor import Checkup
    from ganctl.cli.card_table import Sections


def doctor(threads: Threads = 0, as_json: Json = False) -> None:
    """Say what is installed and found here, how fast it is, and what to change.

    It takes some ten seconds, most of them to measure. Exit code 4: something does not work.

    Example: [bold]ganctl doctor[/]
    """
    from ganctl.benchmark.doctor import INSTALL, check_up
    from ganctl.cli.tables import show_sections

    with screen.phases() as say:
        found = check_up(threads, say)
    if as_json:
        plain = dataclasses.asdict(found) | {"minutes": found.minutes}
        screen.result(*json.dumps(plain, indent=2).splitlines())
    else:
        show_sections(_sections(found))
    if found.problems:
        raise MissingDependency("; ".join(found.problems), f"if it is the installation: {INSTALL}")


def _sections(found: Checkup) -> Sections:
    sections = [
        ("installed", _installed(found)),
        ("machine", _machine(found)),
        ("data and runs", _places(found)),
        ("speed", _speed(found)),
        ("advice", [("•", line) for line in found.advice] or [("•", "nothing to change")]),
    ]
    return [section for section in sections if section[1]]


def _installed(found: Checkup) -> list[tuple[str, str]]:
    versions = found.machine.versions
    rows = [("Python", found.machine.python), *versions.items()]
    if found.torch:
        built = f"CUDA {found.torch.cuda}" if found.torch.cuda else "CPU"
        rows = [
            (name, f"{text}, built for {built}" if name == "torch" else text) for name, text in rows
        ]
    rows = [
        (name, f"{text}: {', '.join(found.providers)}" if name == "onnxruntime" else text)
        for name, text in rows
    ]
    if "tensorboard" not in versions:
        rows.append(("tensorboard", "not there, and only for train --tensorboard"))
    for name in found.missing:
        rows.append(
            (name, "missing; ganctl[train] has it" if name in TRAIN_PACKAGES else "missing")
        )
    return rows


def _machine(found: Checkup) -> list[tuple[str, str]]:
    machine, torch = found.machine, found.torch
    load = "" if machine.load is None else f", load {machine.load:.2f}"
    rows = [
        ("system", machine.system),
        ("processor", machine.cpu),
        ("instructions", ", ".join(found.cpu_flags) or "unknown"),
        ("cores", f"{machine.cores}{load}{', busy with other work' if machine.busy else ''}"),
    ]
    if torch:
        rows.append(("threads", f"{torch.threads} by torch"))
        rows.append(("device", torch.device))
        if torch.gpu and torch.gpu_memory:
            rows.append(("GPU", f"{torch.gpu}, {torch.gpu_memory / 1e9:.1f} GB"))
    return rows


def _places(found: Checkup) -> list[tuple[str, str]]:
    here = [name for name, there in found.data.items() if there]
    absent = [name for name, there in found.data.items() if not there]
    return [
        ("data folder", found.data_dir),
        ("there", ", ".join([*here, "digits"])),
        *([("not downloaded", ", ".join(absent))] if absent else []),
        ("runs", f"{found.runs}, {found.runs_free / 1e9:,.1f} GB free"),
        *found.variables.items(),
    ]


def _speed(found: Checkup) -> list[tuple[str, str]]:
    from ganctl.benchmark.doctor import EPOCHS

    rows = []
    if found.train_speed is not None and found.minutes is not None:
        rows.append(
            (
                "training",
                f"{found.train_speed:,.0f} images/s by the default recipe: {EPOCHS} epochs of "
                f"MNIST in {duration(60 * found.minutes)}",
            )
        )
    if found.judge_speed is not None:
        rows.append(
            ("onnxruntime", f"{found.judge_speed:,.0f} images/s, as evaluate looks at them")
        )
    return rows
