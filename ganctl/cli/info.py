"""``ganctl info``: what a generator is, out of its file and without torch."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganctl.cli import complete, screen
from ganctl.cli.options import Json, MaxModel
from ganctl.environment import RUNS
from ganctl.errors import BadInput, explain
from ganctl.text import counted, format_bytes

if TYPE_CHECKING:
    from ganctl.cli.card_table import Sections
    from ganctl.runs.run_dir import RunDir

NAMED = 5
"""What a hint names of a folder at the most."""

WAYS = "name an .onnx file, a .safetensors file, a run's folder or its name"


def info(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            readable=False,
            autocompletion=complete.runs(".onnx", ".safetensors"),
            help="An ONNX file, a checkpoint (.safetensors), a run's folder or its name.",
        ),
    ],
    as_json: Json = False,
    max_model_mb: MaxModel = 512,
) -> None:
    """Say what a generator is, where it came from and what is in its file.

    It needs no torch.

    Example: [bold]ganctl info gen.onnx[/], or [bold]ganctl info first-try --json[/]
    """
    file, run = _find(path)
    plain, sections = (
        _describe_checkpoint(file, run)
        if _is_checkpoint(file)
        else _describe_onnx(file, max_model_mb)
    )
    if as_json:
        screen.result(*json.dumps(plain, indent=2, allow_nan=False).splitlines())
    else:
        from ganctl.cli.tables import show_sections

        show_sections((title, rows) for title, rows in sections if rows)


def _find(path: Path) -> tuple[Path, RunDir | None]:
    """Return the file that is meant, and its run where a run was named.

    Raises:
        BadInput: there is none.
    """
    from ganctl.runs.run_dir import LAST, RunDir, blank_run_error, did_you_mean_run, find_checkpoint

    if os.path.isfile(path):
        return path, None
    if os.path.exists(path) and not os.path.isdir(path):
        raise BadInput(f"{path} is neither a file nor a folder", WAYS)
    try:
        found = find_checkpoint(path)
    except BadInput as error:
        if blank_run_error(path):
            raise
        run = RUNS / path
        if not os.path.isdir(path) and os.path.isdir(run):
            raise BadInput(f"there is no checkpoint in {run}", _problem(run)) from error
        if not os.path.isdir(path):
            raise BadInput(
                f"there is no file, folder or run {path}{did_you_mean_run(path)}", WAYS
            ) from error
        raise BadInput(f"there is no checkpoint in {path}", _what_lies_in(path)) from error
    return found, RunDir(found.parent) if found.name == LAST else None


def _problem(run: Path) -> str:
    """Return why a run's folder has no checkpoint, or cannot be read."""
    from ganctl.runs.history import read_status
    from ganctl.runs.run_dir import RunDir

    return read_status(RunDir(run)).problem or "its first is not written yet: try again"


def _what_lies_in(folder: Path) -> str:
    """Return which of the things in ``folder`` can be described, the first few by name."""
    from ganctl.checkpoint_file import SUFFIX
    from ganctl.runs.run_dir import LAST

    files = {path for suffix in (SUFFIX, ".onnx") for path in folder.glob(f"*{suffix}")}
    runs = {path.parent for path in folder.glob(f"*/{LAST}")}
    names = [str(path) for path in sorted(files | runs)]
    if not names:
        return WAYS
    more = f" or {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"name what lies in it: {', '.join(names[:NAMED])}{more}"


def _is_checkpoint(path: Path) -> bool:
    from ganctl.checkpoint_file import is_checkpoint

    try:
        return is_checkpoint(path)
    except OSError as error:
        raise BadInput(f"cannot read {path}: {explain(error)}", WAYS) from error


def _describe_onnx(path: Path, max_mb: int) -> tuple[dict[str, Any], Sections]:
    """Return what is known of an ONNX file: as plain JSON types, and as sections to be shown."""
    from ganctl.cli.card_table import card_sections, images
    from ganctl.inference.describe import describe_onnx
    from ganctl.inference.onnx_model import NotOnnx

    try:
        found = describe_onnx(path, max_mb)
    except NotOnnx as error:
        error.set_hint(WAYS)
        raise
    plain: dict[str, Any] = {
        "path": str(path),
        "kind": "ONNX file, its weights in other files" if found.elsewhere else "ONNX file",
        "size": found.size,
        "sha256_verified": found.sealed,
        "latent_dim": found.latent_dim,
        "image_shape": found.image_shape,
        "class_names": found.class_names,
        "guesses": found.guesses,
        "fixed_batch": found.fixed_batch,
        "problem": found.problem,
        "way_out": found.way_out,
        "inputs": found.inputs,
        "outputs": found.outputs,
        "opset": found.opset,
        "producer": found.producer,
        "operators": found.operators,
        "numbers": found.numbers,
        "card": None,
    }
    file = [
        *_file_rows(plain),
        ("SHA-256", "verified" if found.sealed else "none: ganctl did not write this file"),
    ]
    graph = [
        *(("input", each) for each in found.inputs),
        *(("output", each) for each in found.outputs),
        ("operators", ", ".join(f"{op} × {count}" for op, count in found.operators.items())),
        ("numbers stored", f"{found.numbers:,}"),
        ("opset", f"{found.opset}"),
    ]
    if found.producer:
        graph.append(("written by", found.producer))
    if found.card is not None:
        if found.image_shape not in (None, found.card.image_shape):  # as --for makes it
            file.append(("draws", f"{images(found.image_shape)}: made of the generator's images"))
        plain["card"] = json.loads(found.card.to_json())
        return plain, [("file", file), *card_sections(found.card), ("graph", graph)]
    file.append(("model card", "none: the file does not say where it came from"))
    generator = [("guessed", guess) for guess in found.guesses]
    if found.latent_dim and found.image_shape:
        shape = images(found.image_shape)
        generator = [("latents", f"{found.latent_dim:,}"), ("images", shape), *generator]
    if found.problem:
        generator += [("infer refuses it", found.problem), ("way out", found.way_out or "")]
    if found.fixed_batch:
        generator.append(("drawn at once", counted(found.fixed_batch, "image")))
    if found.class_names:
        generator.append(("classes", f"{len(found.class_names):,}, can be asked for by number"))
    return plain, [("file", file), ("generator", generator), ("graph", graph)]


def _describe_checkpoint(path: Path, run: RunDir | None) -> tuple[dict[str, Any], Sections]:
    """Return what is known of a checkpoint and, where a run was named, of its folder."""
    from ganctl.checkpoint_file import PREFIXES, read_header
    from ganctl.cli.card_table import card_sections

    header = read_header(path)
    alone = header.groups.keys() <= set(PREFIXES.values())
    plain: dict[str, Any] = {
        "path": str(path),
        "kind": "checkpoint, the generator alone" if alone else "checkpoint",
        "size": os.path.getsize(path),
        "sha256_verified": True,  # there is no output otherwise
        "step": header.step,
        "parameters": header.parameters,
        "tensors": header.groups,
        "card": json.loads(header.card.to_json()),
    }
    sections: Sections = [
        ("file", [*_file_rows(plain), ("SHA-256", "verified")]),
        *card_sections(header.card, header.parameters),
        ("tensors", [(name, counted(n, "number")) for name, n in header.groups.items()]),
    ]
    if run is None:
        return plain, sections
    told, rows = _describe_run(run)
    return plain | {"run": told}, [("run", rows), *sections]


def _describe_run(run: RunDir) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return what is known of a run's folder beyond its newest checkpoint."""
    from ganctl.checkpoint_file import read_header
    from ganctl.cli.card_table import figures_line
    from ganctl.runs.history import read_status

    history, best = read_status(run).history, None
    if os.path.isfile(run.best):
        best = read_header(run.best)
    last = history.lines[-1] if history.lines else {}
    plain: dict[str, Any] = {
        "folder": str(run.folder),
        "best": None,
        "report": None,
        "last_metrics": last,
        "samples": len(run.samples()),
        "size": run.size,
    }
    rows = [("folder", str(run.folder)), ("newest checkpoint", run.checkpoint.name)]
    if best is not None:
        card = best.card
        distance = card.quality.get("frechet_distance")
        plain["best"] = {
            "path": str(run.best),
            "epochs": card.epochs,
            "frechet_distance": distance,
        }
        said = "" if distance is None else f": Fréchet distance {distance:.2f}"
        rows.append(("best checkpoint", f"{run.best.name}, after epoch {card.epochs:,}{said}"))
    if line := figures_line(last):
        rows.append(("last epoch", line))
    if os.path.isfile(run.report):
        plain["report"] = str(run.report)
        rows.append(("report", plain["report"]))
    rows.append(("sample pictures", f"{plain['samples']:,}"))
    rows.append(("size of all files", format_bytes(plain["size"])))
    return plain, rows


def _file_rows(plain: dict[str, Any]) -> list[tuple[str, str]]:
    return [("path", plain["path"]), ("kind", plain["kind"]), ("size", format_bytes(plain["size"]))]
