"""The errors that ganctl raises on purpose. Any other exception is a bug and keeps its traceback.

::

    GanctlError           exit 1   base class, never raised itself
    ├── BadInput          exit 3   a file, a value or a name that cannot be used
    │   └── WrongValue    exit 2   an option value that is wrong on any machine: a usage error
    │       └── InvalidOption      the same, with the option's name and value as attributes
    ├── MissingDependency exit 4   a package that the command needs is not installed
    ├── CheckFailed       exit 5   parity, checksum or training health: the result is not reliable
    └── OutOfResources    exit 6   no disk space or memory left

The other usage errors (exit 2) are typer's own. Ctrl-C exits with 130 and SIGTERM with 143.
"""

from __future__ import annotations

import errno
import re

# The packages that only ``ganctl[train]`` installs.
TRAIN_PACKAGES = ("torch", "torchvision", "onnx", "onnxscript", "safetensors", "matplotlib")

# How libraries that raise a plain RuntimeError report that memory ran out.
OUT_OF_MEMORY = re.compile(
    r"bad_alloc"  # C++
    r"|DefaultCPUAllocator: (can't allocate|not enough) memory"  # torch; on Windows
    r"|Failed to allocate memory"  # onnxruntime
    r"|CU\w+_STATUS_ALLOC_FAILED"  # cuBLAS, cuDNN
    r"|CUDA (error|failure)\b.*\bout of memory"
    r"|MPS backend out of memory"
)


class GanctlError(Exception):
    """An error for the user: a ``message`` with the reason, and a ``hint`` how to continue.

    Both are one line without a final full stop.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.set_hint(hint)

    def set_hint(self, hint: str) -> None:
        """Replace the hint."""
        self.hint = hint
        self.__notes__ = [f"hint: {hint}"]  # tracebacks show it, from Python 3.11 on


class BadInput(GanctlError):
    """A file, a value or a name that cannot be used."""

    exit_code = 3


class WrongValue(BadInput):
    """An option value that is wrong on any machine: on a command line, a usage error."""

    exit_code = 2


class InvalidOption(WrongValue):
    """A value that an option does not allow; ``allowed`` says in words which values it does."""

    def __init__(self, name: str, value: object, allowed: str) -> None:
        shown = " ".join(repr(value).split())
        shown = shown if len(shown) <= 60 else f"{shown[:60]}…"
        super().__init__(f"{name}={shown} cannot be used", f"{name}: {allowed}")
        self.name, self.value, self.allowed = name, value, allowed


class MissingDependency(GanctlError):
    """A package that the command needs is not installed."""

    exit_code = 4


class CheckFailed(GanctlError):
    """A parity, checksum or training health check failed: the result is not reliable."""

    exit_code = 5


class OutOfResources(GanctlError):
    """No disk space or no memory left."""

    exit_code = 6


def explain(error: OSError) -> str:
    """Return the system's reason in lower case, without the error number and the path."""
    return (error.strerror or str(error) or type(error).__name__).lower()


def missing_extra(error: ModuleNotFoundError, what: str) -> MissingDependency | None:
    """Return the error to show if ``what`` needs one of `TRAIN_PACKAGES`; None for a bug."""
    package = (error.name or "").partition(".")[0]
    if package not in TRAIN_PACKAGES:
        return None
    return MissingDependency(
        f"{what} needs {package}, which is not installed", 'pip install "ganctl[train]"'
    )


def is_memory_error(error: Exception) -> bool:
    """Tell whether ``error`` says that the memory of the CPU or of an accelerator ran out."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    is_torch = type(error).__name__ == "OutOfMemoryError"  # known without importing torch
    return isinstance(error, MemoryError) or is_torch or bool(OUT_OF_MEMORY.search(str(error)))
