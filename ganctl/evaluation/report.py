"""An evaluation for others to look at: one page or one picture, by the ending of its name."""

from __future__ import annotations

import os
from pathlib import Path

from ganctl.errors import BadInput
from ganctl.evaluation.figures import Evaluation
from ganctl.evaluation.page import page
from ganctl.evaluation.poster import poster
from ganctl.files import check_writable, write_atomic

PAGE, POSTER = ".html", ".png"


def check_report(out: Path) -> None:
    """Fail before anything is measured if `write_report` could not write to ``out``.

    Raises:
        BadInput: the ending is unknown, or the place cannot be written.
    """
    if out.suffix.lower() not in (PAGE, POSTER):
        raise BadInput(
            f"cannot write {out}: '{out.suffix}' is no kind of report",
            f"end it in {PAGE} (a page) or {POSTER} (a picture)",
        )
    check_writable(out)
    if os.path.exists(out) and not os.path.isfile(out):
        raise BadInput(f"cannot write {out}: it is in the way", "name another file")


def write_report(out: Path, evaluation: Evaluation) -> None:
    """Write what was found, whole or not at all.

    Raises:
        BadInput: as `check_report`.
        OutOfResources: the disk is full.
    """
    check_report(out)
    draw = page if out.suffix.lower() == PAGE else poster
    write_atomic(out, draw(evaluation))
