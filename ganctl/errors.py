"""The errors that ganctl raises on purpose; anything else is a bug and keeps its traceback.

::

    GanctlError           exit 1   never raised itself
    ├── BadInput          exit 3   a file, a value or a name that cannot be used
    │   └── WrongValue    exit 2   an option's value that no machine and no file could make right
    │       └── InvalidOption      the same, with the option's name and value apart
    ├── MissingDependency exit 4   a package that the command needs is not installed
    ├── CheckFailed       exit 5   parity, digest or training health: the result cannot be trusted
    └── OutOfResources    exit 6   disk or memory

The other usage errors (exit 2) are typer's own; Ctrl-C exits with 130 and SIGTERM with 143.
"""

from __future__ import annotations

import errno
import re

TRAIN_PACKAGES = ("torch", "torchvision", "onnx", "onnxscript", "safetensors", "matplotlib")
"""What only ``ganctl[train]`` installs."""

OUT_OF_MEMORY = re.compile(
    r"bad_alloc"  # C++
    r"|DefaultCPUAllocator: (can't allocate|not enough) memory"  # torch; on Windows
    r"|Failed to allocate memory"  # onnxruntime
    r"|CU\w+_STATUS_ALLOC_FAILED"  # cuBLAS, cuDNN
    r"|CUDA (error|failure)\b.*\bout of memory"
    r"|MPS backend out of memory"
)
"""What is said where memory runs out, by those who have no class for it."""


class GanctlError(Exception):
    """What went wrong, in one line, and how to go on.

    Args:
        message: names the thing and the reason, without a final full stop.
        hint: the way out, in one line.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.advise(hint)

    def advise(self, hint: str) -> None:
        """Give a way out, in place of what was given before."""
        self.hint = hint
        self.__notes__ = [f"hint: {hint}"]  # a traceback shows it, from Python 3.11 on


class BadInput(GanctlError):
    """A file, a value or a name that cannot be used."""

    exit_code = 3


class WrongValue(BadInput):
    """An option's value that cannot be, whatever there is: on a command line, a usage error."""

    exit_code = 2


class InvalidOption(WrongValue):
    """An option whose value is not allowed: in Python ``lr=-1``, on a command line ``--lr -1``.

    Args:
        name: of the field or parameter.
        value: what it was given.
        allowed: what it may be, in words; of a choice, the choices.
    """

    def __init__(self, name: str, value: object, allowed: str) -> None:
        shown = " ".join(repr(value).split())
        shown = shown if len(shown) <= 60 else f"{shown[:60]}…"
        super().__init__(f"{name}={shown} cannot be used", f"{name}: {allowed}")
        self.name, self.value, self.allowed = name, value, allowed


class MissingDependency(GanctlError):
    """A package that the command needs is not installed."""

    exit_code = 4


class CheckFailed(GanctlError):
    """A result that cannot be trusted: parity, digest or training health."""

    exit_code = 5


class OutOfResources(GanctlError):
    """No space left on the disk, or no memory."""

    exit_code = 6


def explain(error: OSError) -> str:
    """Return the reason that the system gives, in lower case and without number or path."""
    return (error.strerror or str(error) or type(error).__name__).lower()


def missing_extra(error: ModuleNotFoundError, what: str) -> MissingDependency | None:
    """Return what the user is told where ``what`` needs `TRAIN_PACKAGES`; None for a bug."""
    if error.name not in TRAIN_PACKAGES:
        return None
    return MissingDependency(
        f"{what} needs {error.name}, which is not installed", 'pip install "ganctl[train]"'
    )


def is_memory_error(error: Exception) -> bool:
    """Tell whether memory ran out, of the processor or of an accelerator.

    NumPy says it by a class of its own, torch's allocators, onnxruntime and CUDA's libraries mostly
    by the text alone; none of them is imported here.
    """
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    named = type(error).__name__ == "OutOfMemoryError"  # torch's, of any accelerator
    return isinstance(error, MemoryError) or named or bool(OUT_OF_MEMORY.search(str(error)))
