"""The run directory ``checkpoints/NAME``: what a run leaves, and how a run is found again."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganctl.card_rules import is_kept
from ganctl.environment import RUNS
from ganctl.errors import BadInput, WrongValue
from ganctl.files import (
    make_folder,
    sweep,
    sync_folder,
    write_atomic,
    write_error,
)
from ganctl.locks import Claim, claimed
from ganctl.runs.run_files import (
    BEST,
    CONFIG,
    DIVERGED,
    JOB,
    LAST,
    LOCK,
    METRICS,
    SAMPLES,
    is_blank,
    is_run_name,
    label,
    samples,
    size,
)
from ganctl.text import option

SNAPSHOTS = f"step-{'[0-9]' * 12}.safetensors"

Stamp = tuple[int, int, int] | None
"""What tells a file from the one that takes its place."""


@dataclass(frozen=True)
class Run:
    """One run's folder."""

    folder: Path

    @property
    def name(self) -> str:
        """Return the run's name, which is its folder's."""
        return self.folder.name

    @property
    def checkpoint(self) -> Path:
        """Return the newest checkpoint's path."""
        return self.folder / LAST

    @property
    def best(self) -> Path:
        """Return the path of the generator that had the smallest Fréchet distance."""
        return self.folder / BEST

    @property
    def diverged(self) -> Path:
        """Return the path of the state in which training went on to no finite number."""
        return self.folder / DIVERGED

    @property
    def metrics(self) -> Path:
        """Return the path of the figures, one JSON object an epoch."""
        return self.folder / METRICS

    def sample(self, epoch: int) -> Path:
        """Return the path of the sample grid drawn after ``epoch`` epochs."""
        return self.folder / SAMPLES / f"{epoch:06d}.png"

    def snapshot(self, step: int) -> Path:
        """Return the path of the checkpoint after ``step`` steps, which later ones leave alone."""
        return self.folder / f"step-{step:012d}.safetensors"

    def prune(self, step: int, keep: int) -> None:
        """Remove all snapshots but that of ``step`` and the newest ``keep`` before it.

        Those of later steps are of a future that the run has gone back from.
        """
        snapshots, here = sorted(self.folder.glob(SNAPSHOTS)), self.snapshot(step)
        before = [path for path in snapshots if path < here]
        after = [path for path in snapshots if path > here]
        for path in before[: max(0, len(before) - keep)] + after:
            path.unlink(missing_ok=True)

    def rewind_samples(self, epoch: int) -> None:
        """Remove the sample grids of later epochs than ``epoch``, which will be drawn again."""
        for path in samples(self.folder):
            if int(path.stem) > epoch:
                path.unlink(missing_ok=True)

    def samples(self) -> int:
        """Return how many sample grids there are."""
        return len(samples(self.folder))

    def size(self) -> int:
        """Return the bytes of all its files; those that go while they are counted do not count."""
        return size(self.folder)

    @property
    def resume_command(self) -> str:
        """Return what to type to go on with it."""
        return f"ganctl train {option('resume', label(self.folder))}"

    @property
    def is_blank(self) -> bool:
        """Tell whether the folder holds no more than a run that was killed as it began."""
        return is_blank(self.folder)

    def create(self, again: bool = False) -> None:
        """Make the folder; ``again``: it may be there.

        Raises:
            BadInput: it exists, perhaps since a moment ago, or cannot be made.
            OutOfResources: the disk is full.
        """
        make_folder(RUNS)
        try:
            self.folder.mkdir(exist_ok=again)
            (self.folder / SAMPLES).mkdir(exist_ok=again)
            sync_folder(RUNS)
        except FileExistsError as error:
            raise _taken(self) from error
        except OSError as error:
            raise write_error(self.folder, error) from error

    def stamp(self) -> Stamp:
        """Return what is another after each save of the newest checkpoint; None without one."""
        try:
            found = self.checkpoint.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    @contextmanager
    def claimed(self) -> Iterator[Claim]:
        """Keep other processes out of the run for the block, and remove what killed ones left.

        Raises:
            BadInput: another process trains it, or its folder may not be written.
        """

        def taken(process: str) -> BadInput:
            return BadInput(
                f"{self.folder} is being trained by process {process or 'unknown'}",
                "wait until it ends, or stop it; or begin another: --name another",
            )

        with ExitStack() as held:
            try:
                claim = held.enter_context(claimed(self.folder / LOCK, taken))
            except OSError as error:
                raise write_error(self.folder, error) from error
            for folder in (self.folder, self.folder / SAMPLES):
                sweep(folder)
            yield claim

    def restore_folder(self, config: Mapping[str, Any], claim: Claim) -> None:
        """Make the folder again where somebody has removed it, and claim it again.

        Raises:
            BadInput: another process trains there by now, or the folder may not be written.
            OutOfResources: the disk is full.
            OSError: the lock cannot be made.
        """
        make_folder(self.folder / SAMPLES)
        claim.renew()
        if not (self.folder / CONFIG).exists():
            self.write_config(config)

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write the configuration as config.json, if it is not there; errors as of `ganctl.files`.

        So a run that is only looked at again does not become the newest.
        """
        path, text = self.folder / CONFIG, json.dumps(config, indent=2, sort_keys=True) + "\n"
        with suppress(OSError):
            if path.read_bytes() == text.encode():
                return
        write_atomic(path, text.encode())

    def sign(self, job: str) -> None:
        """Write who has begun this run, so that a restart tells it from an older one."""
        write_atomic(self.folder / JOB, job.encode())

    def is_signed(self, job: str) -> bool:
        """Tell whether this run was begun by ``job``."""
        try:
            return (self.folder / JOB).read_bytes() == job.encode()
        except OSError:
            return False

    def append_metrics(self, figures: Mapping[str, float]) -> None:
        """Add one epoch's figures, a whole line or nothing; errors as of `ganctl.files`."""
        line = json.dumps(figures) + "\n"
        try:
            with open(self.metrics, "ab", buffering=0) as file:  # or the rest came at its closing
                whole = file.tell()
                try:
                    if file.write(line.encode()) < len(line.encode()):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                    os.fsync(file.fileno())
                except OSError:
                    os.ftruncate(file.fileno(), whole)
                    raise
        except OSError as error:
            raise write_error(self.metrics, error) from error

    def last_metrics(self) -> dict[str, Any]:
        """Return the figures of the last whole line; {} where there is none that can be read."""
        try:
            lines = self.metrics.read_bytes().splitlines()
        except OSError:
            return {}
        for line in reversed(lines):
            try:
                figures = json.loads(line)
            except (ValueError, RecursionError):
                continue  # torn
            if isinstance(figures, dict) and is_kept(figures):
                return figures
        return {}

    def rewind_metrics(self, step: int) -> None:
        """Drop the figures of later steps than ``step``, which a resumed run will write again."""
        try:
            lines = self.metrics.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return
        except OSError as error:
            raise write_error(self.metrics, error) from error
        kept = [line for line in lines if _step(line) <= step]
        if kept != lines:
            write_atomic(self.metrics, b"".join(kept))


def _step(line: bytes) -> float:
    """Return the step of a line of metrics; a torn line counts as later than all."""
    try:
        return float(json.loads(line)["step"]) if line.endswith(b"\n") else float("inf")
    except (ValueError, KeyError, TypeError, RecursionError):
        return float("inf")


def new_run(name: str) -> Run:
    """Return the run ``name``, which must not exist yet, or have been killed as it began.

    Raises:
        WrongValue: the name is not a plain folder name.
        BadInput: it is taken.
    """
    if not is_run_name(name):
        raise WrongValue(
            f"{option('name', name)} is not a plain folder name",
            "such as --name first-try",
        )
    run = Run(RUNS / name)
    if os.path.lexists(run.folder) and not run.is_blank:
        raise _taken(run)
    return run


def _taken(run: Run) -> BadInput:
    if os.path.isfile(run.checkpoint):
        way_out = f"go on with it: {run.resume_command}; or choose another --name"
    else:
        way_out = "it holds no checkpoint: delete it, or choose another --name"
    return BadInput(f"{run.folder} exists already", way_out)
