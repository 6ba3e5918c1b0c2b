"""What a shell offers at the Tab key. Quick, for it is asked at every one; it never fails."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from itertools import islice

from ganctl.runs.run_dir import checkpoint_names

FETCHABLE = ("mnist", "fashion-mnist", "kmnist", "emnist-digits", "usps")
DATA_NAMES = (*FETCHABLE, "digits")
"""`ganctl.data.registry.NAMES`, whose import would take longer than all else."""

MOST = 1000
"""Names that are looked at in a folder."""

SPECIAL = re.compile(r"[^\w@%+=:,./~-]")
"""What means something to a shell."""

Completion = Callable[[str], list[str]]


def words(*offered: str) -> Completion:
    """Return what completes one of these words."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in offered if word.startswith(incomplete)]

    return complete


def files(*endings: str) -> Completion:
    """Return what completes paths of files with these endings, through folders; () for folders."""

    def complete(incomplete: str) -> list[str]:
        return _paths(incomplete, endings)

    return complete


def runs(*endings: str) -> Completion:
    """Return what completes the names of runs, and paths of files with these endings."""

    def complete(incomplete: str) -> list[str]:
        return words(*checkpoint_names(MOST))(incomplete) + _paths(incomplete, endings)

    return complete


def data(incomplete: str) -> list[str]:
    """Complete a data set's name, or the path of a folder or a .zip."""
    return words(*DATA_NAMES)(incomplete) + _paths(incomplete, (".zip",))


def _found(incomplete: str, endings: tuple[str, ...]) -> list[str]:
    folder, begun = os.path.split(incomplete)
    found = []
    with suppress(OSError, ValueError):
        with os.scandir(os.path.expanduser(folder) or ".") as entries:
            for entry in islice(entries, MOST):
                name = entry.name
                if not name.startswith(begun) or (name.startswith(".") and not begun):
                    continue
                if entry.is_dir():
                    found.append(os.path.join(folder, name, ""))
                elif name.lower().endswith(endings) and endings:
                    found.append(os.path.join(folder, name))
    # A shell would end the word after its only completion: what lies in the folder is offered too.
    if len(found) == 1 and found[0].endswith(os.sep):
        return [*found, *_found(found[0], endings)]
    return sorted(found)


def _paths(incomplete: str, endings: tuple[str, ...]) -> list[str]:
    """Return the paths as the shell takes them: bash alone writes them down as they are."""
    word = os.environ.get("COMP_WORDS", "").rpartition(" ")[2]
    quoted = word.startswith(("'", '"'))
    in_bash = os.environ.get("_GANCTL_COMPLETE") == "complete_bash"
    found = _found(incomplete, endings)
    return [SPECIAL.sub(r"\\\g<0>", path) for path in found] if in_bash and not quoted else found
