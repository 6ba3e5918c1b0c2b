"""The bytes of a model file: read once, from a regular file of bounded size."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ganctl.errors import BadInput, OutOfResources, explain
from ganctl.files import near_file
from ganctl.inference.onnx_model import NAME_ONE
from ganctl.text import option


def read_model(path: Path, max_mb: int) -> bytes:
    """Return the bytes of the file ``path``, of at most ``max_mb`` · 10⁶.

    It is looked at after it is opened, so that nothing else can take its place in between, and
    opened without waiting, as a FIFO would make it.

    Raises:
        BadInput: it cannot be read, or is no regular file.
        OutOfResources: it is larger.
    """
    try:
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise BadInput(f"{path} is not a file", NAME_ONE)
            data = file.read(min(status.st_size, max_mb * 10**6) + 1)
    except IsADirectoryError as error:
        raise BadInput(f"{path} is not a file", NAME_ONE) from error
    except FileNotFoundError as error:
        raise BadInput(
            f"cannot read model {path}: {explain(error)}{near_file(path)}", NAME_ONE
        ) from error
    except OSError as error:
        raise BadInput(f"cannot read model {path}: {explain(error)}", NAME_ONE) from error
    except ValueError as error:  # a NUL in the name
        raise BadInput(f"cannot read model {str(path)!r}: {error}", NAME_ONE) from error
    if len(data) > max_mb * 10**6:
        raise OutOfResources(
            f"{path} has {status.st_size / 1e6:,.0f} MB, more than {max_mb:,}",
            f"if you trust it: {option('max_model_mb', -(-status.st_size // 10**6))}",
        )
    return data
