"""onnxruntime's session of a model: started and run within limits of time and memory."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import onnxruntime as ort

from ganctl.errors import BadInput, GanctlError, OutOfResources, is_memory_error
from ganctl.inference.onnx_model import REMAKE
from ganctl.inference.patience import TookTooLong, wait_for

T = TypeVar("T")


@dataclass(frozen=True)
class Limits:
    """What a file may cost that is not trusted."""

    model_mb: int = 512  # of the file, in 10⁶ bytes
    image_mb: int = 1024  # of a batch of images and all that the network holds on the way to it
    seconds: float = 60  # for a batch
    any_op: bool = False  # also operators that may hold anything, and run for ever


LIMITS = Limits()


def providers() -> dict[str, str]:
    """Return what can run a generator here: short name → onnxruntime's name, the CPU first."""
    names = sorted(ort.get_available_providers(), key="CPUExecutionProvider".__ne__)
    remote = "AzureExecutionProvider"  # sends to a service, and runs no generator
    return {
        name.removesuffix("ExecutionProvider").lower(): name for name in names if name != remote
    }


def in_time(look: Callable[[], T], name: str, limits: Limits) -> T:
    """Return what looking through the file finds; a file may be made to take for ever."""
    try:
        return wait_for(look, limits.seconds)
    except TookTooLong as error:
        raise _too_long(f"{name} is not looked through", limits) from error


def start(
    data: bytes, name: str, threads: int, provider: str, fold: bool, limits: Limits
) -> ort.InferenceSession:
    """Return a session of the model ``data``, with the constants folded at load or not."""
    chosen = providers()[provider]
    options = ort.SessionOptions()  # its defaults are the fastest that were measured
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # its errors come back as exceptions
    ort.set_default_logger_severity(4)  # and what it says beside sessions is for nobody here
    # Without it the bytes could be of onnxruntime's own format, which nothing here looks through.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        session = wait_for(
            lambda: ort.InferenceSession(
                data,
                options,
                providers=[chosen],
                provider_options=[{"use_tf32": "0"} if provider == "cuda" else {}],
                enable_fallback=0,  # it would print to stdout and go on without the provider
                disabled_optimizers=None if fold else ["ConstantFolding"],
            ),
            limits.seconds,
        )
    except TookTooLong as error:
        raise _too_long(f"{name} is not loaded", limits) from error
    except Exception as error:  # onnxruntime has no exception class of its own to name here
        if is_memory_error(error):
            raise _no_room(name, 1) from error
        raise BadInput(
            f"{name} is not an ONNX file that onnxruntime can run: {_reason(error)}", REMAKE
        ) from error
    if session.get_providers()[0] != chosen:
        raise BadInput(
            f"onnxruntime cannot start its provider '{provider}' here",
            "use --provider cpu, or install the driver and libraries that it needs",
        )
    return session


def run(
    session: ort.InferenceSession,
    output: str,
    fed: dict[str, Any],
    name: str,
    limits: Limits,
    batch: int,
) -> Any:
    """Return what the session draws, in time; Ctrl-C ends it between two operators.

    Args:
        session: of the model ``name``.
        output: which of its outputs.
        fed: its inputs.
        name: for the errors.
        limits: of the time.
        batch: how many images the caller asked for at once; 1 where the file settles it.
    """
    options = ort.RunOptions()

    def stop() -> None:
        options.terminate = True

    try:
        return wait_for(lambda: session.run([output], fed, options)[0], limits.seconds, stop)
    except TookTooLong as error:
        raise _too_long(
            f"{name} has not drawn its batch", limits, ", or a smaller batch"
        ) from error
    except Exception as error:  # onnxruntime has no exception class of its own to name here
        if is_memory_error(error):
            raise _no_room(name, batch) from error
        raise BadInput(f"{name} fails to run: {_reason(error)}", REMAKE) from error


def _too_long(what: str, limits: Limits, or_else: str = "") -> GanctlError:
    return OutOfResources(
        f"{what} after {limits.seconds:g} seconds",
        f"give it more: --max-seconds{or_else}",
    )


def _no_room(name: str, batch: int) -> GanctlError:
    """Return the error; ``batch`` is 1 where fewer images would not help."""
    return OutOfResources(
        f"{name} needs more memory than there is",
        "lower --batch-size" if batch > 1 else "end other programs, or use a machine with more",
    )


def _reason(error: Exception) -> str:
    """Return the part of onnxruntime's message that says something, on one line."""
    text = str(error).rsplit(" : ", 1)[-1].rsplit(" was false. ", 1)[-1]
    text = re.sub(r"^/\S+:\d+ .*?\) ", "", text)  # the place in its source, and the function
    return textwrap.shorten(text, 200, placeholder=" …")
