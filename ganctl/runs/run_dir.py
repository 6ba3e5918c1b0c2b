"""The folder of a run, ``checkpoints/NAME``: its files, its lock, and how a run is found."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ganctl.checkpoint_file import SUFFIX, peek
from ganctl.config import TrainConfig, from_dict
from ganctl.environment import (
    DEFAULT_RUNS,
    PRETRAINED,
    PRETRAINED_NAMES,
    RUNS,
    is_run_name,
    pretrained_path,
)
from ganctl.errors import BadInput, WrongValue, explain
from ganctl.files import (
    LITTER,
    make_folder,
    near_file,
    sweep,
    sync_folder,
    write_atomic,
    write_error,
)
from ganctl.locks import LockFile, is_held
from ganctl.text import did_you_mean, option

LAST = f"last{SUFFIX}"
CONFIG = "config.json"
SAMPLES = "samples"
LOCK = ".lock"
JOB = ".torchrun"
REPORT_FILES = ("curves.png", "progress.gif", "report.html")  # drawn after training

# All that exists before the first checkpoint, 000000.png being the untrained samples.
BLANK_FILES = (CONFIG, JOB, LOCK, SAMPLES, "000000.png")

SNAPSHOTS = f"step-{'[0-9]' * 12}{SUFFIX}"  # glob pattern

MAX_CONFIG_BYTES = 1_000_000

# Identity of a file: inode, modification time, size. None if the file does not exist.
FileId = tuple[int, int, int] | None


@dataclass
class RunDir:
    """One run's folder."""

    folder: Path

    def __post_init__(self) -> None:
        self.name = self.folder.name
        self.checkpoint = self.folder / LAST  # newest; --resume continues from it
        self.best = self.folder / f"best{SUFFIX}"  # generator with the smallest Fréchet distance
        self.diverged = self.folder / f"diverged{SUFFIX}"  # state that led to NaN or infinity
        self.config = self.folder / CONFIG
        self.metrics = self.folder / "metrics.jsonl"  # one JSON object per epoch
        self.curves, self.animation, self.report = (self.folder / name for name in REPORT_FILES)
        self.lock = self.folder / LOCK  # held by the process that trains the run
        self.job = self.folder / JOB  # torchrun job that started the run

    @property
    def label(self) -> str:
        """Return what commands call the run: its name inside `RUNS`, its path elsewhere."""
        return self.name if self.folder.parent == RUNS else str(self.folder)

    @property
    def resume_command(self) -> str:
        """Return the command line that continues the run."""
        return f"ganctl train {option('resume', self.label)}"

    def sample(self, epoch: int) -> Path:
        """Return the path of the sample grid after ``epoch`` epochs."""
        return self.folder / SAMPLES / f"{epoch:06d}.png"

    def samples(self) -> list[Path]:
        """Return the existing sample grids, oldest first."""
        found = (self.folder / SAMPLES).glob("[0-9]*.png")
        grids = (path for path in found if path.stem.isdecimal() and path.is_file())
        return sorted(grids, key=lambda path: int(path.stem))

    def snapshot(self, step: int) -> Path:
        """Return the path of the checkpoint that is kept after ``step`` steps."""
        return self.folder / f"step-{step:012d}{SUFFIX}"

    @property
    def is_blank(self) -> bool:
        """Return whether the folder holds only what exists before the first checkpoint."""
        try:
            others = [path for path in self.folder.rglob("*") if path.name not in BLANK_FILES]
            return self.folder.is_dir() and all(path.match(LITTER) for path in others)
        except OSError:
            return False

    @property
    def is_running(self) -> bool:
        """Return whether a process trains the run."""
        return is_held(self.lock)

    @property
    def blank_reason(self) -> str:
        """Return why a blank run has no checkpoint and what to do; "" for other runs."""
        if not self.is_blank:
            return ""
        if self.is_running:
            return "it is being trained, and its first checkpoint is not written yet: try again"
        return "it was stopped before its first checkpoint: the same command begins it again"

    @property
    def changed(self) -> float:
        """Return when training last wrote to the folder, in seconds since the epoch."""
        paths = (self.metrics, self.checkpoint, self.diverged, self.config)
        return max(map(modified, paths)) or modified(self.folder)

    @property
    def size(self) -> int:
        """Return the bytes of all files; files that vanish meanwhile do not count."""
        total = 0
        for place, _, names in os.walk(self.folder):
            for name in names:
                with suppress(OSError):
                    total += os.lstat(os.path.join(place, name)).st_size
        return total

    @property
    def checkpoint_id(self) -> FileId:
        """Return a value that differs after each save of the newest checkpoint."""
        try:
            stat = self.checkpoint.stat()
        except OSError:
            return None
        return stat.st_ino, stat.st_mtime_ns, stat.st_size

    def create(self, exist_ok: bool = False) -> None:
        """Create the folder.

        Raises:
            BadInput: it exists, or cannot be created.
            OutOfResources: the disk is full.
        """
        make_folder(RUNS)
        try:
            self.folder.mkdir(exist_ok=exist_ok)
            (self.folder / SAMPLES).mkdir(exist_ok=exist_ok)
            sync_folder(RUNS)
        except FileExistsError as error:
            raise _exists_error(self) from error
        except OSError as error:
            raise write_error(self.folder, error) from error

    @contextmanager
    def locked(self) -> Iterator[LockFile]:
        """Lock the run against other processes, and remove temporary files of killed ones.

        Raises:
            BadInput: another process trains the run, or the folder is not writable.
        """

        def taken(process: str) -> BadInput:
            return BadInput(
                f"{self.folder} is being trained by process {process or 'unknown'}",
                "wait until it ends, or stop it; or begin another: --name another",
            )

        with ExitStack() as stack:
            try:
                lock = stack.enter_context(LockFile(self.lock, taken))
            except OSError as error:
                raise write_error(self.folder, error) from error
            for folder in (self.folder, self.folder / SAMPLES):
                sweep(folder)
            yield lock

    def restore(self, config: Mapping[str, Any], lock: LockFile) -> None:
        """Create the folder, its configuration and the lock again if somebody removed them.

        Raises:
            BadInput: another process trains there by now, or the folder is not writable.
            OutOfResources: the disk is full.
            OSError: the lock cannot be created.
        """
        make_folder(self.folder / SAMPLES)
        lock.acquire()
        if not self.config.exists():
            self.write_config(config)

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write config.json; an identical file keeps its time, so the run does not become newest.

        Raises errors as `ganctl.files.write_atomic`.
        """
        data = (json.dumps(config, indent=2, sort_keys=True) + "\n").encode()
        with suppress(OSError):
            if self.config.read_bytes() == data:
                return
        write_atomic(self.config, data)

    def read_config(self) -> TrainConfig:
        """Return the configuration.

        Raises:
            BadInput: it is missing or invalid.
        """
        hint = "draw from its checkpoint, or remove the folder"
        if not os.path.isfile(self.config):  # a FIFO would block
            raise BadInput(f"there is no {CONFIG} in {self.folder}", hint)
        try:
            with open(self.config, "rb") as file:
                values: Any = json.loads(file.read(MAX_CONFIG_BYTES))
        except OSError as error:
            raise BadInput(f"cannot read {self.config}: {explain(error)}", hint) from error
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{self.config} is not JSON", hint) from error
        if not isinstance(values, dict):
            raise BadInput(f"{self.config} is not a JSON object", hint)
        return from_dict(TrainConfig, values)

    def write_job(self, job: str) -> None:
        """Record the torchrun job that started the run, which may restart it."""
        write_atomic(self.job, job.encode())

    def belongs_to(self, job: str) -> bool:
        """Return whether the torchrun job ``job`` started the run."""
        try:
            return self.job.read_bytes() == job.encode()
        except OSError:
            return False

    def append_metrics(self, metrics: Mapping[str, float]) -> None:
        """Append one line, whole or not at all; errors as of `ganctl.files.write_atomic`."""
        line = (json.dumps(metrics) + "\n").encode()
        try:
            with open(self.metrics, "ab", buffering=0) as file:  # buffered bytes would be kept
                end = file.tell()
                try:
                    if file.write(line) < len(line):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                    os.fsync(file.fileno())
                except OSError:
                    os.ftruncate(file.fileno(), end)
                    raise
        except OSError as error:
            raise write_error(self.metrics, error) from error

    def truncate_metrics(self, step: int) -> None:
        """Remove torn lines and metrics of steps after ``step``; errors as `append_metrics`."""
        try:
            lines = self.metrics.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return
        except OSError as error:
            raise write_error(self.metrics, error) from error
        kept = [line for line in lines if _step(line) <= step]
        if kept != lines:
            write_atomic(self.metrics, b"".join(kept))

    def truncate_samples(self, epoch: int) -> None:
        """Remove the sample grids of epochs after ``epoch``."""
        for path in self.samples():
            if int(path.stem) > epoch:
                path.unlink(missing_ok=True)

    def prune_snapshots(self, step: int, keep: int) -> None:
        """Remove all snapshots but that of ``step`` and the newest ``keep`` before it.

        Snapshots of later steps exist after a rollback, and are removed.
        """
        paths, this = sorted(self.folder.glob(SNAPSHOTS)), self.snapshot(step)
        kept = [this, *[path for path in reversed(paths) if path < this][:keep]]
        for path in set(paths).difference(kept):
            path.unlink(missing_ok=True)


def modified(path: Path) -> float:
    """Return a file's modification time in seconds since the epoch; 0 if it does not exist."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def new_run(name: str) -> RunDir:
    """Return the run ``name``, which must not exist or must be blank.

    Raises:
        WrongValue: the name is not a plain folder name.
        BadInput: the run exists.
    """
    if not is_run_name(name):
        message = f"{option('name', name)} is not a plain folder name"
        raise WrongValue(message, "such as --name first-try")
    run = RunDir(RUNS / name)
    if os.path.lexists(run.folder) and not run.is_blank:
        raise _exists_error(run)
    return run


def runs_with(file: str) -> list[RunDir]:
    """Return the runs that have ``file`` (`LAST` or `CONFIG`), the most recently changed first."""
    runs = [RunDir(path.parent) for path in RUNS.glob(f"*/{file}")]
    return sorted(runs, key=lambda run: run.changed, reverse=True)


def newest_run(trained: bool = False) -> RunDir | None:
    """Return the most recently changed run that has a checkpoint.

    Args:
        trained: whether to skip runs that have not taken a step.
    """
    return next((run for run in runs_with(LAST) if not trained or _took_step(run)), None)


def find_run(given: Path | None) -> RunDir:
    """Return the run given by its name, its folder or one of its files; None for the newest.

    Raises:
        BadInput: there is none.
    """
    if given is None:
        return _newest_with(CONFIG)
    folder = given.parent if os.path.isfile(given) else given
    for candidate in (RunDir(folder), RunDir(RUNS / given)):
        if os.path.isfile(candidate.config):
            return candidate
    if error := blank_run_error(given):
        raise error
    guess = did_you_mean(str(given), [run.name for run in runs_with(CONFIG)])
    hint = "name a run's folder or its name: ganctl runs"
    raise BadInput(f"there is no run {given}{guess}", hint)


def find_resumable(given: Path | None) -> tuple[RunDir, Path]:
    """Return a run and the checkpoint to resume from.

    Args:
        given: a run's name, its folder or one of its checkpoints; None for the newest run.

    Raises:
        BadInput: there is none.
    """
    if given is None:
        newest = _newest_with(LAST)
        return newest, newest.checkpoint
    path = find_checkpoint(given)
    run = RunDir(path.parent)
    if not os.path.isfile(run.config):
        hint = "name a run: its folder, its name or its checkpoint"
        raise BadInput(f"{path} is not in a run's folder", hint)
    return run, path


def find_checkpoint(given: Path | None) -> Path:
    """Return a checkpoint given by its file, or by its run's folder or name.

    None means the newest run or, without runs, `PRETRAINED`.

    Raises:
        BadInput: there is none.
    """
    if given is None:
        newest = newest_run(trained=True)
        if newest is None and not os.path.isfile(PRETRAINED):
            raise BadInput(
                f"there is no run in {RUNS}/",
                f"train one: ganctl train; or name the one in ganctl's clone: {pretrained_path()}",
            )
        return PRETRAINED if newest is None else newest.checkpoint
    run = RUNS / given
    file = f"{run.name}{SUFFIX}"
    for candidate in (given, given / LAST, run / LAST, run.parent / file, DEFAULT_RUNS / file):
        if os.path.isfile(candidate):
            return candidate
    if error := blank_run_error(given):
        raise error
    hint = "name a .safetensors file, a run's folder or its name"
    if given.stem in PRETRAINED_NAMES:
        hint = f"it is in ganctl's clone: {pretrained_path(given.stem)}"
    raise BadInput(f"there is no checkpoint {given}{did_you_mean_run(given)}", hint)


def did_you_mean_run(given: Path) -> str:
    """Return ": did you mean 'first-try'?" for a missing run or file; "" without a guess."""
    return did_you_mean(str(given), checkpoint_names()) or near_file(given)


def blank_run_error(given: Path) -> BadInput | None:
    """Return the error for a run, given by its name or folder, that is blank; else None."""
    run = RunDir(RUNS / given.name)
    if given.parent not in (Path(), RUNS) or not is_run_name(given.name):
        return None
    hint = run.blank_reason
    return BadInput(f"there is no checkpoint in {run.folder}", hint) if hint else None


def checkpoint_names(limit: int | None = None) -> list[str]:
    """Return the names that find a checkpoint: runs that have one, and files next to them.

    Args:
        limit: entries of a folder to look at; None for all.
    """
    names = []
    for place in {RUNS, DEFAULT_RUNS}:
        with suppress(OSError), os.scandir(place) as entries:
            for entry in islice(entries, limit):
                if entry.name.endswith(SUFFIX):
                    names.append(entry.name.removesuffix(SUFFIX))
                elif place == RUNS and os.path.isfile(os.path.join(entry.path, LAST)):
                    names.append(entry.name)
    return sorted(names)


def _newest_with(file: str) -> RunDir:
    for run in runs_with(file):
        return run
    raise BadInput(f"there is no run in {RUNS}/", "train one: ganctl train")


def _step(line: bytes) -> float:
    """Return the step of a line of metrics; infinity for a torn line."""
    try:
        return float(json.loads(line)["step"]) if line.endswith(b"\n") else float("inf")
    except (ValueError, KeyError, TypeError, RecursionError):
        return float("inf")


def _took_step(run: RunDir) -> bool:
    try:
        return peek(run.checkpoint).step > 0
    except BadInput:
        return True  # opening it later gives the error


def _exists_error(run: RunDir) -> BadInput:
    if os.path.isfile(run.checkpoint):
        hint = f"go on with it: {run.resume_command}; or choose another --name"
    else:
        hint = "it holds no checkpoint: delete it, or choose another --name"
    return BadInput(f"{run.folder} exists already", hint)
