"""``curves.png``: how one run went."""

from __future__ import annotations

from ganctl.config import TrainConfig
from ganctl.runs.chart import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    SOFT,
    chart,
    distance_axis,
    legend,
    line,
    outputs_title,
    panel,
    shown,
)
from ganctl.runs.history import DISTANCE, History
from ganctl.runs.words import what


def curves(name: str, config: TrainConfig, history: History, real: float | None) -> bytes:
    """Return a PNG of a run's losses, D's outputs, Fréchet distances and speed by its epochs.

    Args:
        name: of the run.
        config: of the run.
        history: its figures; what is missing is left out.
        real: the Fréchet distance of real images, where it is known.
    """
    best = history.best
    end = history.last("epoch") or 1
    with chart(9, 5.4) as (figure, file):
        (distances, outputs), (losses, speed) = figure.subplots(2, 2)
        figure.subplots_adjust(0.07, 0.085, 0.985, 0.86, wspace=0.16, hspace=0.42)
        figure.text(0.07, 0.955, shown(name), fontsize=13, color=INK)
        figure.text(0.07, 0.92, shown(what(config), 130), color=SOFT)

        panel(distances, "Fréchet distance", "epoch", end)
        line(distances, history.series(DISTANCE), "drawn", BLUE, dots=40)
        distance_axis(distances, [history], real)
        if best is not None:
            said = f"best: {best[0]:.4g}"
            distances.plot([best[1]], [best[0]], "o", ms=8, mfc="none", mec=BLUE, label=said)
            legend(distances)

        panel(outputs, outputs_title([config.objective]), "epoch", end)
        outputs.set_ylim(-0.03, 1.03)
        outputs.axhline(0.5, color=GREY, lw=1, ls=":")
        line(outputs, history.series("d_real"), "D(x), real", BLUE)
        line(outputs, history.series("d_fake"), "D(G(z)), drawn", ORANGE)

        panel(losses, "losses", "epoch", end)
        line(losses, history.series("g_loss"), "generator", ORANGE)
        line(losses, history.series("d_loss"), "discriminator", BLUE)

        panel(speed, "images/s", "epoch", end)
        line(speed, history.series("images_per_second"), "", BLUE)
        speed.set_ylim(bottom=0)
        speed.yaxis.set_major_formatter("{x:,.0f}")

        for axes in (outputs, losses):
            legend(axes)
    return file.getvalue()
