"""The figures in words: names, which way is better, how they are written and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import digits

from ganctl.evaluation.figures import Evaluation, Figures
from ganctl.text import counted


@dataclass(frozen=True)
class Line:
    """One figure of the table."""

    name: str
    better: str  # "↓" or "↑"
    form: str  # of `Figures`
    meaning: str  # of "these images", in one short line

    def text(self, figures: Figures) -> str:
        """Return the figure as the table shows it."""
        return self.form.format(figures)


LINES = (
    Line(
        "Fréchet distance",
        "↓",
        "{.frechet_distance:.2f}",
        "between what the judge sees in these and in training images, as Gaussians",
    ),
    Line(
        "kernel distance",
        "↓",
        "{0.kernel_distance:.2f} ± {0.kernel_distance_error:.2f}",
        "the same without taking them for Gaussians; about 0 where they do not differ",
    ),
    Line(
        "inception score",
        "↑",
        "{.inception_score:.2f}",
        "clear images of all classes: from 1 to the number of classes",
    ),
    Line("precision", "↑", "{.precision:.3f}", "share of these images that lie among real ones"),
    Line("recall", "↑", "{.recall:.3f}", "share of real images that lie among these"),
    Line(
        "density",
        "↑",
        "{.density:.3f}",
        "how closely real images surround these; about 1 for real ones",
    ),
    Line("coverage", "↑", "{.coverage:.3f}", "share of real images with one of these nearby"),
    Line("authenticity", "↑", "{.authenticity:.3f}", "share of these that copy no training image"),
    Line(
        "confidence of the judge",
        "↑",
        "{.confidence:.3f}",
        "how sure it is, on average, of what an image shows",
    ),
    Line(
        "distance from equal shares",
        "↓",
        "{.distance_from_uniform:.3f}",
        "0 where all classes are equally frequent",
    ),
)

ASKED = Line(
    "drawn as asked",
    "↑",
    "{.drawn_as_asked:.2%}",
    "share in which the judge sees the class that was asked for",
)


MONITORED = {
    "frechet_distance": (
        "Fréchet distance",
        "{:.2f}",
        "of 2,000 images from the training ones, by the judge; 0 is best",
    ),
    "confidence": (
        "confidence",
        "{:.3f}",
        "of the judge, on average, in what an image shows; 1 is best",
    ),
    "smallest_share": ("rarest class", "{:.1%}", "of the images, by the judge"),
    "drawn_as_asked": (
        "drawn as asked",
        "{:.2%}",
        "of the images show the class asked for, by the judge",
    ),
}
"""Figures of the images drawn while training: name, form and meaning."""


def doubt(class_names: Sequence[str]) -> str:
    """Return what to think of the judge's figures of pictures of these classes; "" of digits."""
    if class_names and set(class_names) <= set(digits):
        return ""
    return "the judge knows handwritten digits only: trust no figure but its trend"


def lines(evaluation: Evaluation) -> tuple[Line, ...]:
    """Return the lines that both rows of an evaluation have."""
    rows = (evaluation.figures, evaluation.real)
    return LINES if any(row.drawn_as_asked is None for row in rows) else (*LINES, ASKED)


def headline(evaluation: Evaluation) -> str:
    """Return what was measured against what."""
    return (
        f"{counted(evaluation.figures.samples, 'image')}, beside {evaluation.real_name}; "
        f"both measured against {evaluation.reference}"
    )


def about_ratios(evaluation: Evaluation) -> str:
    """Return what the pairs' ratio is, and how often real images have one that looks suspicious."""
    close = 1 - evaluation.real.authenticity
    return (
        "Ratio: how far a sample is from its nearest training image, over how far that one is from "
        f"the next. 0 is a copy; of all real images held out, too, {close:.0%} are below 1."
    )
