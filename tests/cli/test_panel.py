from __future__ import annotations

import io
import re

import numpy as np
import pytest
from rich.console import Console

from ganctl.cli.panel import FIGURES, Panel
from ganctl.cli.terminal_pictures import rendered
from ganctl.data.digits import load_digits
from ganctl.runs.history import History
from ganctl.training.progress import Progress

DIGITS = load_digits().images[:64, None]

SIZES = [(80, 22), (80, 38), (120, 38), (120, 22), (200, 60), (60, 20), (40, 12), (80, 5), (10, 1)]


def progress(epoch: int, step: int, **figures: float) -> Progress:
    usual = {"g_loss": 1.0, "d_loss": 0.5, "d_real": 0.7, "d_fake": 0.3}
    return Progress(epoch, 20, step, 100, **usual | figures, images_per_second=5383)


def panel_after(epochs: int, colours: bool = True) -> Panel:
    panel = Panel(colours)
    for epoch in range(1, epochs + 1):
        for step in (30, 60, 100):
            panel.add(progress(epoch, step, g_loss=2 - epoch / 20, d_fake=0.3 + epoch / 100))
    return panel


def text_of(panel: Panel, width: int, height: int) -> str:
    return "\n".join(line.plain for line in panel.lines(width, height, 48))


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 64), (1, 4, 4), (3, 512, 512)])
@pytest.mark.parametrize("colours", [True, False])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_no_frame_is_larger_than_the_window(
    width: int, height: int, colours: bool, shape: tuple[int, ...]
) -> None:
    panel = panel_after(3, colours)
    assert len(panel.lines(width, height, 1e6)) <= height
    panel.add_images(np.random.default_rng(0).integers(0, 256, (8, *shape), dtype=np.uint8))
    lines = panel.lines(width, height, 1e6)
    assert len(lines) <= height and max(line.cell_len for line in lines) <= width
    console = Console(
        file=io.StringIO(), width=width, force_terminal=True, color_system="truecolor", record=True
    )
    console.print(*lines, sep="\n")
    shown = console.export_text().splitlines()
    assert len(shown) == len(lines) and "epoch 3/20"[:width] in shown[0]


@pytest.mark.parametrize(
    ("width", "height", "pictures", "rows"),
    [(80, 22, 15, 1), (120, 22, 15, 1), (80, 38, 31, 1), (120, 38, 29, 1), (200, 60, 43, 3)],
)
def test_large_windows_get_large_pictures_and_high_curves(
    width: int, height: int, pictures: int, rows: int
) -> None:
    panel = panel_after(10)
    panel.add_images(DIGITS)
    lines = panel.lines(width, height, 0)
    assert sum("▀" in line.plain for line in lines) == pictures
    names = [number for number, line in enumerate(lines) if "D(x)" in line.plain]
    following = [number for number, line in enumerate(lines) if "D(G(z))" in line.plain]
    assert following[0] - names[0] == rows


def test_every_figure_has_its_name_its_last_value_its_course_and_its_range() -> None:
    head, *curves = text_of(panel_after(10), 80, 6).splitlines()
    assert re.fullmatch(
        r"epoch 10/20  step 100/100  ━+─+  0:48 left  5,383 images/s", head
    ) and head.count("━") == pytest.approx(head.count("─"), abs=1)
    assert [curve.split("  ")[0].strip() for curve in curves] == [
        name for name, _ in FIGURES.values()
    ]
    losses = re.fullmatch(r"generator loss +1\.500  ([▁-█]{20,}) +1\.500 – 1\.950 *", curves[0])
    assert losses and losses[1] == "".join(sorted(losses[1], reverse=True))
    assert re.fullmatch(r"D\(G\(z\)\) +0\.400  [▁-█]{20,} +0\.310 – 0\.400 *", curves[3])


def test_means_over_an_epoch_become_those_since_the_last_report() -> None:
    panel = Panel(False)
    panel.add(progress(1, 50, g_loss=1.0))
    panel.add(progress(1, 100, g_loss=2.0))  # so it was 3 over the second half
    assert re.search(r"generator loss +3\.000 .* 1\.000 – 3\.000", text_of(panel, 80, 6))
    panel.add(progress(2, 50, g_loss=4.0))  # another epoch
    assert re.search(r"generator loss +4\.000 .* 1\.000 – 4\.000", text_of(panel, 80, 6))
    panel.add(progress(1, 40, g_loss=0.5))  # gone back to a checkpoint
    assert re.search(r"generator loss +0\.500 ", text_of(panel, 80, 6))


def test_the_distance_stands_beside_that_of_real_images_where_it_is_known() -> None:
    panel = Panel(False)
    panel.add(progress(1, 100))
    assert re.search(r"Fréchet distance +– *$", text_of(panel, 80, 6))
    panel.add(progress(2, 100, frechet_distance=2846.2))
    assert re.search(r"distance +2,846  ▅+ +best 2,846 *$", text_of(panel, 80, 6))
    for epoch, distance in ((3, 60.7), (4, 60.7), (5, 70.2)):
        panel.add(progress(epoch, 100, frechet_distance=distance), real=5.975)
    assert re.search(r"distance +70\.2  █+▃?▁+ +best 60\.7 \(real 6\.0\) *$", text_of(panel, 80, 6))
    top, *_, foot = text_of(panel, 120, 20).splitlines()[-3:]
    assert top.rstrip().endswith("  2,846") and foot.rstrip().endswith("  best 60.7 (real 6.0)")


def test_the_curves_go_on_from_the_epochs_before() -> None:
    lines = [
        {"epoch": epoch, "g_loss": 3 - epoch, "frechet_distance": 100.0 / epoch} for epoch in (1, 2)
    ]
    panel = Panel(False)
    panel.add_history(History([*lines, {"epoch": 3, "d_real": "?"}]), 100)
    assert text_of(panel, 80, 6) == "starting"
    panel.add(progress(4, 100, g_loss=0.0))
    text = text_of(panel, 80, 6)
    assert re.search(r"generator loss +0\.000  █+[▆▇]*▅+[▂▃▄]*▁+ +0\.000 – 2\.000", text)
    assert re.search(r"distance +50\.0  █+[▂-▇]?▁+ +best 50\.0", text)


def test_the_head_can_be_renewed_alone_and_say_where_a_run_was_stopped() -> None:
    panel = panel_after(3)
    whole = panel.lines(80, 20, 48)
    assert panel.head(80, 48) == whole[0]
    panel.stand_at(progress(4, 7))
    assert panel.head(80, 48).plain.startswith("epoch 4/20  step 7/100 ")
    assert panel.lines(80, 20, 48)[1:] == whole[1:]


def test_nothing_is_shown_but_that_it_starts_before_the_first_report() -> None:
    assert text_of(Panel(True), 80, 20) == "starting"


def test_new_pictures_are_drawn_and_old_ones_not_again() -> None:
    panel = panel_after(1)
    panel.add_images(DIGITS)
    first, second = (panel.lines(80, 22, seconds) for seconds in (1, 2))
    assert first[-1] is second[-1]
    panel.add_images(DIGITS[::-1])
    assert rendered(panel.lines(80, 22, 3), Console(color_system="truecolor")) != rendered(
        second, Console(color_system="truecolor")
    )


def test_the_distance_of_a_generator_that_knows_nothing_fits_too() -> None:
    panel = Panel(False)
    panel.add(progress(1, 100, frechet_distance=13_006.9), real=5.975)
    assert text_of(panel, 80, 6).endswith("best 13,007 (real 6.0)")
